"""The credentials of a bucket may be a block in a real Prefect server."""

import asyncio

import pytest
from prefect_aws import AwsCredentials, MinIOCredentials, S3Bucket
from prefect_aws.client_parameters import AwsClientParameters

from tasks.errors import StoreUnavailable
from tasks.storage.open_store import open_store

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.fixture
def block(s3_server, monkeypatch):
    """Save a block that holds the only credentials there are."""
    key, secret = s3_server.access_key, s3_server.secret_key
    AwsCredentials(aws_access_key_id=key, aws_secret_access_key=secret).save("media-store", overwrite=True)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    return "media-store"


def test_a_block_opens_the_bucket(block, s3_server, settings_for):
    open_store(
        settings_for(store="s3://media/block", store_endpoint=s3_server.endpoint, store_credentials=block)
    ).check()


def test_a_block_opens_the_bucket_in_an_event_loop_too(block, s3_server, settings_for):
    async def check():
        settings = settings_for(store="s3://media/block", store_endpoint=s3_server.endpoint, store_credentials=block)
        open_store(settings).check()

    asyncio.run(check())


def test_a_block_may_hold_the_address_of_the_service(block, s3_server, settings_for):
    credentials = AwsCredentials.load(block)
    credentials.aws_client_parameters.endpoint_url = s3_server.endpoint
    credentials.save("media-store-with-address")
    open_store(settings_for(store="s3://media/block", store_credentials="media-store-with-address")).check()


def test_a_missing_block_is_asked_for(settings_for):
    with pytest.raises(StoreUnavailable, match=r"block 'none' can't be loaded: .* Make it in the Prefect UI"):
        open_store(settings_for(store="s3://media/block", store_credentials="none"))


@pytest.fixture
def bucket_block(block, s3_server):
    """Save an S3Bucket block with the same credentials."""
    credentials = AwsCredentials.load(block)
    credentials.aws_client_parameters.endpoint_url = s3_server.endpoint
    credentials.save("media-for-bucket", overwrite=True)
    at_service = AwsClientParameters(endpoint_url=s3_server.endpoint)
    key, secret = s3_server.access_key, s3_server.secret_key
    minio = MinIOCredentials(minio_root_user=key, minio_root_password=secret, aws_client_parameters=at_service)
    minio.save("media-minio", overwrite=True)
    bucket = S3Bucket(bucket_name="media", bucket_folder="of-block", credentials=credentials)
    bucket.save("media-bucket", overwrite=True)
    return "media-bucket"


@pytest.mark.parametrize(
    "name", ["media-bucket", "s3-bucket/media-bucket", "aws-credentials/media-for-bucket", "media-minio"]
)
def test_the_credentials_of_a_bucket_s_block_open_the_bucket(bucket_block, settings_for, name):
    assert bucket_block
    store = open_store(settings_for(store="s3://media/block", store_credentials=name))
    store.check()
    assert store.uri("a").startswith("s3://media/block/")


def test_a_bucket_s_block_names_bucket_and_folder(bucket_block, settings_for):
    store = open_store(settings_for(store=f"s3-bucket/{bucket_block}"))
    store.check()
    assert store.uri("a") == "s3://media/of-block/a"


def test_a_missing_bucket_s_block_is_asked_for(settings_for):
    with pytest.raises(StoreUnavailable, match=r"The s3-bucket block 'none' can't be loaded: .* Make it in the"):
        open_store(settings_for(store="s3-bucket/none"))
