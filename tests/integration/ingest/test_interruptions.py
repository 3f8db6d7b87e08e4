"""A scan may die at any line: nothing is lost, nothing is ingested twice."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import httpx
from prefect.client.orchestration import get_client

from tasks.cleanup.deletion import sweep_uploads
from tasks.cleanup.inventory import read_inventory
from tasks.cleanup.retention import RetentionRules, plan
from tasks.ingest.scan import scan_inbox

STEPS = (("replace", os.replace), ("rename", os.rename), ("link", os.link), ("unlink", os.unlink), ("fsync", os.fsync))


class Steps:
    """Counts the durable steps of this process, and ends it before the last one it may take."""

    def __init__(self, last: int) -> None:
        self.taken = 0
        self._last = last

    def watch(self) -> None:
        for name, original in STEPS:
            setattr(os, name, self._watched(original))
        send = httpx.AsyncClient.send

        async def watched(client, request, *arguments, **named):
            if request.method == "POST" and request.url.path.endswith("create_flow_run"):
                self._step()
                answer = await send(client, request, *arguments, **named)
                self._step()
                return answer
            return await send(client, request, *arguments, **named)

        httpx.AsyncClient.send = watched

    def _watched(self, original):
        def watched(*arguments, **named):
            self._step()
            return original(*arguments, **named)

        return watched

    def _step(self) -> None:
        self.taken += 1
        if self.taken == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


def scan_and_die(inbox, step: int) -> int:
    """Scan in a process that dies before its step of this number; return how many it took, 0 if it died."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        steps = Steps(step)
        with contextlib.suppress(BaseException):
            steps.watch()
            asyncio.run(_scan(inbox))
            os.write(writing, f"{steps.taken}".encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        taken = answer.read()
    os.waitpid(child, 0)
    return int(taken or 0)


async def _scan(inbox) -> None:
    async with get_client() as client:
        await scan_inbox(inbox.settings, inbox.inbox, client, scheduled_at=datetime.now(UTC))


def assert_each_content_once(inbox, dropped: dict[str, str]) -> None:
    jobs = Counter(path for path, _ in inbox.jobs())
    assert jobs == Counter(dict.fromkeys(dropped, 1))
    runs = Counter(run.name for run in inbox.flow_runs())
    assert sum(runs.values()) == len(inbox.batches())


def drop_three(inbox, dropped, number: int) -> None:
    for name in (f"{number}/a.mp3", f"{number}/b.mp3", f"{number}/deep/c.mp3"):
        dropped[name] = name
        inbox.drop(name, name)


def test_a_scan_may_be_killed_before_each_of_its_steps(watch):
    inbox = watch(max_open_batches=1000)
    dropped: dict[str, str] = {}
    drop_three(inbox, dropped, 0)
    inbox.scan()
    steps = scan_and_die(inbox, 0)
    assert steps > 40
    for number in range(1, steps + 1):
        drop_three(inbox, dropped, number)
        inbox.scan()
        scan_and_die(inbox, number)
        inbox.scan()
        if number % 10 == 0:
            shutil.rmtree(inbox.settings.ingest_folder)
            inbox.ingest()
    inbox.ingest()
    assert_each_content_once(inbox, dropped)
    sweep_uploads(inbox.store, inbox.settings.uploads_folder)  # what was half-copied
    assert not list(inbox.settings.uploads_folder.glob("*/*.part"))


def test_an_ingest_in_progress_survives_sweeps_and_clean_ups(watch, monkeypatch):
    """Between the copy and its record, and between two files, others look at what is there."""
    inbox = watch()
    for name in ("a.mp3", "b.mp3"):
        inbox.drop(name, name)
    inbox.scan()
    original, seen = os.replace, []

    def nosy(source, target):
        original(source, target)
        if "/uploads/" in str(target) and "/store/" not in str(target):
            sweep_uploads(inbox.store, inbox.settings.uploads_folder)
            inventory = read_inventory(inbox.store, inbox.settings, Path(target).parent.name)
            rules = RetentionRules.of(inbox.settings.model_copy(update={"leftover_hours": 0}))
            now = datetime.now(UTC)
            assert not plan(inventory, rules, now=now).removals
            seen.append(target)

    monkeypatch.setattr(os, "replace", nosy)
    inbox.scan()
    assert len(seen) == 2
    assert len(inbox.jobs()) == 2


def test_what_a_killed_scan_left_half_copied_goes_with_the_sweep(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.ingest()
    (batch_id,) = inbox.batches()
    left = inbox.settings.uploads_folder / batch_id / "0123456789abcdef.part"
    left.write_bytes(b"half")
    sweep_uploads(inbox.store, inbox.settings.uploads_folder)
    assert not left.exists()
    assert len(inbox.jobs()) == 1


def test_a_file_that_is_replaced_between_claim_and_copy_leaves_the_batch_and_is_ingested_next(watch, monkeypatch):
    inbox = watch()
    for name in ("a.mp3", "b.mp3"):
        inbox.drop(name, f"first {name}")
    inbox.scan()
    original = os.link

    def replaced_in_the_middle(source, target, **named):
        original(source, target, **named)
        if "/claims/" in str(target):
            monkeypatch.setattr(os, "link", original)
            inbox.drop("a.mp3", "second a.mp3")

    monkeypatch.setattr(os, "link", replaced_in_the_middle)
    assert inbox.scan().new == 1
    assert inbox.ingest().new == 1
    inbox.drop("c.mp3", "first a.mp3")  # its claim was given back
    assert inbox.ingest().new == 1


def test_a_folder_that_is_deleted_in_the_middle_loses_only_its_files(watch, monkeypatch):
    inbox = watch(group="none")
    for name in ("gone/a.mp3", "gone/b.mp3", "stays.mp3"):
        inbox.drop(name)
    inbox.scan()
    original = os.link

    def deleted_in_the_middle(source, target, **named):
        original(source, target, **named)
        if "/plans/" in str(target):
            shutil.rmtree(inbox.folder / "gone")

    monkeypatch.setattr(os, "link", deleted_in_the_middle)
    inbox.scan()
    assert [*inbox.batches().values()] == [{"stays.mp3"}]


def test_a_second_scan_does_nothing_while_one_runs_and_takes_over_from_a_dead_one_at_once(watch):
    inbox = watch()
    inbox.drop("a.mp3")
    inbox.scan()
    release, hold = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.close(hold)
            _hold_a_lease(inbox)
            os.read(release, 1)
        os._exit(0)
    os.close(release)
    lease = inbox.settings.data / "store/ingest" / inbox.inbox.name / "lease"
    from tests.support.waiting import wait_until

    wait_until(lambda: list(lease.glob("*")), "the other's lease", 30)
    assert inbox.scanned() is None
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(hold)
    assert inbox.scan().new == 1
    assert not list(lease.glob("*"))


def _hold_a_lease(inbox) -> None:
    from tasks.ingest.lease import take_lease
    from tasks.ingest.records import IngestKeys

    assert take_lease(inbox.store, IngestKeys(inbox=inbox.inbox.name))


def test_an_upload_that_somebody_holds_open_is_no_reason_to_wait(watch):
    inbox = watch()
    with inbox.drop("a.mp3").open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        assert inbox.ingest().new == 1
