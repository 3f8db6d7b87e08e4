"""Inboxes below a prefix of a bucket: objects appear whole, so none waits, and none is missed or ingested twice."""

import pytest

from tests.support.s3_server import BUCKET

ODD = ("a b+c&d=e.mp3", "Ü/ø ?.mp3", "per%20cent.mp3", "semi;colon:.mp3")


@pytest.fixture
def bucket(s3_server, credentials, watch, tmp_path):
    """An inbox in a bucket, and a client that puts objects into it."""
    assert credentials is None
    client, prefix = s3_server.client(), tmp_path.name

    class Bucket:
        def __init__(self) -> None:
            self.watched = watch(path=f"s3://{BUCKET}/{prefix}", endpoint=s3_server.endpoint)

        def put(self, key: str, content: bytes = b"") -> None:
            client.put_object(
                Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"" if key.endswith("/") else content or key.encode()
            )

        def listed(self) -> set[str]:
            found = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", ())
            return {each["Key"].removeprefix(f"{prefix}/") for each in found}

    return Bucket()


def test_objects_are_ingested_at_the_first_look_whatever_their_keys(bucket):
    for key in ("same.mp3", "second.mp3", "folder/", "folder/deep/c.mp3", *ODD):
        bucket.put(key)
    inbox = bucket.watched
    report = inbox.scan()
    assert report.new == 7
    assert set().union(*inbox.batches().values()) == {"same.mp3", "second.mp3", "folder/deep/c.mp3", *ODD}
    assert len(inbox.jobs()) == 7
    bucket.put("third.mp3")
    bucket.put("same.mp3", b"other content")
    assert inbox.scan().new == 2
    assert inbox.scan().new == 0


def test_documents_are_put_beside_and_done_objects_moved_or_deleted(bucket):
    inbox = bucket.watched
    inbox.change(after="move", beside=True)
    bucket.put("talks/a.mp3")
    bucket.put("done/talks/a.mp3", b"another")
    inbox.scan()
    inbox.end_batches()
    inbox.scan()
    documents = {f"talks/a{ending}" for ending in (".json", "_refined.srt", "_refined.vtt", "_formatted_refined.txt")}
    assert bucket.listed() == {"done/talks/a.mp3", "done/talks/a (2).mp3"} | documents
    inbox.change(after="delete", beside=False)
    bucket.put("b.mp3")
    inbox.scan()
    inbox.end_batches()
    inbox.scan()
    assert "b.mp3" not in bucket.listed()


def test_options_and_ignored_folders_hold_in_a_bucket_too(bucket):
    inbox = bucket.watched
    bucket.put("talks/.batchscribe.toml", b'language = "fr"')
    bucket.put("talks/a.mp3")
    bucket.put("private/.batchscribe-skip")
    bucket.put("private/b.mp3")
    bucket.put("@eaDir/c.mp3")
    report = inbox.scan()
    assert [*inbox.batches().values()] == [{"talks/a.mp3"}]
    assert {kept_out.pattern for kept_out in report.ignored} == {".*", ".batchscribe-skip", "@eadir"}
