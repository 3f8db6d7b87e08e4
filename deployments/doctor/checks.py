"""
All looks at an installation, side by side where they take time.

Those that exist elsewhere are called, not repeated: the checks of `make up`, the model's checksums, the store's round
trip, the warm-up of a worker's process, the problems that pages and health know.

Imported only once the environment names the Prefect server to ask: Prefect reads that when it is imported.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from deployments.doctor.configuration import Installation
from deployments.doctor.devices import look_at_devices
from deployments.doctor.findings import Findings, Report, guarded, notice
from deployments.doctor.machine import is_running, look_at_conversion, look_at_data_folder, look_at_disk, look_at_ports
from deployments.doctor.server import Server, look_at_server
from deployments.doctor.store import look_at_store
from tasks.settings import Settings


def look_at_all(report: Report, installation: Installation) -> None:
    """Add to *report* what is found; for a worker's machine only what that worker needs."""
    settings, worker = installation.settings, installation.worker
    running = not worker and is_running(settings)
    report.add(guarded("data folder", partial(look_at_data_folder, settings.data.absolute(), running=running)))
    report.add(guarded("disk", partial(look_at_disk, settings)))
    with ThreadPoolExecutor() as threads:
        server = Server(settings, worker)
        reached = threads.submit(server.reach) if worker or running or settings.prefect_url else None

        def at_work() -> bool:
            """Return whether workers of this machine have its devices, so that no second model should be loaded."""
            if not worker or reached is None:
                return running
            return not reached.result() and server.has_worker(worker)

        looks: list[tuple[str, Callable[[], Findings]]] = [
            ("ffmpeg", look_at_conversion),
            ("device", partial(look_at_devices, settings, worker, at_work)),
            ("store", partial(look_at_store, settings)),
            *([] if worker else [("ports", partial(look_at_ports, settings, running=running))]),
        ]
        report.add_when_done([threads.submit(guarded, name, look) for name, look in looks])
        if reached is None:
            report.add(_nothing_runs(settings))
        else:
            report.add(guarded("Prefect", partial(look_at_server, server, reached.result)))


def _nothing_runs(settings: Settings) -> Findings:
    yield notice(
        "Prefect",
        f"Nothing runs with the data folder {settings.data.absolute()}, so Prefect's server, work pools and "
        "workers were not looked at. Start them: make up",
    )
