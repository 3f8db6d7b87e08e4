"""The check whether a file is accepted: by the ending of its name, or else by how its content begins."""

from collections.abc import Callable

from tasks.errors import NotMedia
from tasks.media.formats import START_BYTES, begins_like_media, is_media
from tasks.names import clean_path, display_name


class MediaCheck:
    """
    Passes the bytes of one file on to *write*, and refuses a file that is neither named nor begins like media.

    Methods raise `NotMedia`: before the first byte is written, or at the end of a short file.
    """

    def __init__(self, write: Callable[[bytes | memoryview], None]) -> None:
        self._write = write
        self._start = bytearray()
        self._path = ""
        self._decided = False

    def path(self, raw: str) -> str:
        """Return the path of the file as it is kept. Raises `UploadRejected`."""
        self._path = clean_path(raw)
        self._decided |= is_media(self._path)
        return self._path

    def write(self, content: bytes | memoryview) -> None:
        """Take the next bytes."""
        if not self._decided:
            self._start += content
            if len(self._start) < START_BYTES:
                return
            content = self._decide()
        self._write(content)

    def finish(self) -> None:
        """Take the end of the file."""
        if not self._decided:
            self._write(self._decide())

    def _decide(self) -> bytes:
        if not begins_like_media(bytes(self._start[:START_BYTES])):
            msg = (
                f"{display_name(self._path)} is no audio or video file: neither its name nor its content is like one. "
                "Upload only such files."
            )
            raise NotMedia(msg)
        self._decided = True
        return bytes(self._start)
