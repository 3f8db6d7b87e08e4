"""
An inbox below a prefix of an S3 bucket.

Objects appear whole, so there is nothing to wait for. Each look lists everything: a cursor by time would miss what was
put within the same second, and events get lost.
"""

import contextlib
from collections.abc import Iterator
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from typing_extensions import override

from tasks.errors import InboxUnavailable, StoreUnavailable
from tasks.ingest.inboxes import Inbox
from tasks.ingest.sources import Entry, Kind, Source, SourceChanged, SourceDenied, numbered
from tasks.settings import Settings
from tasks.storage.base import CHUNK_BYTES
from tasks.storage.open_bucket import open_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NANOSECONDS = 10**9
MARK = ".batchscribe"
"""Prefix of the names of files that say something about their folder."""


def open_bucket_source(inbox: Inbox, settings: Settings) -> "BucketSource":
    """Return the source of an ``s3://`` inbox. Raises `InboxUnavailable`; connects to nothing."""
    address = urlsplit(inbox.path)
    prefix = address.path.strip("/")
    try:
        client = open_client(
            inbox.path,
            endpoint=inbox.endpoint or settings.store_endpoint,
            credentials=inbox.credentials or settings.store_credentials,
        )
    except StoreUnavailable as error:
        raise InboxUnavailable(str(error)) from error
    return BucketSource(client, address.netloc, f"{prefix}/" if prefix else "")


class BucketSource(Source):
    """The inbox below *prefix* (empty, or with ``/`` at its end) in a bucket."""

    settles = False

    def __init__(self, client: "S3Client", bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @override
    def entries(self, folder: str) -> Iterator[Entry]:
        below = self._prefix + (f"{folder}/" if folder else "")
        pages = self._client.get_paginator("list_objects_v2")
        with self._told():
            for page in pages.paginate(Bucket=self._bucket, Prefix=below, Delimiter="/"):
                for common in page.get("CommonPrefixes", ()):
                    path = common["Prefix"].removeprefix(self._prefix).removesuffix("/")
                    if path != folder and not path.endswith("/"):  # a part of the path is empty: a//b
                        yield Entry(path, Kind.FOLDER)
                for found in page.get("Contents", ()):
                    if not found["Key"].endswith("/"):  # the folders that S3 consoles make
                        time_ns = int(found["LastModified"].timestamp() * NANOSECONDS)
                        yield self._entry(found["Key"], found["Size"], time_ns, found["ETag"])

    @override
    def device(self) -> str:
        return ""

    @cached_property
    def _marks(self) -> frozenset[str]:
        """The paths of all marks of folders: one listing instead of two requests for each folder."""
        pages = self._client.get_paginator("list_objects_v2")
        with self._told():
            return frozenset(
                found["Key"].removeprefix(self._prefix)
                for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix)
                for found in page.get("Contents", ())
                if found["Key"].rpartition("/")[2].startswith(MARK)
            )

    @override
    def look(self, path: str) -> Entry | None:
        if path.rpartition("/")[2].startswith(MARK) and path not in self._marks:
            return None
        with self._told():
            try:
                head = self._client.head_object(Bucket=self._bucket, Key=self._prefix + path)
            except ClientError as error:
                if _status(error) == HTTPStatus.NOT_FOUND:
                    return None
                raise
        time_ns = int(head["LastModified"].timestamp() * NANOSECONDS)
        return self._entry(self._prefix + path, head["ContentLength"], time_ns, head["ETag"])

    def _entry(self, key: str, size: int, time_ns: int, etag: str) -> Entry:
        signature = f"{size}-{time_ns // NANOSECONDS}-{etag}"
        return Entry(key.removeprefix(self._prefix), Kind.FILE, size, time_ns, signature)

    @override
    def chunks(self, path: str, signature: str) -> Iterator[bytes]:
        with self._told():
            answer = self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)
            with contextlib.closing(answer["Body"]) as body:
                time_ns = int(answer["LastModified"].timestamp() * NANOSECONDS)
                if self._entry(path, answer["ContentLength"], time_ns, answer["ETag"]).signature != signature:
                    raise SourceChanged
                yield from body.iter_chunks(CHUNK_BYTES)

    @override
    def read(self, path: str) -> bytes:
        with self._told():
            return self._client.get_object(Bucket=self._bucket, Key=self._prefix + path)["Body"].read()

    @override
    def place(self, path: str, content: bytes, *, over: bool) -> bool:
        condition = {} if over else {"IfNoneMatch": "*"}
        with self._told():
            try:
                self._client.put_object(Bucket=self._bucket, Key=self._prefix + path, Body=content, **condition)  # type: ignore[arg-type]  # no TypedDict
            except ClientError as error:
                if _status(error) == HTTPStatus.PRECONDITION_FAILED:
                    return False
                raise
        return True

    @override
    def delete(self, path: str, signature: str) -> None:
        self._check(path, signature)
        with self._told():
            self._client.delete_object(Bucket=self._bucket, Key=self._prefix + path)

    @override
    def move(self, path: str, signature: str, target: str, sha256: str) -> str:
        entry, number = self._check(path, signature), 1
        while (there := self.look(numbered(target, number))) is not None:
            if there.size == entry.size and _etag(there) == _etag(entry):  # a move before this one was interrupted
                break
            number += 1
        with self._told():
            source = {"Bucket": self._bucket, "Key": self._prefix + path}
            if there is None:
                self._client.copy(source, self._bucket, self._prefix + numbered(target, number))  # type: ignore[arg-type]
        copied = self.look(numbered(target, number))
        if copied is None or copied.size != entry.size:
            msg = "the copy is not complete"
            raise SourceDenied(msg)
        self.delete(path, signature)
        return numbered(target, number)

    def _check(self, path: str, signature: str) -> Entry:
        entry = self.look(path)
        if entry is None or entry.signature != signature:
            raise SourceChanged
        return entry

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Translate errors of boto3 and the service into `SourceChanged`, `SourceDenied` or `InboxUnavailable`."""
        try:
            yield
        except ClientError as error:
            said = error.response["Error"].get("Message") or error.response["Error"].get("Code", "")
            if error.response["Error"].get("Code") == "NoSuchKey":
                raise SourceChanged from error
            if error.operation_name not in ("ListObjectsV2", "HeadObject") and _status(error) == HTTPStatus.FORBIDDEN:
                raise SourceDenied(said) from error
            raise self._unavailable(error, "refused to answer") from error
        except BotoCoreError as error:
            raise self._unavailable(error, "did not answer") from error

    def _unavailable(self, error: Exception, what: str) -> InboxUnavailable:
        return InboxUnavailable(
            f"The inbox s3://{self._bucket}/{self._prefix} at {self._client.meta.endpoint_url} {what} ({error}). Check "
            "its address and credentials, and that its user may list and read there."
        )


def _status(error: ClientError) -> int:
    return error.response["ResponseMetadata"]["HTTPStatusCode"]


def _etag(entry: Entry) -> str:
    return entry.signature.partition('"')[2]
