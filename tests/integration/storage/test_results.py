"""The ZIP of a batch, read back with Python's own reader."""

import hashlib
import io
import itertools
import json
import tracemalloc
import zipfile
from datetime import UTC, datetime

import pytest

from dashboard.services.zip_export import JobOutcome, zip_results
from tasks.batches import Batch, Document, Publication, Stage, Upload, job_id_for, manifest_of
from tasks.errors import StoreUnavailable
from tasks.names import DocumentFormat, document_name
from tasks.storage.keys import BatchKeys

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
BATCH_ID = "20261122-120000-abcdef"
UTF8_FLAG = 1 << 11


def manifest_with(*paths, names="refined"):
    uploads = [
        Upload(job_id=job_id_for(BATCH_ID, path), path=path, size=9, sha256="ab", uploaded_at=NOON) for path in paths
    ]
    batch = Batch(batch_id=BATCH_ID, name="Vorträge", created_at=NOON, names=names)
    return manifest_of(batch, uploads, started_at=NOON)


def content_of(job, document_format):
    return f"{job.path} as {document_format}\n".encode() * 3


def published(store, job):
    """Write the documents of *job* and return it as done."""
    documents = []
    for document_format in DocumentFormat:
        key, content = (
            BatchKeys.of(BATCH_ID).document(job, document_format, "attempt-1-abc"),
            content_of(job, document_format),
        )
        store.write(key, content)
        digest = hashlib.sha256(content).hexdigest()
        documents.append(Document(format=document_format, key=key, size=len(content), sha256=digest))
    publication = Publication(
        job_id=job.job_id,
        attempt=1,
        documents=tuple(documents),
        language="de",
        audio_seconds=61.5,
        published_at=NOON,
    )
    return JobOutcome(job=job, stage=Stage.DONE, publication=publication)


def zipped(store, manifest, outcomes):
    archive = zipfile.ZipFile(io.BytesIO(b"".join(zip_results(store, manifest, outcomes))))
    assert archive.testzip() is None
    return archive


def test_the_folder_tree_and_the_names_survive(store):
    manifest = manifest_with("Vorträge/erste Sitzung/ä ö.mp3", "講義/第一回.wav", "👩‍👩‍👧 family.mp3", "plain.mp3")
    outcomes = [published(store, job) for job in manifest.jobs]
    archive = zipped(store, manifest, outcomes)
    expected = {
        document_name(job.document_stem, each): content_of(job, each)
        for job in manifest.jobs
        for each in DocumentFormat
    }
    assert set(archive.namelist()) == {"manifest.json", *expected}
    for name, content in expected.items():
        assert archive.read(name) == content
        assert name.isascii() or archive.getinfo(name).flag_bits & UTF8_FLAG


def test_the_manifest_tells_what_became_of_each_job(store):
    manifest = manifest_with("a/good.mp3", "bad.mp3", "stopped.mp3")
    good, bad, stopped = manifest.jobs
    reason = "bad.mp3 has no audio stream; found: video/h264. Upload a file with sound."
    outcomes = [
        published(store, good),
        JobOutcome(job=bad, stage=Stage.FAILED, error=reason),
        JobOutcome(job=stopped, stage=Stage.CANCELLED),
    ]
    archive = zipped(store, manifest, outcomes)
    told = json.loads(archive.read("manifest.json"))
    assert (told["batch_id"], told["name"]) == (BATCH_ID, "Vorträge")
    assert told["options"]["formats"] == ["txt", "srt", "vtt", "json"]
    assert [(job["path"], job["stage"], job["error"]) for job in told["jobs"]] == [
        ("a/good.mp3", "done", None),
        ("bad.mp3", "failed", reason),
        ("stopped.mp3", "cancelled", None),
    ]
    assert (told["jobs"][0]["language"], told["jobs"][0]["audio_seconds"]) == ("de", 61.5)
    assert told["jobs"][1]["documents"] == []
    for document in told["jobs"][0]["documents"]:
        content = archive.read(document["name"])
        assert (len(content), hashlib.sha256(content).hexdigest()) == (document["size"], document["sha256"])
        assert document["uri"].startswith(store.uri(f"{BatchKeys.of(BATCH_ID).documents}a") + "/")


def test_plain_names_are_those_of_the_uploads(store):
    manifest = manifest_with("talks/a.mp3", "CON.mp3", names="plain")
    archive = zipped(store, manifest, [published(store, job) for job in manifest.jobs])
    assert {"talks/a.srt", "talks/a.txt", "talks/a.json", "CON_.srt"} < set(archive.namelist())


def test_a_batch_without_documents_is_a_zip_with_a_manifest(store):
    manifest = manifest_with("bad.mp3")
    outcomes = [JobOutcome(job=manifest.jobs[0], stage=Stage.FAILED, error="No speech detected.")]
    assert zipped(store, manifest, outcomes).namelist() == ["manifest.json"]


def test_names_too_long_for_a_file_system_are_cut_and_told(store, tmp_path):
    paths = ("ü" * 300 + ".mp3", "/".join(["folder" * 10] * 15) + "/a.mp3")
    manifest = manifest_with(*paths)
    archive = zipped(store, manifest, [published(store, job) for job in manifest.jobs])
    archive.extractall(tmp_path / "unpacked")
    told = {job["path"]: job["documents"] for job in json.loads(archive.read("manifest.json"))["jobs"]}
    for job in manifest.jobs:
        for document in told[job.path]:
            content = (tmp_path / "unpacked" / document["name"]).read_bytes()
            assert content == content_of(job, document["format"])


@pytest.mark.parametrize(
    ("path", "member"),
    [
        ("manifest.mp3", "manifest (2)_refined.srt"),  # one of its documents would be manifest.json
        ("MANIFEST.mp3", "MANIFEST (2)_refined.srt"),
        ("manifest.json/a.mp3", "manifest.json_/a_refined.srt"),
        ("..\\..\\evil.mp3", ".._.._evil_refined.srt"),
        ("C:\\evil.mp3", "C__evil_refined.srt"),
        ("C:/evil.mp3", "C_/evil_refined.srt"),
        ("a/aux.mp3", "a/aux__refined.srt"),
        (".. /.. ./evil.mp3", "_/_/evil_refined.srt"),  # Windows drops dots and spaces at the end
        ("line\nbreak?.mp3", "line_break__refined.srt"),
    ],
)
def test_names_that_would_lead_astray_when_unpacked_are_changed(store, tmp_path, path, member):
    manifest = manifest_with(path)
    archive = zipped(store, manifest, [published(store, manifest.jobs[0])])
    told = json.loads(archive.read("manifest.json"))
    assert told["jobs"][0]["path"] == path
    assert member in [document["name"] for document in told["jobs"][0]["documents"]]
    assert member in archive.namelist()
    archive.extractall(tmp_path / "unpacked")
    assert len([found for found in (tmp_path / "unpacked").rglob("*") if found.is_file()]) == len(DocumentFormat) + 1


def test_names_that_become_equal_are_numbered(store):
    manifest = manifest_with("what?.mp3", "what*.mp3", "WHAT_.mp3")
    archive = zipped(store, manifest, [published(store, job) for job in manifest.jobs])
    subtitles = [name for name in archive.namelist() if name.endswith(".srt")]
    assert sorted(subtitles) == ["WHAT__refined.srt", "what_ (2)_refined.srt", "what_ (3)_refined.srt"]
    assert len({name.casefold() for name in archive.namelist()}) == len(archive.namelist())


def test_uploads_beside_folders_named_like_their_documents_have_documents(store, tmp_path):
    manifest = manifest_with("x.mp3", "x.json/y.mp3")
    archive = zipped(store, manifest, [published(store, job) for job in manifest.jobs])
    archive.extractall(tmp_path / "unpacked")
    assert (
        len([found for found in (tmp_path / "unpacked").rglob("*") if found.is_file()]) == 2 * len(DocumentFormat) + 1
    )


def test_a_name_that_becomes_that_of_a_folder_is_numbered(store, tmp_path):
    manifest = manifest_with("x?.json/b.mp3", "x_.mp3")
    archive = zipped(store, manifest, [published(store, job) for job in manifest.jobs])
    archive.extractall(tmp_path / "unpacked")
    assert (
        len([found for found in (tmp_path / "unpacked").rglob("*") if found.is_file()]) == 2 * len(DocumentFormat) + 1
    )


@pytest.mark.parametrize("content", [None, b"", b"half", b"x" * 10_000])
def test_a_document_that_is_damaged_or_gone_is_left_out_and_named(store, content):
    manifest = manifest_with("a.mp3", "b.mp3")
    outcomes = [published(store, job) for job in manifest.jobs]
    key = outcomes[0].publication.documents[0].key
    if content is None:
        store.delete(key)
    else:
        store.write(key, content)
    archive = zipped(store, manifest, outcomes)
    told = json.loads(archive.read("manifest.json"))
    assert "Damaged in the store, and not in this ZIP: txt" in told["jobs"][0]["error"]
    assert told["jobs"][1]["error"] is None
    named = {document["name"] for job in told["jobs"] for document in job["documents"]}
    assert set(archive.namelist()) == {"manifest.json", *named}
    assert len(named) == 2 * len(DocumentFormat) - 1


def test_a_store_that_stops_answering_breaks_the_zip_off(store):
    manifest = manifest_with("a.mp3", "b.mp3")
    outcomes = [published(store, job) for job in manifest.jobs]

    class Leaving:
        """The store, until somebody asks for a document of the second job."""

        uri = staticmethod(store.uri)

        def read_range(self, key):
            if "b_" in key.rpartition("/")[2]:
                msg = "The store does not answer."
                raise StoreUnavailable(msg)
            return store.read_range(key)

    received = io.BytesIO()
    with pytest.raises(StoreUnavailable):
        received.writelines(zip_results(Leaving(), manifest, outcomes))
    assert received.tell() > 0
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(received)


def test_a_large_document_needs_no_memory(store):
    manifest = manifest_with("a.mp3")
    outcome = published(store, manifest.jobs[0])
    document = outcome.publication.documents[0]
    content = b"".join(hashlib.sha512(b"%d" % number).digest() for number in range(2**19))  # 32 MiB
    store.write(document.key, content)
    large = document.model_copy(update={"size": len(content), "sha256": hashlib.sha256(content).hexdigest()})
    publication = outcome.publication.model_copy(update={"documents": (large,)})
    outcomes = [outcome.model_copy(update={"publication": publication})]
    del content
    tracemalloc.start()
    try:
        size = sum(len(chunk) for chunk in zip_results(store, manifest, outcomes))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 32 * 2**20
    assert peak < 4 * 2**20


def test_a_client_that_leaves_early_holds_nothing_open(store):
    manifest = manifest_with("a.mp3")
    outcomes = [published(store, manifest.jobs[0])]
    for _ in range(100):  # more than there are connections
        pieces = zip_results(store, manifest, outcomes)
        list(itertools.islice(pieces, 4))
        pieces.close()
    assert store.read(outcomes[0].publication.documents[0].key)
