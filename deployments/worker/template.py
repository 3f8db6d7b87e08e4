"""
Fork server: a process from which the processes of a pool without a device are forked.

It has imported all they need, and nothing runs in it: no thread, no loop, no connection. So one that is forked from it
is there within milliseconds and shares the memory of the imports. That makes it cheap to give a run a process of its
own. The CUDA driver does not survive a fork, so processes with a device are started as programs of their own.

A forked process becomes a child of the worker, as if the worker had started it: the worker is a subreaper, and the
process in between ends at once. Linux alone has that (`CAN_FORK`).

Start: ``python -m deployments.worker.template FILE_DESCRIPTOR`` (the worker does).
"""

import gc

if __name__ == "__main__":
    gc.disable()  # until all is imported: looking for garbage takes a tenth of that time, and finds none

import ctypes
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing.connection import Connection

from deployments.worker import child
from deployments.worker.child_process import WarmProcess
from deployments.worker.upkeep import WARM_UP_VARIABLE, code_changed, do

CAN_FORK = sys.platform == "linux"

READY, FORK, LOOK_FOR_NEW_CODE, CHANGED, SAME = b"r", b"f", b"l", b"c", b"s"
PID_BYTES = 8
ANSWER_SECONDS = 5.0
START_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 2.0
LONGEST_PAUSE_SECONDS = 30.0
"""Longest pause between the starts of templates that end before they are ready."""
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NAME = 15

logger = logging.getLogger("batchscribe.warm_worker")


class ForkedProcess:
    """A forked child of this process. It has the methods of ``subprocess.Popen`` that `WarmProcess` needs."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._exit_code: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """Return the exit code, negative for a signal; None as long as it runs."""
        with self._lock:
            return self._poll()

    def _poll(self) -> int | None:
        if self._exit_code is None:
            try:
                ended, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # it ended, and another has asked how
                self._exit_code = -signal.SIGKILL
            else:
                self._exit_code = os.waitstatus_to_exitcode(status) if ended else None
        return self._exit_code

    def wait(self) -> int:
        """Return the exit code once it has ended."""
        while (exit_code := self.poll()) is None:
            time.sleep(0.02)
        return exit_code

    def kill(self) -> None:
        """End it, if it has not ended: until it was waited for, its id is not reused."""
        with self._lock:
            if self._poll() is None:
                os.kill(self.pid, signal.SIGKILL)


class Template:
    """The worker's end of the template: starts it, restarts it when it dies, makes it fork."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._ready = False
        self._started_at = -LONGEST_PAUSE_SECONDS
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._forked: list[WarmProcess] = []
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)

    def start_process(self) -> WarmProcess | None:
        """Return a new process; None while the template is not ready but on its way."""
        if not self._is_ready():
            return None
        try:
            process = WarmProcess(self._environment, launch=self._fork)
        except OSError as error:
            logger.warning("The template of the warm processes cannot fork (%s); starting another", error)
            self.end()
            return None
        self._forked.append(process)
        return process

    def renew_if_code_changed(self) -> None:
        """End the template if its code has changed on the disk since it started; one with the new code follows."""
        if not self._is_ready():
            return
        try:
            changed = self._ask(LOOK_FOR_NEW_CODE, 1) == CHANGED
        except OSError:
            changed = True
        if changed:
            self.end()

    def look_after(self) -> None:
        """Start the template if it is not there, and reap ended processes that have lost their parent."""
        self._is_ready()
        self._reap_orphans()

    def _reap_orphans(self) -> None:
        """Reap the children that a killed process leaves, such as ffmpeg: this process adopts all orphans."""
        self._forked = [process for process in self._forked if not process.dead]
        ours = {process.pid for process in self._forked} | ({self._process.pid} if self._process else set())
        try:
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid in ours:
                    return  # whoever started it asks; the others are found next time
                os.waitpid(ended.si_pid, os.WNOHANG)
        except ChildProcessError:
            return

    def end(self) -> None:
        """End the template. The processes forked from it live on."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._channel is not None:
            self._channel.close()
        self._process, self._channel, self._ready = None, None, False

    def _is_ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            logger.warning("The template of the warm processes ended with %s", self._process.returncode)
            self.end()
        if self._process is None:
            if time.monotonic() - self._started_at > self._pause_seconds:
                self._start()
            return False
        if not self._ready:
            self._ready = self._says_ready()
            if self._ready:
                self._pause_seconds = FIRST_PAUSE_SECONDS
            if not self._ready and time.monotonic() - self._started_at > START_SECONDS:
                self.end()
        return self._ready

    def _start(self) -> None:
        self._started_at = time.monotonic()
        self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "deployments.worker.template", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )

    def _says_ready(self) -> bool:
        assert self._channel is not None  # noqa: S101 - set with the process
        self._channel.settimeout(0)
        try:
            return self._channel.recv(1) == READY
        except BlockingIOError:
            return False
        except OSError:  # it has died, which the next look notices
            return False

    def _fork(self, connection: int) -> ForkedProcess:
        assert self._channel is not None  # noqa: S101 - as above
        self._channel.settimeout(ANSWER_SECONDS)
        socket.send_fds(self._channel, [FORK], [connection])
        return ForkedProcess(int.from_bytes(self._received(PID_BYTES), "big"))

    def _ask(self, question: bytes, size: int) -> bytes:
        assert self._channel is not None  # noqa: S101 - as above
        self._channel.settimeout(ANSWER_SECONDS)
        self._channel.sendall(question)
        return self._received(size)

    def _received(self, size: int) -> bytes:
        assert self._channel is not None  # noqa: S101 - as above
        answer = self._channel.recv(size, socket.MSG_WAITALL)
        if len(answer) < size:
            msg = "it has ended"
            raise ConnectionError(msg)
        return answer


def _serve(channel: socket.socket, worker: int) -> int | None:
    """Fork whenever the worker asks. Return in the forked process, with its connection; None if the worker is gone."""
    while True:
        question, connections, _, _ = socket.recv_fds(channel, 1, 1)
        if not question:
            return None
        if question == LOOK_FOR_NEW_CODE:
            channel.sendall(CHANGED if code_changed() else SAME)
        elif _forked(worker):
            channel.sendall(os.getpid().to_bytes(PID_BYTES, "big"))
            return connections[0]
        else:
            os.close(connections[0])


def _forked(worker: int) -> bool:
    """Fork a child of *worker*, and return whether this is it."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    between = os.getpid()
    if os.fork():
        os._exit(0)
    while (parent := os.getppid()) == between:
        time.sleep(0.001)
    if parent != worker:
        os._exit(0)  # the worker is gone
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_NAME, b"warm-process")  # its command line is that of the template
    return True


def main() -> None:
    """Serve the worker at the other end of the given file descriptor."""
    worker = os.getppid()
    child.end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    do(os.environ.get(WARM_UP_VARIABLE, ""))
    gc.collect()
    gc.freeze()  # the collector would write to what is shared, and so copy it
    gc.enable()
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.sendall(READY)
    connection = _serve(channel, worker)
    channel.close()
    if connection is not None:
        child.serve_worker(Connection(connection))


if __name__ == "__main__":
    main()
