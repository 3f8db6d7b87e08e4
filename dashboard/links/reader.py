"""
The program that reads a link with yt-dlp, in a process of its own.

It takes a `LinkRequest` as JSON from the standard input. What a link leads to, and what went wrong, goes to the
standard error as lines of JSON (`LinkNews`); the bytes of a recording go to the standard output.
"""

import re
import sys
from collections.abc import Iterator
from typing import Any

from dashboard.links.guard import Guard
from dashboard.links.protocol import LinkedRecording, LinkNews, LinkRequest

sys.modules["curl_cffi"] = None  # type: ignore[assignment]  # yt-dlp would use it, and no guard sees what it connects to

from yt_dlp import YoutubeDL  # noqa: E402 - behind the line above
from yt_dlp.utils import DownloadError  # noqa: E402

SOCKET_SECONDS = 30
TRIES = 5
NOT_AVAILABLE = "/nonexistent"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
WRAPPING = re.compile(
    r"^ERROR:\s*"
    r"|\bUnable to download (?:webpage|JSON metadata|XML|m3u8 information): "
    r"|\[[\w:+.-]+\]\s+(?:[\w-]+:\s+)?"  # the site and its name of the recording
    r"|\s*\(caused by .*$"
    r"|[;.]?\s*please report this issue.*$",
    re.DOTALL | re.IGNORECASE,
)
"""Text of yt-dlp around the reason of an error."""

NOTHING_THERE = re.compile(r"^Unsupported URL\b.*")


class _Silence:
    """Takes what yt-dlp would print."""

    def debug(self, message: str) -> None:
        """Take a message."""

    warning = error = info = debug


def main() -> None:
    """Read the link that the standard input names."""
    request = LinkRequest.model_validate_json(sys.stdin.read())
    guard = Guard(request.networks, [request.deno] if request.deno else [])
    guard.install()
    try:
        with YoutubeDL(_options(request)) as reader:
            for news in _read(reader, request):
                _tell(news)
    except DownloadError as error:
        _tell(LinkNews(problem=_reason(error), refused=guard.refused))
        sys.exit(1)


class _SizeTeller:
    """Tells how large a recording is, and again whenever that turns out to be otherwise."""

    def __init__(self) -> None:
        self._told = 0

    def __call__(self, progress: dict[str, Any]) -> None:
        """Take what yt-dlp knows of its progress."""
        exact = progress.get("total_bytes")
        size = int(exact or progress.get("total_bytes_estimate") or 0)
        if abs(size - self._told) > self._told / 50:
            self._told = size
            _tell(LinkNews(size=size, is_estimate=not exact))


def _options(request: LinkRequest) -> dict[str, Any]:
    return {
        "progress_hooks": [_SizeTeller()],
        "format": "bestaudio/best[height<=?480]/best",  # sound alone, or else with a small picture
        "outtmpl": {"default": "-"},  # the standard output
        "logger": _Silence(),
        "quiet": True,
        "noprogress": True,
        "cachedir": False,
        "noplaylist": True,  # a video that is watched as one of a playlist is that video
        "extract_flat": "in_playlist",
        "playlistend": request.most,
        "socket_timeout": SOCKET_SECONDS,
        "retries": TRIES,
        "fragment_retries": TRIES,
        "extractor_retries": 1,
        "skip_unavailable_fragments": False,  # a recording with a hole is no recording
        "fixup": "never",
        # Nothing is fetched by other programs, whose connections are not guarded.
        "external_downloader": {"default": "native"},
        "ffmpeg_location": NOT_AVAILABLE,
        "js_runtimes": {"deno": {"path": request.deno}} if request.deno else {},
    }


def _read(reader: YoutubeDL, request: LinkRequest) -> Iterator[LinkNews]:
    found = reader.extract_info(request.link, download=False)
    entries = found.get("entries")
    if not request.download:
        yield LinkNews(title=found.get("title") or "")
        for entry in [found] if entries is None else entries:
            if entry:
                yield LinkNews(recording=_recording(entry, request.link if entries is None else ""))
    elif entries is not None:
        yield LinkNews(problem="it leads to several recordings. Look into it first, then take their own links")
    elif found.get("is_live") or found.get("live_status") == "is_upcoming":
        yield LinkNews(problem="it is live, or will be. Take it once it has ended")
    else:
        yield LinkNews(recording=_recording(found, request.link))
        reader.process_ie_result(found, download=True)


def _recording(found: dict[str, Any], link: str) -> LinkedRecording:
    size = found.get("filesize") or found.get("filesize_approx")
    seconds = found.get("duration")
    return LinkedRecording(
        link=link or found.get("webpage_url") or found.get("url") or "",
        title=str(found.get("title") or ""),
        ending=str(found.get("ext") or ""),
        size=int(size) if size else None,
        seconds=float(seconds) if seconds else None,
    )


def _reason(error: DownloadError) -> str:
    reason = WRAPPING.sub("", COLOURS.sub("", str(error.msg or error))).strip().rstrip(".")
    return NOTHING_THERE.sub("no recording was found there", reason)


def _tell(news: LinkNews) -> None:
    sys.stderr.write(news.model_dump_json(exclude_defaults=True) + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
