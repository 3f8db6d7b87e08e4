import os
import subprocess
import sys

import pytest

from deployments.local.data_lock import DataFolder, DataFolderInUse, ProcessMark, end_if_same, mark_of

HOLDING = (
    "import sys, time\n"
    "from pathlib import Path\n"
    "from deployments.local.data_lock import DataFolder\n"
    "with DataFolder(Path(sys.argv[1])) as folder:\n"
    "    if 'stopping' in sys.argv:\n"
    "        folder.say_stopping()\n"
    "    print('held', flush=True)\n"
    "    sys.stdin.readline()\n"
)


@pytest.fixture
def hold(tmp_path):
    holders = []

    def holding(*arguments):
        command = [sys.executable, "-c", HOLDING, str(tmp_path), *arguments]
        holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        holders.append(holder)
        assert holder.stdout.readline() == "held\n"
        return holder

    yield holding
    for holder in holders:
        holder.kill()
        holder.communicate()


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_a_held_folder_is_refused_with_the_process_that_holds_it(hold, tmp_path):
    holder = hold()
    with pytest.raises(DataFolderInUse, match=rf"\(process {holder.pid}\)"), DataFolder(tmp_path):
        pass


def test_a_killed_holder_holds_nothing(hold, tmp_path):
    holder = hold()
    holder.kill()
    holder.wait()
    with DataFolder(tmp_path):
        pass


def test_a_folder_whose_holder_is_stopping_is_waited_for(hold, tmp_path):
    holder = hold("stopping")
    script = "import sys; from pathlib import Path; from deployments.local.data_lock import DataFolder\n"
    script += "with DataFolder(Path(sys.argv[1])): print('mine')"
    waiting = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        waiting.wait(1.5)
    holder.communicate("go\n")
    assert waiting.communicate(timeout=20)[0] == "mine\n"


def test_what_a_killed_holder_started_is_ended(sleeper, tmp_path):
    with DataFolder(tmp_path) as folder:
        folder.remember(sleeper.pid)
        left = (tmp_path / "up.lock").read_text()
    (tmp_path / "up.lock").write_text(left)  # as a kill would have left it
    with DataFolder(tmp_path):
        assert sleeper.wait(10) == -9


def test_an_orderly_end_leaves_nothing_to_end(sleeper, tmp_path):
    with DataFolder(tmp_path) as folder:
        folder.remember(sleeper.pid)
    with DataFolder(tmp_path):
        assert sleeper.poll() is None


def test_a_process_that_only_has_the_same_id_is_left_alone(sleeper):
    end_if_same(ProcessMark(pid=sleeper.pid, started="another boot 123"))
    end_if_same(ProcessMark(pid=sleeper.pid, started=""))
    assert sleeper.poll() is None


def test_a_broken_lock_file_is_no_obstacle(tmp_path):
    (tmp_path / "up.lock").write_text("{half")
    with DataFolder(tmp_path):
        pass


def test_a_mark_tells_a_process_from_others():
    assert mark_of(os.getpid()) == mark_of(os.getpid())
    assert mark_of(os.getpid()).started
    assert mark_of(2**22 + 1).started == ""  # no such process
