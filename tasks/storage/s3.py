"""
A store in an S3 bucket, of AWS or of any service that speaks S3 and knows ``If-None-Match``.

A put is atomic there: one request, or a multipart upload that shows only when it is completed. `open_bucket` makes the
client.
"""

import contextlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError
from botocore.response import StreamingBody
from typing_extensions import override

from tasks.errors import DiskFull, StoreUnavailable
from tasks.names import attachment, media_type
from tasks.storage.base import (
    CHUNK_BYTES,
    Store,
    StoredObject,
    check_range,
    checked_folder_prefix,
    checked_key,
    checked_prefix,
    not_found,
)

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import MultipartUploadTypeDef, ObjectIdentifierTypeDef

MIB = 2**20
MAX_DELETED_AT_ONCE = 1000
"""S3's limit of keys in one request."""

_TRANSFER = TransferConfig(multipart_threshold=16 * MIB, multipart_chunksize=16 * MIB, max_concurrency=4)
_REFUSED = "refused the credentials ({code}). Correct the access key and its secret."
_EXPIRED = (
    "refused the credentials because they have expired ({code}). Renew them, in their block or in the environment; "
    "then start again what was started with them: make up"
)
_ELSEWHERE = (
    "refused the request, since the bucket is in another region ({code}). Set AWS_DEFAULT_REGION, or the region of the "
    "credentials' block, to the one of the bucket."
)
_SKEWED = (
    "refused the request: its clock and that of this machine are more than 15 minutes apart. Have this machine set its "
    "clock by NTP: timedatectl set-ntp true"
)
_COMPLAINTS = {
    "InvalidAccessKeyId": _REFUSED,
    "SignatureDoesNotMatch": _REFUSED,
    "InvalidToken": _REFUSED,
    "ExpiredToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "RequestTimeTooSkewed": _SKEWED,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "PermanentRedirect": _ELSEWHERE,
    "IllegalLocationConstraintException": _ELSEWHERE,
    "NoSuchBucket": "has no such bucket. Create the bucket, or correct BATCHSCRIBE_STORE.",
    "KMS.NotFoundException": "has no such key. Correct BATCHSCRIBE_STORE_ENCRYPTION_KEY.",
    "KMS.DisabledException": "may not use the key that encrypts ({code}). Enable it in KMS.",
}
_FULL = {"InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"}


class S3Store(Store):
    """The store below *prefix* (empty, or with ``/`` at its end) in a bucket that exists."""

    def __init__(self, client: "S3Client", bucket: str, prefix: str, options: Mapping[str, str] | None = None) -> None:
        """*options* go with each write: encryption and storage class, by S3's names."""
        self._client = client
        self._bucket = bucket
        self._prefix = prefix
        self._options: dict[str, Any] = {**(options or {})}

    @override
    def write(self, key: str, data: bytes) -> None:
        with self._translated():
            self._client.put_object(Bucket=self._bucket, Key=self._key(key), Body=data, **self._options_for(key))

    @override
    def create(self, key: str, data: bytes) -> bool:
        writer = secrets.token_hex(16)
        with self._translated():
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=self._key(key),
                    Body=data,
                    IfNoneMatch="*",
                    Metadata={"writer": writer},
                    **self._options_for(key),
                )
            except ClientError as exc:
                if _status(exc) != HTTPStatus.PRECONDITION_FAILED:
                    raise
                # Ours, if the answer to the put was lost and boto3 sent it again.
                return self._writer(key) == writer
        return True

    @override
    def put_file(self, key: str, path: Path) -> None:
        with path.open("rb") as source, self._translated():
            options = self._options_for(key)
            self._client.upload_fileobj(source, self._bucket, self._key(key), ExtraArgs=options, Config=_TRANSFER)

    @override
    def stat(self, key: str) -> StoredObject | None:
        with self._translated():
            try:
                head = self._client.head_object(Bucket=self._bucket, Key=self._key(key))
            except ClientError as exc:
                if _status(exc) != HTTPStatus.NOT_FOUND:
                    raise
                self._client.head_bucket(Bucket=self._bucket)  # a store that is gone holds no answer
                return None
        return StoredObject(key=key, size=head["ContentLength"], modified=head["LastModified"])

    @override
    def read_range(self, key: str, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        check_range(start, stop)
        last = "" if stop is None else max(start, stop - 1)
        with self._translated():
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(key), Range=f"bytes={start}-{last}")
            except ClientError as exc:
                if _status(exc) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # behind the end, or the object is empty
                    return iter(())
                if _code(exc) == "NoSuchKey":
                    raise not_found(key) from exc
                raise
        if start == stop:  # HTTP can't ask for nothing
            answer["Body"].close()
            return iter(())
        return self._chunks(answer["Body"])

    @override
    def list(self, prefix: str) -> Iterator[str]:
        # Sorted here: AWS's directory buckets and some other services list in an order of their own.
        yield from sorted(self._keys(checked_prefix(prefix)))

    @override
    def objects(self, prefix: str) -> Iterator[StoredObject]:
        yield from sorted(self._objects(checked_prefix(prefix)), key=lambda found: found.key)

    @override
    def folders(self, prefix: str) -> Iterator[str]:
        below = self._prefix + checked_prefix(prefix)
        pages = self._client.get_paginator("list_objects_v2")
        with self._translated():
            found = [
                common["Prefix"].removeprefix(below).removesuffix("/")
                for page in pages.paginate(Bucket=self._bucket, Prefix=below, Delimiter="/")
                for common in page.get("CommonPrefixes", ())
            ]
        yield from sorted(found)

    @override
    def delete(self, key: str) -> None:
        with self._translated():
            self._client.delete_object(Bucket=self._bucket, Key=self._key(key))

    @override
    def delete_all(self, prefix: str) -> int:
        keys = [*self._keys(checked_folder_prefix(prefix))]
        for first in range(0, len(keys), MAX_DELETED_AT_ONCE):
            doomed: Sequence[ObjectIdentifierTypeDef] = [
                {"Key": self._key(key)} for key in keys[first : first + MAX_DELETED_AT_ONCE]
            ]
            with self._translated():
                answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": doomed, "Quiet": True})
            for error in answer.get("Errors", ()):
                msg = f"{self._address} did not delete {error.get('Key')}: {error.get('Message')}. Try again."
                raise StoreUnavailable(msg)
        return len(keys)

    @override
    def unfinished(self, *, older_than_seconds: float) -> Iterator[StoredObject]:
        for upload in self._unfinished(older_than_seconds):
            key = upload["Key"].removeprefix(self._prefix)
            yield StoredObject(key=key, size=0, modified=upload["Initiated"])

    @override
    def sweep(self, *, older_than_seconds: float) -> int:
        unfinished = self._unfinished(older_than_seconds)
        with self._translated():
            for upload in unfinished:
                try:
                    self._client.abort_multipart_upload(
                        Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                    )
                except ClientError as exc:
                    if _code(exc) != "NoSuchUpload":  # it was finished meanwhile
                        raise
        return len(unfinished)

    @override
    def uri(self, key: str) -> str:
        return f"s3://{self._bucket}/{self._key(key)}"

    @override
    def presigned_url(self, key: str, *, name: str, seconds: int) -> str | None:
        parameters = {
            "Bucket": self._bucket,
            "Key": self._key(key),
            "ResponseContentType": media_type(name),
            "ResponseContentDisposition": attachment(name),
        }
        with self._translated():
            return self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)

    def _unfinished(self, older_than_seconds: float) -> "Sequence[MultipartUploadTypeDef]":
        latest = datetime.now(UTC) - timedelta(seconds=older_than_seconds)
        pages = self._client.get_paginator("list_multipart_uploads")
        with self._translated():
            return [
                upload
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix)
                for upload in page.get("Uploads", ())
                if upload["Initiated"] <= latest
            ]

    @property
    def _address(self) -> str:
        return f"The store s3://{self._bucket}/{self._prefix} at {self._client.meta.endpoint_url}"

    def _key(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _options_for(self, key: str) -> dict[str, Any]:
        return self._options | {"ContentType": media_type(key)}

    def _writer(self, key: str) -> str | None:
        head = self._client.head_object(Bucket=self._bucket, Key=self._key(key))
        return head["Metadata"].get("writer")

    def _keys(self, prefix: str) -> Iterator[str]:
        return (found.key for found in self._objects(prefix))

    def _objects(self, prefix: str) -> Iterator[StoredObject]:
        pages = self._client.get_paginator("list_objects_v2")
        with self._translated():
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix + prefix):
                for found in page.get("Contents", ()):
                    if not found["Key"].endswith("/"):  # the folders that S3 consoles make
                        key = found["Key"].removeprefix(self._prefix)
                        yield StoredObject(key=key, size=found["Size"], modified=found["LastModified"])

    def _chunks(self, body: StreamingBody) -> Iterator[bytes]:
        with self._translated(), contextlib.closing(body):
            yield from body.iter_chunks(CHUNK_BYTES)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate errors of boto3 and the service into `DiskFull` or `StoreUnavailable`."""
        try:
            yield
        except (ClientError, BotoCoreError) as exc:
            if isinstance(exc, ClientError) and (
                _code(exc) in _FULL or _status(exc) == HTTPStatus.INSUFFICIENT_STORAGE
            ):
                msg = f"{self._address} is full. Free some space there, then try again."
                raise DiskFull(msg) from exc
            msg = f"{self._address} {_complaint(exc)}"
            raise StoreUnavailable(msg) from exc


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def _code(error: ClientError) -> str:
    return error.response["Error"].get("Code", "")


def _complaint(error: ClientError | BotoCoreError) -> str:
    """Return the failure of the store and what to do about it, to be read after its name."""
    if isinstance(error, (NoCredentialsError, PartialCredentialsError)):
        return (
            "needs credentials, and none were found. Set BATCHSCRIBE_STORE_CREDENTIALS to the name of an "
            "AwsCredentials block, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
        )
    if isinstance(error, BotoCoreError):
        return f"did not answer ({error}). Check that it runs and that BATCHSCRIBE_STORE_ENDPOINT is its address."
    code = _code(error)
    if error.operation_name == "HeadBucket" and _status(error) == HTTPStatus.NOT_FOUND:
        code = "NoSuchBucket"
    if code in _COMPLAINTS:
        return _COMPLAINTS[code].format(code=code)
    if _status(error) == HTTPStatus.FORBIDDEN:
        return f"refused {error.operation_name}. Allow its user to read, write, list and delete in the bucket."
    return f"refused {error.operation_name}: {error.response['Error'].get('Message') or _code(error)}. Try again later."
