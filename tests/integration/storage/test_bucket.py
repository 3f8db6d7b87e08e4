"""Features of buckets alone: types of content, encryption, storage classes, presigned addresses, its own refusals."""

import hashlib
import sys

import httpx
import pytest
from botocore.stub import ANY, Stubber

from tasks.errors import StoreUnavailable
from tasks.storage.open_store import open_store
from tests.integration.storage.conftest import MIB
from tests.support.s3_server import BUCKET

WRITTEN = {"Bucket": BUCKET, "ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "key-1", "StorageClass": "STANDARD_IA"}


@pytest.fixture
def bucket(s3_settings):
    return open_store(s3_settings)


@pytest.fixture
def encrypting(s3_settings):
    """A bucket whose client answers what a `Stubber` is told to, and the prefix in it."""
    chosen = {"store_encryption": "aws:kms", "store_encryption_key": "key-1", "store_storage_class": "STANDARD_IA"}
    store = open_store(s3_settings.model_copy(update=chosen))
    with Stubber(store._client) as stubber:
        yield store, stubber
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("results/a_formatted_refined.txt", "text/plain; charset=utf-8"),
        ("results/a_refined.srt", "application/x-subrip; charset=utf-8"),
        ("results/a_refined.vtt", "text/vtt; charset=utf-8"),
        ("results/a.json", "application/json"),
        ("recordings/a.mp3", "audio/mpeg"),
    ],
)
def test_objects_know_what_they_hold(bucket, s3_server, tmp_path, key, content_type):
    source = tmp_path / "source"
    source.write_bytes(b"content")
    for number, put in enumerate((bucket.write, bucket.create, lambda key, _: bucket.put_file(key, source))):
        put(f"{number}/{key}", b"content")
        head = s3_server.client().head_object(Bucket=BUCKET, Key=bucket.uri(f"{number}/{key}").split("/", 3)[3])
        assert head["ContentType"] == content_type


def test_each_write_asks_for_encryption_and_storage_class(encrypting, tmp_path):
    store, stubber = encrypting
    json = WRITTEN | {"Key": ANY, "Body": ANY, "ContentType": "application/json"}
    stubber.add_response("put_object", {}, json)
    stubber.add_response("put_object", {}, json | {"IfNoneMatch": "*", "Metadata": ANY})
    stubber.add_response("put_object", {}, json | {"ContentType": "audio/mpeg"})
    store.write("a.json", b"{}")
    assert store.create("a.json", b"{}")
    small = tmp_path / "small"
    small.write_bytes(b"sound")
    store.put_file("a.mp3", small)


def test_large_files_ask_for_it_too(encrypting, tmp_path):
    store, stubber = encrypting
    stubber.add_response(
        "create_multipart_upload", {"UploadId": "1"}, WRITTEN | {"Key": ANY, "ContentType": "audio/mpeg"}
    )
    for number in (1, 2):
        part = {"Bucket": BUCKET, "Key": ANY, "UploadId": "1", "PartNumber": ANY, "Body": ANY}
        stubber.add_response("upload_part", {"ETag": f'"{number}"'}, part)
    stubber.add_response("complete_multipart_upload", {}, {"Bucket": BUCKET, "Key": ANY, "UploadId": "1"} | {
        "MultipartUpload": ANY
    })  # fmt: skip
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(20 * MIB)
    store.put_file("a.mp3", large)


def test_an_encrypted_object_is_read_back(s3_settings, s3_server):
    store = open_store(s3_settings.model_copy(update={"store_storage_class": "STANDARD_IA"}))
    store.write("a.txt", b"kept")
    assert store.read("a.txt") == b"kept"
    head = s3_server.client().head_object(Bucket=BUCKET, Key=store.uri("a.txt").split("/", 3)[3])
    assert head["StorageClass"] == "STANDARD_IA"


def test_a_key_without_its_encryption_is_a_mistake(settings_for):
    with pytest.raises(ValueError, match="needs BATCHSCRIBE_STORE_ENCRYPTION=aws:kms"):
        settings_for(store="s3://media/x", store_encryption_key="key-1")


def test_a_presigned_address_is_read_without_credentials_in_parts_too(bucket):
    bucket.write("talks/Gespräch.txt", b"0123456789")
    url = bucket.presigned_url("talks/Gespräch.txt", name="Gespräch.txt", seconds=60)
    answer = httpx.get(url)
    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "filename*=UTF-8''Gespr%C3%A4ch.txt" in answer.headers["content-disposition"]
    part = httpx.get(url, headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.content) == (206, b"234")


def test_a_presigned_address_is_good_for_its_object_only(bucket):
    bucket.write("a.txt", b"a")
    bucket.write("b.txt", b"b")
    url = bucket.presigned_url("a.txt", name="a.txt", seconds=60)
    assert httpx.get(url.replace("/a.txt?", "/b.txt?")).status_code == 403


@pytest.mark.parametrize(
    ("code", "status", "sentence"),
    [
        ("ExpiredToken", 400, "because they have expired .* Renew them"),
        ("SignatureDoesNotMatch", 403, "Correct the access key"),
        ("AccessDenied", 403, "Allow its user to read, write, list and delete"),
        ("RequestTimeTooSkewed", 403, "Have this machine set its clock by NTP"),
        ("NoSuchBucket", 404, "has no such bucket"),
        ("KMS.NotFoundException", 400, "Correct BATCHSCRIBE_STORE_ENCRYPTION_KEY"),
        ("SlowDown", 503, "Try again later"),
    ],
)
def test_a_refusal_says_what_to_do(bucket, code, status, sentence):
    with Stubber(bucket._client) as stubber:
        stubber.add_client_error("put_object", code, "Refused.", status)
        with pytest.raises(StoreUnavailable, match=sentence):
            bucket.write("a.txt", b"a")


LARGE = 300 * MIB
ROUND_TRIP = """
import re
from pathlib import Path
source, back = Path({source!r}), Path({back!r})
store.put_file("large.mp3", source)
store.fetch("large.mp3", back)
status = Path("/proc/self/status").read_text()  # getrusage counts what the process was forked from as well
print(int(re.search(r"VmHWM:\\s+(\\d+)", status)[1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("settings", ["s3"], indirect=True)
def test_a_large_file_travels_in_little_memory(started, tmp_path):
    source, back = tmp_path / "source", tmp_path / "back"
    with source.open("wb") as file:
        file.truncate(LARGE)
        file.seek(LARGE // 2)
        file.write(b"sound")
    process = started(ROUND_TRIP.format(source=str(source), back=str(back)))
    answer, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert int(answer) < 400, "MiB: parts of 16 MiB, four at a time, and Python with boto3"
    with source.open("rb") as first, back.open("rb") as second:
        assert hashlib.file_digest(first, "sha256").digest() == hashlib.file_digest(second, "sha256").digest()
