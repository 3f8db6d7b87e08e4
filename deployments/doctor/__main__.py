"""
Say what is right and what is wrong on this machine, and what to do about it: the command behind ``make doctor``.

``--worker gpu-3`` looks at what ``make worker POOL=gpu-3`` needs instead of what ``make up`` needs. ``--json`` prints
``{"ok": …, "findings": [{"subject", "mark", "text"}]}``. Nothing is installed, downloaded, started or changed. What is
not installed yet is not looked at, so this module and `deployments.doctor.bare` need the standard library only.

Exit status: 0 if nothing is wrong, else 1.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - before anything is imported that such a Python cannot read
    sys.exit(
        f"✗ Python        Batchscribe needs Python 3.11 or newer; this is {sys.version.split()[0]}. "
        "Name another one: make doctor PYTHON=python3.12"
    )

import argparse
import importlib.util
import os
import tempfile
from pathlib import Path

from deployments.doctor.bare import look_at_bare_machine
from deployments.doctor.findings import Report

PROJECT = Path(__file__).parents[2]


def main() -> None:
    """Look, print, and exit with the status."""
    parser = argparse.ArgumentParser(prog="make doctor", description="Say what is right and wrong on this machine.")
    parser.add_argument("--worker", metavar="POOL", default="", help="look at what the worker of this pool needs")
    parser.add_argument("--json", action="store_true", help="print one JSON record")
    given = parser.parse_args()
    os.chdir(PROJECT)
    report = Report(as_json=given.json)
    report.add(look_at_bare_machine(PROJECT))
    if importlib.util.find_spec("prefect") is not None:
        with tempfile.TemporaryDirectory() as scratch:
            look_at_installation(report, given.worker, scratch)
    sys.exit(report.conclude())


def look_at_installation(report: Report, worker: str, scratch: str) -> None:
    """Look at all that needs our packages. *scratch* is Prefect's folder where there is none: it would make one."""
    from deployments.doctor.configuration import read_settings
    from deployments.local.environment import shared_environment

    installation = read_settings(report, worker)
    if installation is None:
        return
    os.environ.update(shared_environment(installation.settings))
    os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "false"
    if not installation.settings.prefect_home.is_dir():
        os.environ["PREFECT_HOME"] = scratch
    from deployments.doctor.checks import look_at_all

    look_at_all(report, installation)


if __name__ == "__main__":
    main()
