"""Notices of the end of a batch: their words, and what comes of sending them."""

import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import ValidationError

from deployments.local.try_notices import try_all
from tasks.announcements.batch_end import BatchEnd, EndCounts, EndedJob
from tasks.announcements.notice import MAX_LETTERS, Notice, notice_of
from tasks.announcements.notifying import notify
from tasks.batches import Stage
from tasks.errors import ReceiverUnset
from tasks.orchestration.status import BatchState
from tasks.settings import Settings
from tasks.webhook_signature import Answer

PAGE = "http://127.0.0.1:8501/batches?batch=20260102-123059-aaaaaa"
TOKEN = "token-in-the-address"  # noqa: S105 - what must not be shown


def end_of(state: BatchState, jobs: list[EndedJob], message: str = "", name: str = "Talks") -> BatchEnd:
    stages = [job.stage for job in jobs]
    return BatchEnd(
        batch_id="20260102-123059-aaaaaa",
        name=name,
        state=state,
        message=message,
        finished_at=datetime(2026, 1, 2, tzinfo=UTC),
        batch_url=PAGE,
        flow_run_id="run",
        counts=EndCounts(
            total=len(jobs), **{each: stages.count(Stage(each)) for each in ("done", "failed", "cancelled")}
        ),
        jobs=tuple(jobs),
    )


def failed(path: str, error: str) -> EndedJob:
    return EndedJob(job_id="job", path=path, stage=Stage.FAILED, error=error)


DONE = EndedJob(job_id="job", path="good.mp3", stage=Stage.DONE)


def test_it_says_what_became_of_the_batch_and_which_files_failed_why():
    end = end_of(BatchState.FAILED, [failed("monday/notes.mp3", "notes.mp3 is empty: 0 bytes."), DONE])
    assert notice_of(end) == Notice(
        title="Talks: 1 failed",
        body=f"1 of 2 jobs done, 1 failed.\n\nmonday/notes.mp3 - Empty: 0 bytes.\n\n{PAGE}",
    )


@pytest.mark.parametrize(
    ("end", "title", "first_line"),
    [
        (end_of(BatchState.COMPLETED, [DONE]), "Talks: done", "1 of 1 jobs done."),
        (
            end_of(BatchState.CANCELLED, [], "Cancelled before any job was begun."),
            "Talks: cancelled",
            "Cancelled before",
        ),
        (end_of(BatchState.FAILED, [], "The store is away."), "Talks: failed", "The store is away."),
    ],
)
def test_it_says_in_a_word_how_the_batch_ended(end, title, first_line):
    notice = notice_of(end)
    assert notice.title == title
    assert notice.body.startswith(first_line)


def test_however_many_fail_it_stays_as_short_as_services_take_and_counts_the_rest():
    jobs = [failed(f"{'long' * 40}/{number}.mp3", "x" * 900) for number in range(200)]
    notice = notice_of(end_of(BatchState.FAILED, jobs, name="n" * 200))
    assert len(notice.title) + len(notice.body) <= MAX_LETTERS
    named = notice.body.count(".mp3 - ") or notice.body.count("… - ")
    assert 0 < named < 200
    assert f"and {200 - named} more" in notice.body
    assert notice.body.endswith(PAGE)


@pytest.fixture(scope="module")
def answers() -> Iterator[str]:
    """A service that answers with the status that the path begins with; yields its host and port."""

    class Service(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(int(self.path[1:4]))
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "answer"), [(204, Answer.TAKEN), (401, Answer.REFUSED), (429, Answer.LATER), (503, Answer.LATER)]
)
def test_the_answer_of_a_service_says_whether_to_try_again(answers, caplog, status, answer):
    caplog.set_level(logging.DEBUG)
    settings = Settings(notify=f"json://{answers}/{status}/{TOKEN}", _env_file=None)
    said, came_of_it = notify(settings, "1-json", Notice("Talks: done", "All of them."))
    assert came_of_it is answer
    assert said == (f"JSON (1-json) answered {status}." if status >= 300 else "JSON (1-json) took the notice.")
    assert TOKEN not in caplog.text


def test_what_nobody_understands_is_named_by_its_place_and_never_shown():
    settings = Settings(notify=f"nosuchservice://{TOKEN}", _env_file=None)
    with pytest.raises(ReceiverUnset, match="1-nosuchservice of BATCHSCRIBE_NOTIFY") as refused:
        notify(settings, "1-nosuchservice", Notice("", "words"))
    assert TOKEN not in str(refused.value)
    with pytest.raises(ReceiverUnset, match="has no address 2-slack"):
        notify(settings, "2-slack", Notice("", "words"))
    with pytest.raises(ValidationError, match="address 2 begins with no service") as refused:
        Settings(notify=f"json://localhost {TOKEN}", _env_file=None)
    assert TOKEN not in str(refused.value)


def test_the_command_tries_every_address(answers):
    settings = Settings(notify=f"json://{answers}/204 nosuchservice://x json://{answers}/404", _env_file=None)
    came_of_it = try_all(settings)
    assert [taken for _, taken in came_of_it.values()] == [True, False, False]
    assert came_of_it["3-json"][0] == "JSON (3-json) answered 404."
