"""
The options of a folder of an inbox: ``.batchscribe.toml`` in it changes them for it and for all below.

The nearest file wins, key by key. It counts when it is whole, like any other file of the inbox: a half-written one
would have recordings transcribed in a wrong way. Until then, and if it cannot be followed, the folder waits.
"""

from dataclasses import dataclass, field
from functools import cached_property

from pydantic import ValidationError

from tasks.errors import InboxInvalid
from tasks.ingest import clock
from tasks.ingest.inboxes import check_options_of, first_fault, parsed_toml
from tasks.ingest.index import Index
from tasks.ingest.records import fingerprint_of
from tasks.ingest.sources import Source, SourceChanged, SourceDenied
from tasks.options import TranscriptionOptions
from tasks.settings import Settings

OPTIONS_FILE = ".batchscribe.toml"
SKIP_FILE = ".batchscribe-skip"
MAX_BYTES = 2**20


@dataclass(frozen=True)
class FolderOptions:
    """The options that hold for a folder, or why its files wait."""

    options: TranscriptionOptions
    waits: str = ""
    faults: tuple[str, ...] = field(default=())

    @cached_property
    def fingerprint(self) -> str:
        """A fingerprint that tells these options from others."""
        return fingerprint_of(self.options)


def options_below(
    source: Source,
    index: Index,
    folder: str,
    inherited: FolderOptions,
    *,
    still_seconds: float,
    settings: Settings,
) -> FolderOptions:
    """Return the options of *folder*, whose parent has the *inherited* ones."""
    path = f"{folder}/{OPTIONS_FILE}" if folder else OPTIONS_FILE
    try:
        entry = source.look(path)
        if entry is None:
            return inherited
        if not _is_whole(index, path, entry.signature, still_seconds):
            return FolderOptions(inherited.options, f"Its options in {path} have just been changed.")
        content = source.read(path) if entry.size <= MAX_BYTES else b""
        return FolderOptions(_merged(inherited.options, content, path, settings), inherited.waits)
    except SourceChanged:
        return FolderOptions(inherited.options, f"Its options in {path} are being changed.")
    except SourceDenied as error:
        fault = f"{path} can't be read: {error}. Allow Batchscribe's user to read it; its folder waits."
        return FolderOptions(inherited.options, f"Its options in {path} can't be read.", (fault,))
    except InboxInvalid as error:
        return FolderOptions(
            inherited.options, f"Its options in {path} can't be followed.", (f"{error} Until then its folder waits.",)
        )


def _is_whole(index: Index, path: str, signature: str, still_seconds: float) -> bool:
    """Note one look at the file, and return whether it has been still for long enough."""
    name, state = f"options {path}", f"{clock.boot_id()} {signature}"
    known, _, since = index.fact(name).rpartition(" at ")
    if known != state:
        index.keep_fact(name, f"{state} at {clock.now()}")
        return still_seconds < 0
    return clock.now() - float(since) >= still_seconds


def _merged(options: TranscriptionOptions, content: bytes, path: str, settings: Settings) -> TranscriptionOptions:
    """Return *options* with what the TOML *content* changes. Raises `InboxInvalid`."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        msg = f"{path} is no text in UTF-8. Write it anew."
        raise InboxInvalid(msg) from error
    chosen = parsed_toml(text, path)
    try:
        merged = TranscriptionOptions.model_validate({**options.model_dump(exclude_defaults=True), **chosen})
    except ValidationError as error:
        raise InboxInvalid(first_fault(error, path)) from error
    check_options_of(path, merged, settings)
    return merged
