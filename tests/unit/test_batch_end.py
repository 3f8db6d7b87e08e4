"""The announcement of a batch that has ended."""

import json
from datetime import UTC, datetime
from functools import partial

from tasks.announcements.batch_end import MAX_BYTES, batch_end, end_id
from tasks.batches import Batch, Document, Job, Stage
from tasks.names import DocumentFormat
from tasks.orchestration.job_run import RunState
from tasks.orchestration.recovery import Retry
from tasks.orchestration.status import BatchState
from tasks.orchestration.summary import Ending

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
BATCH = Batch(batch_id="20260102-123059-aaaaaa", name="Talks", created_at=NOON, inbox="scanner")
PREFECT_PARAMETER_BYTES = 524_288

end_of = partial(
    batch_end,
    BATCH,
    state=BatchState.FAILED,
    message="1 of 2 jobs failed",
    finished_at=NOON,
    batch_url="http://127.0.0.1:8501/batches?batch=20260102-123059-aaaaaa",
    flow_run_id="run",
    uri_of=lambda job, document: f"s3://bucket/{job.path}.{document.format}",
)


def ending(path: str, stage: Stage = Stage.DONE, error: str = "") -> Ending:
    job = Job(job_id=f"job-{path}", path=path, size=1, sha256="", document_stem=path)
    documents = [Document(format=each, key=f"documents/{path}.{each}", size=1, sha256="") for each in DocumentFormat]
    return Ending(job, stage, error, documents=tuple(documents) if stage is Stage.DONE else ())


def test_it_counts_the_jobs_names_the_causes_and_says_where_the_documents_are():
    end = end_of([ending("a.mp3"), ending("b.mp3", Stage.FAILED, "b.mp3 is empty.")])
    assert (end.counts.total, end.counts.done, end.counts.failed, end.counts.cancelled) == (2, 1, 1, 0)
    assert [(cause.reason, cause.jobs) for cause in end.causes] == [("b.mp3 is empty.", 1)]
    assert (end.inbox, end.jobs_left_out) == ("scanner", 0)
    failed, done = end.jobs
    assert (failed.path, failed.error, failed.documents) == ("b.mp3", "b.mp3 is empty.", ())
    assert ("documents/a.mp3.srt", "s3://bucket/a.mp3.srt") in [(each.key, each.uri) for each in done.documents]


def test_jobs_that_failed_alike_are_one_cause():
    end = end_of([ending(f"{n}.mp3", Stage.FAILED, f"{n}.mp3 is empty.") for n in range(3)])
    assert [(cause.reason, cause.jobs) for cause in end.causes] == [("… is empty.", 3)]


def test_of_a_large_batch_the_failed_jobs_are_listed_first_and_the_rest_is_counted():
    endings = [ending(f"интервью/{n:05}.mp3") for n in range(2000)]
    end = end_of([*endings, ending("broken.mp3", Stage.FAILED, "No speech detected.")])
    assert end.jobs[0].path == "broken.mp3"
    assert end.jobs_left_out == 2001 - len(end.jobs) > 0
    assert end.counts.total == 2001
    assert len(json.dumps(end.model_dump(mode="json"))) <= MAX_BYTES + 100 < PREFECT_PARAMETER_BYTES


def test_each_end_of_a_batch_run_has_one_id():
    retried = Retry(RunState.FAILED, NOON)
    assert end_id("run", None) == end_id("run", None)
    assert len({end_id("run", None), end_id("run", retried), end_id("other", None)}) == 3
