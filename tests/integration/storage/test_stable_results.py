"""Documents are kept a second time, under addresses that people can read, in a folder and in a bucket alike."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tasks.batches import Batch, Upload, job_id_for, manifest_of
from tasks.cleanup.deletion import delete_hidden_batch, hide_batch
from tasks.cleanup.inventory import Activity, read_inventory
from tasks.cleanup.retention import RetentionRules, plan
from tasks.documents.publish import publish
from tasks.documents.results import complete_results, document_uri, find_result_folders, keep_results, list_results
from tasks.names import DEFAULT_FORMATS, DocumentFormat
from tasks.storage.keys import BatchKeys, attempt_token, result_key
from tests.support.transcripts import heard

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
BATCH_ID, OTHER_ID = "20260101-120000-abcdef", "20260101-120000-zzzzzz"
TEMPLATE = "results/{date}/{batch}/{tree}/{name}"
FOLDER = f"results/2026-01-01/{BATCH_ID}/"
HEARD = heard()


def make_batch(store, *paths, batch_id=BATCH_ID, template=TEMPLATE):
    batch = Batch(batch_id=batch_id, name="talks", created_at=NOON, results=template)
    uploads = [
        Upload(job_id=job_id_for(batch_id, path), path=path, size=1, sha256="0", uploaded_at=NOON) for path in paths
    ]
    manifest = manifest_of(batch, uploads, started_at=NOON)
    keys = BatchKeys.of(batch_id)
    store.write(keys.batch, batch.model_dump_json().encode())
    store.write(keys.manifest, manifest.model_dump_json().encode())
    return manifest


def publish_job(store, job, said=b"said", number=1):
    contents = dict.fromkeys(DEFAULT_FORMATS, said)
    token = attempt_token("run", number)
    batch_id = job.job_id.rpartition("-")[0]
    return publish(store, batch_id, job, token=token, attempt=number, heard=HEARD, contents=contents)


def results(store, folder="results/"):
    return {key: store.read(key) for key in store.list(folder)}


def test_a_published_job_has_a_readable_address(store):
    manifest = make_batch(store, "Vorträge/monday/a: b.mp3")
    publish_job(store, manifest.jobs[0])
    names = [key.removeprefix(FOLDER) for key in results(store)]
    assert len(names) == 4
    assert all(name.startswith("Vorträge/monday/a_ b") for name in names)


def test_results_are_not_made_for_a_batch_that_was_made_without_them(store):
    manifest = make_batch(store, "a.mp3", template="")
    publication = publish_job(store, manifest.jobs[0])
    assert results(store) == {}
    (first, *_) = publication.documents
    assert document_uri(store, manifest.batch, manifest.jobs[0], first) == store.uri(first.key)


def test_a_uri_leads_to_the_document(store, settings, request):
    manifest = make_batch(store, "Vorträge/a b.mp3")
    (job,) = manifest.jobs
    publication = publish_job(store, job, b"found")
    uri = urlsplit(document_uri(store, manifest.batch, job, publication.documents[0]))
    if uri.scheme == "file":
        assert Path(unquote(uri.path)).read_bytes() == b"found"
    else:
        client = request.getfixturevalue("s3_server").client()
        assert client.get_object(Bucket=uri.netloc, Key=uri.path.removeprefix("/"))["Body"].read() == b"found"
        assert uri.geturl().startswith(settings.store_address)


def test_jobs_and_batches_never_share_an_address(store):
    flat = "results/{batch}/{name}"
    manifests = [
        make_batch(store, "a/x.mp3", "b/x.mp3", batch_id=batch_id, template=flat) for batch_id in (BATCH_ID, OTHER_ID)
    ]
    for manifest in manifests:
        for job in manifest.jobs:
            publish_job(store, job, job.job_id.encode())
    assert len(results(store)) == 16
    assert f"results/{BATCH_ID}/x (2)_refined.srt" in results(store)
    for manifest in manifests:
        for job in manifest.jobs:
            assert store.read(result_key(manifest.batch, job, DocumentFormat.TXT)) == job.job_id.encode()


def test_a_kill_between_a_publication_and_its_results_is_healed(store):
    manifest = make_batch(store, "a.mp3", "b.mp3", "not-done.mp3")
    for job in manifest.jobs[:2]:
        publish_job(store, job, job.name.encode())
    before = results(store)
    for key in [*before][::3]:
        store.delete(key)
    complete_results(store, manifest)
    assert results(store) == before


def test_results_that_are_older_than_their_documents_are_made_again(store):
    manifest = make_batch(store, "a.mp3")
    (job,) = manifest.jobs
    first = publish_job(store, job, b"first")
    stale = results(store)
    store.delete(first.documents[0].key)  # damaged, so the next attempt counts
    time.sleep(1.1)  # S3 tells times in seconds
    publish_job(store, job, b"second", number=2)
    assert set(results(store).values()) == {b"second"}
    for key, content in stale.items():
        store.write(key, content)
    publication = BatchKeys.of(BATCH_ID).publication(job.job_id)
    time.sleep(1.1)
    store.write(publication, store.read(publication))  # as if it had been made after them
    complete_results(store, manifest)
    assert set(results(store).values()) == {b"second"}


def test_a_damaged_document_becomes_no_result(store):
    manifest = make_batch(store, "a.mp3")
    publication = publish_job(store, manifest.jobs[0])
    store.delete_all("results/")
    store.write(publication.documents[0].key, b"other")
    complete_results(store, manifest)
    assert len(results(store)) == 3


def test_results_go_with_their_batch_and_leave_those_of_others(store, settings):
    for batch_id in (BATCH_ID, OTHER_ID):
        publish_job(store, make_batch(store, "talks/a.mp3", batch_id=batch_id).jobs[0])
    hide_batch(store, BATCH_ID)
    delete_hidden_batch(store, settings, BATCH_ID)
    assert {key.split("/")[2] for key in results(store)} == {OTHER_ID}


def test_whoever_is_late_with_results_of_a_batch_that_goes_leaves_none(store):
    manifest = make_batch(store, "a.mp3")
    publication = publish_job(store, manifest.jobs[0])
    store.delete_all("results/")

    class Interrupted:
        """The same store, in which the batch is hidden after the first result was written."""

        def __getattr__(self, name):
            return getattr(store, name)

        def write(self, key, content):
            store.write(key, content)
            hide_batch(store, BATCH_ID)

    keep_results(Interrupted(), manifest.jobs[0], publication)
    assert results(store) == {}


def test_a_clean_up_sees_results_that_are_no_job_s_and_jobs_without_results(store, settings):
    manifest = make_batch(store, "a.mp3", "b.mp3")
    publish_job(store, manifest.jobs[0])
    store.write(f"{FOLDER}b_refined.srt", b"left")
    (missing, *_) = results(store)
    store.delete(missing)
    inventory = read_inventory(store, settings, BATCH_ID)
    assert inventory.jobs_without_results() == (manifest.jobs[0],)
    now = datetime.now(UTC) + timedelta(hours=2)
    going = plan(replace(inventory, activity=Activity(ended_at=now)), RetentionRules.of(settings), now=now)
    assert [item.name for item in going.removals] == [f"{FOLDER}b_refined.srt"]


@pytest.mark.parametrize("template", [TEMPLATE, "out/{format}/{batch_name} {batch}/{tree}/{name}"])
def test_the_results_of_a_batch_that_left_no_record_are_found(store, template):
    manifest = make_batch(store, "a.mp3", template=template)
    publish_job(store, manifest.jobs[0])
    store.delete_all("batches/")
    found = list(find_result_folders(store, template))
    assert {batch_id for batch_id, _ in found} == {BATCH_ID}
    assert sum(len(results(store, folder)) for _, folder in found) == 4
    assert len(list(list_results(store, manifest.batch))) == 4
