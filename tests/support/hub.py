"""A Hugging Face Hub on this machine that holds one model, and does what a test says."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0" * 40


class Hub(ThreadingHTTPServer):
    """Serves the files of a folder as the *repository*, at the *revision* and under ``main``."""

    def __init__(self, model_folder: Path, repository: str, revision: str = COMMIT) -> None:
        super().__init__(("127.0.0.1", 0), HubRequest)
        self.model_folder = model_folder
        self.repository = repository
        self.revision = revision
        self.changed: dict[str, bytes] = {}
        """The answer in place of a file."""
        self.breaks_off = 0
        self.silent = threading.Event()
        self.resumed_at: list[int] = []

    @property
    def address(self) -> str:
        """Its address, for ``HF_ENDPOINT``."""
        return f"http://127.0.0.1:{self.server_port}"


class HubRequest(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.server.silent.is_set():
            time.sleep(30)
        elif self.path.startswith(f"/api/models/{self.server.repository}/"):
            self._send_listing()
        elif "/resolve/" in self.path:
            self._send_file()
        else:
            self.send_error(404)
        self.close_connection = True

    def _send_listing(self) -> None:
        files = [
            {"type": "file", "oid": COMMIT, "size": path.stat().st_size, "path": path.name, "rfilename": path.name}
            for path in self.server.model_folder.iterdir()
        ]
        about = {"id": self.server.repository, "sha": self.server.revision, "siblings": files}
        content = json.dumps(files if "/tree/" in self.path else about).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _send_file(self) -> None:
        *repository, _, revision, file = self.path.strip("/").split("/")
        assert ("/".join(repository), revision) == (self.server.repository, self.server.revision)
        content = self.server.changed.get(file) or (self.server.model_folder / file).read_bytes()
        start = int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").partition("-")[0])
        if start:
            self.server.resumed_at.append(start)
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", revision)
        self.send_header("Content-Length", str(len(content) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.command == "GET":
            broken = self.server.breaks_off > 0 and file == "model.bin"
            self.server.breaks_off -= broken
            self.wfile.write(content[start : start + (len(content) - start) // 2] if broken else content[start:])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_hub(model_folder: Path, repository: str, revision: str = COMMIT) -> Iterator[Hub]:
    """Run a hub in a thread."""
    server = Hub(model_folder, repository, revision)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
