import asyncio
import io
import os
import signal
import subprocess
import sys

import pytest

from deployments.local.console import Console
from deployments.local.supervisor import Command, GaveUp, KeptProcess, exit_in_words
from tests.support.processes import is_running
from tests.support.waiting import until


class Keeper:
    """A kept process that runs a Python program, and what it left on the terminal and in its log."""

    def __init__(self, folder, program):
        self.screen = io.StringIO()
        self.started = []
        command = Command("sample", (sys.executable, "-u", "-c", program), dict(os.environ))
        self.process = KeptProcess(
            command, folder=folder, logs=folder, console=Console(self.screen), on_start=self.started.append
        )

    @property
    def log(self):
        return self.process.log_path.read_text()


@pytest.fixture
def keeper(tmp_path):
    return lambda program: Keeper(tmp_path, program)


def test_a_process_that_dies_is_started_again(keeper):
    async def scene():
        kept = keeper("import time; print('here'); time.sleep(60)")
        kept.process.has_settled = True
        keeping = asyncio.create_task(kept.process.keep())
        await until(lambda: "here\n" in kept.log, "its first line")
        os.kill(kept.started[0], signal.SIGKILL)
        await until(lambda: kept.log.count("here\n") == 2, "its second start")
        await kept.process.stop()
        await keeping
        assert "Ended (SIGKILL); starting it again in 1 s." in kept.screen.getvalue()
        assert not any(map(is_running, kept.started))

    asyncio.run(scene())


def test_a_process_that_does_not_start_is_given_up_with_its_last_words(keeper):
    kept = keeper("print('opening'); raise SystemExit('The key is missing.')")
    with pytest.raises(GaveUp) as end:
        asyncio.run(kept.process.keep())
    assert (
        str(end.value)
        == f"sample ended (exit code 1). Its last words: The key is missing. Its log: {kept.process.log_path}"
    )
    assert kept.log == "opening\nThe key is missing.\n"


def test_a_process_that_ignores_sigterm_is_killed_with_what_it_started(keeper):
    program = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('child', child.pid)\n"
        "time.sleep(60)\n"
    )

    async def scene():
        kept = keeper(program)
        keeping = asyncio.create_task(kept.process.keep())
        await until(lambda: kept.log.endswith("\n"), "its child")
        await kept.process.stop(0.2)
        await keeping
        child = int(kept.log.split()[1])
        await until(lambda: not is_running(child), "the end of its child")
        assert "Did not stop within 0 s; killing it." in kept.screen.getvalue()

    asyncio.run(scene())


def test_a_process_that_stops_when_told_gets_the_time_to_do_so(keeper):
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('bye')))\n"
        "print('here')\n"
        "time.sleep(60)\n"
    )

    async def scene():
        kept = keeper(program)
        keeping = asyncio.create_task(kept.process.keep())
        await until(lambda: "here\n" in kept.log, "its first line")
        await kept.process.stop()
        await keeping
        assert kept.log == "here\nbye\n"

    asyncio.run(scene())


def test_a_process_that_is_stopped_while_it_is_being_started_ends(keeper):
    async def scene():
        kept = keeper("import time; time.sleep(60)")
        keeping = asyncio.create_task(kept.process.keep())
        await asyncio.sleep(0)  # it is being started now
        await kept.process.stop()
        await asyncio.wait_for(keeping, 30)

    asyncio.run(scene())


def test_a_line_without_end_does_not_stop_the_listening(keeper):
    kept = keeper("print('x' * 3_000_000); print('12:00:00.000 | WARNING | sample - after it')")
    asyncio.run(kept.process.run_to_end())
    assert kept.screen.getvalue().endswith("sample      sample - after it\n")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_processes_end_with_a_supervisor_that_is_killed(tmp_path):
    program = (
        "import asyncio, os, sys\n"
        "from pathlib import Path\n"
        "from deployments.local.console import Console\n"
        "from deployments.local.supervisor import Command, KeptProcess\n"
        "command = Command('sample', (sys.executable, '-c', 'import time; time.sleep(60)'), dict(os.environ))\n"
        "folder = Path(sys.argv[1])\n"
        "kept = KeptProcess(command, folder=folder, logs=folder, console=Console(), on_start=print)\n"
        "asyncio.run(kept.keep())\n"
    )
    supervisor = subprocess.Popen(
        [sys.executable, "-u", "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    supervisor.kill()
    supervisor.wait()
    asyncio.run(until(lambda: not is_running(pid), "the end of its process"))


@pytest.mark.parametrize(
    ("exit_code", "words"), [(0, "exit code 0"), (3, "exit code 3"), (-9, "SIGKILL"), (-250, "signal 250")]
)
def test_exit_codes_are_read_by_people(exit_code, words):
    assert exit_in_words(exit_code) == words
