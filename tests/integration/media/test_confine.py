"""Programs that misbehave, confined."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextvars import copy_context
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.cancellation import CancelToken, RunCancelled, set_current_token
from tasks.media.plan import ProcessLimits
from tasks.media.sandbox import MAX_LINE_BYTES, Exit, run_confined
from tests.support.processes import is_running
from tests.support.waiting import wait_until

DEADLINE_SECONDS = 30
AMPLE = ProcessLimits(timeout_seconds=DEADLINE_SECONDS, cpu_seconds=60, memory_bytes=2**32, file_bytes=2**20)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this limit")


def shell(script: str, folder: Path, limits: ProcessLimits = AMPLE) -> tuple[Exit, list[str]]:
    return run_confined(["/bin/sh", "-c", script], folder=folder, limits=limits, read=list)


def wait_until_dead(pid: int) -> None:
    wait_until(lambda: not is_running(pid), f"the end of process {pid}")


def test_lines_and_exit_code_come_back(tmp_path):
    assert shell("echo one >&2; echo two >&2; exit 3", tmp_path) == (Exit(3, timed_out=False), ["one", "two"])


def test_program_sees_only_its_folder_and_nothing_of_our_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("BATCHSCRIBE_SECRET", "s3cret")
    _, lines = shell("pwd >&2; env >&2", tmp_path)
    assert lines[0] == str(tmp_path.resolve())
    assert not any("s3cret" in line for line in lines)


def test_program_that_takes_too_long_is_killed_with_its_children(tmp_path):
    limits = replace(AMPLE, timeout_seconds=1.0)
    end, lines = shell("sleep 600 & echo $! >&2; wait", tmp_path, limits)
    assert end == Exit(-signal.SIGKILL, timed_out=True)
    wait_until_dead(int(lines[0]))


def test_program_that_closes_its_output_is_still_waited_for(tmp_path):
    end, _ = shell("exec 2>&-; sleep 0.2; exit 5", tmp_path)
    assert end == Exit(5, timed_out=False)


def test_program_that_computes_too_long_is_told_to_end(tmp_path):
    end, _ = shell("while :; do :; done", tmp_path, replace(AMPLE, cpu_seconds=1))
    assert end.code == -signal.SIGXCPU


def test_program_cannot_write_a_larger_file_than_allowed(tmp_path):
    shell("head -c 4000000 /dev/zero > large", tmp_path)
    assert (tmp_path / "large").stat().st_size == AMPLE.file_bytes


@LINUX
def test_program_cannot_take_more_memory_than_allowed(tmp_path):
    command = [sys.executable, "-I", "-c", "bytearray(2**30)"]
    limits = replace(AMPLE, memory_bytes=2**29)
    end, lines = run_confined(command, folder=tmp_path, limits=limits, read=list)
    assert (end.code, lines[-1]) == (1, "MemoryError")


def test_of_an_endless_line_only_the_beginning_comes(tmp_path):
    _, lines = shell("head -c 1000000 /dev/zero >&2; echo >&2; echo next >&2", tmp_path)
    assert list(map(len, lines)) == [MAX_LINE_BYTES, len("next")]


def test_program_ends_when_its_reader_fails(tmp_path):
    pids = []

    def fail(lines: Iterable[str]) -> None:
        pids.append(int(next(iter(lines))))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_confined(["/bin/sh", "-c", "echo $$ >&2; exec sleep 600"], folder=tmp_path, limits=AMPLE, read=fail)
    wait_until_dead(pids[0])


def test_program_ends_with_its_children_when_its_run_is_cancelled(tmp_path):
    pids, token = [], CancelToken()

    def cancel_then_read(lines: Iterable[str]) -> None:
        pids.extend(int(next(lines)) for _ in range(2))
        token.cancel()
        assert list(lines) == []

    def in_its_context() -> None:
        set_current_token(token)
        script = "sleep 600 & echo $! >&2; echo $$ >&2; wait"
        run_confined(["/bin/sh", "-c", script], folder=tmp_path, limits=AMPLE, read=cancel_then_read)

    with pytest.raises(RunCancelled):
        copy_context().run(in_its_context)
    for pid in pids:
        wait_until_dead(pid)


@LINUX
def test_program_dies_with_us_even_if_we_are_killed(tmp_path):
    script = (
        "import sys; from pathlib import Path; from tasks.media.sandbox import *\n"
        "def show(lines):\n"
        "    for line in lines: print(line, flush=True)\n"
        "limits = ProcessLimits(600, 600, 2**32, 2**20)\n"
        "run_confined(['/bin/sh', '-c', 'echo $$ >&2; exec sleep 600'], folder=Path(), limits=limits, read=show)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as caller:
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())
        assert is_running(pid)
        os.kill(caller.pid, signal.SIGKILL)
    wait_until_dead(pid)
