"""The inbox's own clock: monotonic seconds since this machine was started, the same for all of its processes."""

import functools
import platform
import subprocess
import time
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@functools.cache
def boot_id() -> str:
    """Return the id of this machine's current boot: times of different boots can't be compared."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:  # macOS
        asked = ["sysctl", "-n", "kern.bootsessionuuid"]
        answer = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=10)
        return answer.stdout.strip() or platform.node()


def now() -> float:
    """Return the seconds since the machine was started."""
    return time.monotonic()
