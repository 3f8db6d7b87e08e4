"""
Open the store of an ``s3://bucket/prefix`` address.

Credentials come from the prefect-aws block that the settings name, or from the usual AWS chain; an ``S3Bucket`` block
names bucket and folder, too. Prefect retries failures, so boto3 tries only twice: once more for a connection that the
service had closed meanwhile.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from tasks.errors import StoreUnavailable
from tasks.settings import Settings
from tasks.storage.base import checked_prefix
from tasks.storage.s3 import S3Store

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from prefect_aws import AwsCredentials, MinIOCredentials

MAX_PREFIX_BYTES = 120
"""With `tasks.storage.base.MAX_KEY_BYTES` below the 1024 that S3 allows."""

S3_BUCKET = "s3-bucket/"
CREDENTIALS = ("aws-credentials", "s3-bucket", "minio-credentials")
"""Kinds of blocks that hold credentials, as Prefect names them; tried in this order."""

NO_SUCH_BLOCK = "Unable to find block document"
"""Prefect's words, in an error that says nothing else."""

ANY_REGION = "us-east-1"
"""Signed into requests to services that have no regions."""


def open_bucket(settings: Settings) -> S3Store:
    """Return the store in the bucket of ``settings.store_address``. Raises `StoreUnavailable`; connects to nothing."""
    address, credentials = settings.store_address, settings.store_credentials
    if address.startswith(S3_BUCKET):
        block, credentials = _load([address]), credentials or address
        address = f"s3://{block.bucket_name}/{block.bucket_folder}"
    bucket, prefix = _location(address)
    client = open_client(address, endpoint=settings.store_endpoint, credentials=credentials)
    return S3Store(client, bucket, prefix, _options(settings))


def open_client(address: str, *, endpoint: str, credentials: str) -> "S3Client":
    """Return a client for the bucket at *address*; *credentials* names a block. Raises `StoreUnavailable`."""
    block = _credentials(credentials) if credentials else None
    options: dict[str, Any] = block.aws_client_parameters.get_params_override() if block else {}
    if endpoint:
        options["endpoint_url"] = endpoint
    options["config"] = _config(custom="endpoint_url" in options).merge(options.get("config", Config()))
    try:
        session = block.get_boto3_session() if block else boto3.Session()
        options.setdefault("region_name", session.region_name or ANY_REGION)
        client: S3Client = session.client("s3", **options)
    except (BotoCoreError, ValueError) as exc:
        msg = f"The bucket {address} can't be opened: {exc}. Correct the settings of its endpoint and credentials."
        raise StoreUnavailable(msg) from exc
    return client


def _credentials(name: str) -> "AwsCredentials | MinIOCredentials":
    block = _load([name] if "/" in name else [f"{kind}/{name}" for kind in CREDENTIALS])
    credentials: AwsCredentials | MinIOCredentials = getattr(block, "credentials", block)  # S3Bucket has some
    return credentials


def _options(settings: Settings) -> dict[str, str]:
    """Return the options of each write, by S3's names."""
    chosen = {
        "ServerSideEncryption": settings.store_encryption,
        "SSEKMSKeyId": settings.store_encryption_key,
        "StorageClass": settings.store_storage_class,
    }
    return {name: value for name, value in chosen.items() if value}


def _location(address: str) -> tuple[str, str]:
    """Return the bucket of an S3 address and the prefix in it, with ``/`` at its end unless it is empty."""
    parts = urlsplit(address)
    prefix = parts.path.strip("/")
    prefix = f"{prefix}/" if prefix else ""
    try:
        checked_prefix(prefix)
    except ValueError as exc:
        msg = f"{address} is no address of a store: {exc} Set BATCHSCRIBE_STORE to s3://bucket/prefix."
        raise StoreUnavailable(msg) from exc
    if not parts.netloc or len(prefix.encode()) > MAX_PREFIX_BYTES:
        msg = (
            f"{address} is no address of a store. Set BATCHSCRIBE_STORE to s3://bucket/prefix, "
            f"with at most {MAX_PREFIX_BYTES} bytes behind the bucket."
        )
        raise StoreUnavailable(msg)
    return parts.netloc, prefix


def _load(names: Sequence[str]) -> Any:
    """Return the first of these blocks that exists; each name has the kind of the block before it."""
    import httpx
    import prefect_aws  # noqa: F401 - makes its blocks known
    from prefect.blocks.core import Block

    load: Any = Block.load
    for name in names:
        try:
            return load(name, _sync=True)  # a flow that runs in an event loop would get a coroutine
        except (ValueError, httpx.HTTPError) as exc:
            if name != names[-1] and NO_SUCH_BLOCK in str(exc):
                continue
            kinds = " or ".join(dict.fromkeys(name.partition("/")[0] for name in names))
            block = name.partition("/")[2]
            msg = f"The {kinds} block {block!r} can't be loaded: {exc}. Make it in the Prefect UI under Blocks."
            raise StoreUnavailable(msg) from exc
    return None


def _config(*, custom: bool) -> Config:
    """Return the client's configuration for S3; *custom* stands for a service at an address of its own."""
    return Config(
        signature_version="s3v4",
        # A name like bucket.host, which AWS wants, is in no DNS of a service at home.
        s3={"addressing_style": "path" if custom else "auto"},
        retries={"total_max_attempts": 2, "mode": "standard"},
        connect_timeout=5,
        read_timeout=20,
        max_pool_connections=32,
        # Many services refuse the checksums that boto3 would add of itself since 1.36.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
