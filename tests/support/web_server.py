"""A web server with recordings, as one that links lead to."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SPEECH = Path(__file__).parents[1] / "speech"
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Campus radio</title><description>-</description>
<item><title>Garden: part 1/2</title><enclosure url="{address}/garden.mp3" type="audio/mpeg" length="1"/></item>
<item><title>Welcome</title><enclosure url="{address}/welcome.mp3" type="audio/mpeg" length="1"/></item>
</channel></rss>"""
PAGE = '<html><head><title>A talk</title></head><body><video src="{address}/garden.mp3"></video></body></html>'
NOTHING = "<html><head><title>Nothing</title></head><body>Only words.</body></html>"
SOUNDS = {"/garden.mp3": "garden-podcast.mp3", "/welcome.mp3": "lecture-welcome.mp3", "/short.mp3": "short-answer.mp3"}

BOASTING_PAGE = """<html><head><title>A talk</title><script type="application/ld+json">{"@context": "https://schema.org",
"@type": "AudioObject", "name": "A talk", "contentUrl": "{address}/garden.mp3", "contentSize": "900000000000000"}
</script></head></html>"""
"""A page that tells a size which is not that of its recording."""

TEXTS = {
    "/feed": ("application/rss+xml", FEED),
    "/page": ("text/html", PAGE),
    "/boasting": ("text/html", BOASTING_PAGE),
    "/none": ("text/html", NOTHING),
}


class WebServer(ThreadingHTTPServer):
    """
    What its pages are asked for is in ``asked``.

    ``/endless.mp3`` is sent slowly until the client is gone, ``sending`` counts how often; ``/away`` leads to the
    address that ``elsewhere`` names.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.sending = 0
        self.ended = threading.Event()
        self.elsewhere = ""

    def content_of(self, path: str) -> tuple[str, bytes] | None:
        """Return the kind and the bytes of a page."""
        if path in SOUNDS:
            return "audio/mpeg", (SPEECH / SOUNDS[path]).read_bytes()
        if path in TEXTS:
            kind, text = TEXTS[path]
            return kind, text.replace("{address}", self.address).encode()
        return ("text/plain", b"Only words.") if path == "/words.txt" else None


class _Handler(BaseHTTPRequestHandler):
    server: WebServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        found = self.server.content_of(self.path)
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", self.server.elsewhere)
            self.end_headers()
        elif self.path == "/endless.mp3":
            self._begin("audio/mpeg", 10**9)
            self._send_without_end()
        elif found is None:
            self.send_error(404)
        else:
            self._begin(found[0], len(found[1]))
            self.wfile.write(found[1])

    def _begin(self, kind: str, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def _send_without_end(self) -> None:
        self.server.sending += 1
        with suppress(OSError):
            while not self.server.ended.wait(0.05):
                self.wfile.write(bytes(10_000))
        self.server.sending -= 1


@contextmanager
def running_web_server() -> Iterator[WebServer]:
    """Yield a server on an address of this machine."""
    with WebServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
