"""
Benchmark of scans of an inbox of 100,000 known files, with nothing new and with 10 new ones: seconds and memory.

No server is needed: the walk, the index and the hashing are all that grows with the number of files::

    python benchmarks/ingest.py [--json FILE]
"""

import os
import resource
import sys
import tempfile
import time
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path

from measures import Measure, arguments_of, conclude

from tasks.ingest.batching import plan_batch
from tasks.ingest.context import ScanContext
from tasks.ingest.inboxes import Inbox
from tasks.ingest.index import Index
from tasks.ingest.inventory import Inventory, Look
from tasks.ingest.lease import take_lease
from tasks.ingest.open_source import open_source
from tasks.ingest.records import IngestKeys
from tasks.ingest.reporting import report_of
from tasks.settings import Settings
from tasks.storage.open_store import open_store

FILES = 100_000
NEW = 10
PER_FOLDER = 500
MAX_SECONDS = 5.0
MAX_IDLE_MILLISECONDS = 100.0
MAX_MIB = 16.0
FEW = 100
MIB = 2**20


class Bench:
    """An inbox in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(_env_file=None, data=folder / "data", store="")  # type: ignore[call-arg]
        self.inbox = Inbox(name="bench", path=str(folder / "inbox"), still_seconds=0, max_open_batches=1)

    def fill(self, files: int, *, name: str = "file") -> None:
        """Put files into the inbox, each of a few bytes."""
        for number in range(files):
            folder = Path(self.inbox.path) / f"{name} {number // PER_FOLDER}"
            if number % PER_FOLDER == 0:
                folder.mkdir(parents=True)
            (folder / f"{number}.mp3").write_bytes(os.urandom(32))

    def scan(self) -> tuple[float, int]:
        """Look, plan a batch of the new files and sum up; return the seconds and the files of the plan."""
        began = time.perf_counter()
        store, keys = open_store(self.settings), IngestKeys(inbox=self.inbox.name)
        lease = take_lease(store, keys)
        if lease is None:
            sys.exit("Another scan holds the lease.")
        index = Index.open(self.settings.ingest_folder / "bench.sqlite")
        scan = ScanContext(self.settings, store, self.inbox, open_source(self.inbox, self.settings), index, lease)
        look: Look = Inventory(self.inbox, scan.source, index, scan.go_on).look()
        plan = plan_batch(scan, look.options)
        report = report_of(scan, look, (), datetime.now(UTC), 0.0)
        store.write(keys.report, report.model_dump_json().encode())
        lease.release()
        index.close()
        return time.perf_counter() - began, len(plan.files) if plan else 0

    def make_known(self) -> None:
        """Mark all files there as ingested."""
        index = Index.open(self.settings.ingest_folder / "bench.sqlite")
        Inventory(self.inbox, open_source(self.inbox, self.settings), index, lambda: None).look()
        with index.transaction():
            index.skip((file.path, file.size, file.mtime_ns) for file in index.waiting(-1))
        index.close()


def main() -> None:
    """Measure, print, and exit with 1 if a goal is missed."""
    arguments = arguments_of(__doc__).parse_args()
    measures: dict[str, Measure] = {}
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
        few = Bench(Path(small))
        few.fill(FEW)
        few.make_known()
        idle = min(few.scan()[0] for _ in range(5))
        measures[f"milliseconds to scan {FEW} known files"] = Measure(1000 * idle, MAX_IDLE_MILLISECONDS)
        many = Bench(Path(large))
        many.fill(FILES)
        many.make_known()
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        measures[f"seconds to scan {FILES:,} known files"] = Measure(min(many.scan()[0] for _ in range(3)), MAX_SECONDS)
        many.fill(NEW, name="new")
        many.scan()
        seconds, planned = many.scan()
        measures[f"seconds with {NEW} new ones"] = Measure(seconds, MAX_SECONDS)
        measures["new ones that were planned"] = Measure(planned, NEW, at_least=True)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident
        measures["MiB by which the process grew"] = Measure(grown / 1024, MAX_MIB)
        tracemalloc.start()
        many.scan()
        measures["MiB of Python objects at the peak"] = Measure(tracemalloc.get_traced_memory()[1] / MIB, MAX_MIB)
    conclude(measures, arguments.json)


if __name__ == "__main__":
    main()
