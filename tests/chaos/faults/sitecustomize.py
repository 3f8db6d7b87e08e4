"""
Counts the durable steps of every Python process that finds this on its path, and lets one of them go wrong.

A durable step changes the world: a file is opened for writing, synced, renamed, linked or removed below the data
folder, or Prefect is asked to create a run or to change a state. Each is written to ``steps`` in the folder that
``BATCHSCRIBE_FAULTS`` names. If there is a file ``fault`` in it, with ``{"kind": …, "when": …}`` or ``{"number": …,
"errno": …}``, the step it describes is the last one of its process, or fails; once.
"""

import fcntl
import importlib.util
import io
import json
import os
import re
import signal
import sys
import threading
from pathlib import Path

FOLDER = os.environ.get("BATCHSCRIBE_FAULTS", "")
ROOTS = [os.environ.get(name, "\0") for name in ("BATCHSCRIBE_DATA", "BATCHSCRIBE_STORE")]
NOT_OURS = ("/prefect/", "/logs/", "/models/", "/prefect-of-the-user/")
IDS = re.compile(
    r"-?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # runs
    r"|\d{8}-\d{6}-[a-z2-7]{6}(-[a-z2-7]{10})?"  # batches and jobs
    r"|attempt-\d+-[0-9a-f]+|[0-9a-f]{16,}|(?<=/)(convert-|tmp)\w+"
)
REQUESTS = re.compile(r"/(flow_runs|task_runs)/?.*(set_state)?$|/deployments/.*/create_flow_run$")
_busy = threading.local()


def _role() -> str:
    words = " ".join(sys.orig_argv)
    for role in (
        "prefect_server",
        "deployments.worker cpu",
        "deployments.worker gpu",
        "worker.child",
        "worker.template",
        "dashboard",
    ):
        if role in words:
            break
    else:
        return "other"
    if role in ("worker.child", "worker.template"):  # what is forked from a template has its command line
        return "recording run" if "BATCHSCRIBE_DEVICE" in os.environ else "batch run"
    return role


def _ours(path: object) -> str:
    """Return the path's name among steps, or nothing if it is none of the batches'."""
    text = f"/proc/self/fd/{path}" if isinstance(path, int) else os.fspath(path)
    text = os.path.realpath(text.decode() if isinstance(text, bytes) else text)
    root = next((root for root in ROOTS if text.startswith(root + "/")), None)
    if root is None or any(part in text for part in NOT_OURS) or text.endswith((".lock", ".log")):
        return ""
    return IDS.sub("*", text.removeprefix(root))


def _matching(step: str, when: str) -> dict | None:
    """Count the step, and return the fault that is meant for it."""
    with open(f"{FOLDER}/lock", "a") as lock:  # noqa: PTH123 - pathlib is what is being watched
        fcntl.flock(lock, fcntl.LOCK_EX)
        steps = Path(FOLDER, "steps")
        if when == "before":
            with open(steps, "a") as file:  # noqa: PTH123
                file.write(step + "\n")
        try:
            fault = json.loads(Path(FOLDER, "fault").read_text())
        except OSError:
            return None
        if "kind" in fault:
            hit = (fault["kind"], fault["when"]) == (step, when)
        else:
            fails = when == "before" and not step.split(": ")[1].startswith("POST")
            number = sum(not line.split(": ")[1].startswith("POST") for line in steps.read_text().splitlines())
            hit = fails and number == fault["number"]
        if hit:
            os.rename(f"{FOLDER}/fault", f"{FOLDER}/struck")  # noqa: PTH104
        return fault if hit else None


def _step(name: str, when: str) -> None:
    if not name or getattr(_busy, "yes", False):
        return
    _busy.yes = True
    try:
        fault = _matching(f"{_role()}: {name}", when)
    finally:
        _busy.yes = False
    if fault is None:
        return
    if "errno" in fault:
        raise OSError(fault["errno"], os.strerror(fault["errno"]))
    os.kill(os.getpid(), signal.SIGKILL)


def _watch(module: object, function: str, which: int) -> None:
    original = getattr(module, function)

    def watched(*arguments, **named):
        name = ""
        if not getattr(_busy, "yes", False) and not named.get("dir_fd"):
            name = _ours(arguments[which])
        name = f"{function} {name}" if name else ""
        _step(name, "before")
        outcome = original(*arguments, **named)
        _step(name, "after")
        return outcome

    setattr(module, function, watched)


def _watch_open() -> None:
    original = io.open

    def watched(file, mode="r", *arguments, **named):
        if not set("wxa+") & set(mode) or isinstance(file, int) or getattr(_busy, "yes", False):
            return original(file, mode, *arguments, **named)
        name = _ours(file)
        _step(f"open {name}" if name else "", "before")
        return original(file, mode, *arguments, **named)

    io.open = watched


def _watch_requests() -> None:
    import httpx

    original = httpx.AsyncClient.send

    async def watched(self, request, *arguments, **named):
        path = request.url.path
        name = f"POST {IDS.sub('*', path)}" if request.method == "POST" and REQUESTS.search(path) else ""
        if path.endswith(("/filter", "/count", "/paginate")):
            name = ""
        if name.endswith("set_state"):
            name += f" {json.loads(request.content)['state']['type']}"
        _step(name, "before")
        answer = await original(self, request, *arguments, **named)
        _step(name, "after")
        return answer

    httpx.AsyncClient.send = watched


if FOLDER and _role() in ("dashboard", "batch run", "recording run"):
    for _function, _which in (("replace", 1), ("rename", 1), ("link", 1), ("unlink", 0), ("fsync", 0)):
        _watch(os, _function, _which)
    _watch_open()
    _watch_requests()

if (
    "BATCHSCRIBE_DEVICE" in os.environ
    and "deployments.worker.child" in sys.orig_argv
    and importlib.util.find_spec("simulated_device")  # it is on the path if devices are to be simulated
):
    import simulated_device  # noqa: F401 - it takes the place of the engine
