"""Look at an inbox: one walk through its folders, which notes each file in the index and counts what is ignored."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice

from tasks.errors import UploadRejected
from tasks.ingest.folder_options import SKIP_FILE, FolderOptions, options_below
from tasks.ingest.inboxes import Inbox
from tasks.ingest.index import Index, Seen
from tasks.ingest.patterns import Patterns
from tasks.ingest.report import MAX_LISTED, IgnoredFiles, WaitingFile
from tasks.ingest.sources import Entry, Kind, Source, SourceChanged, SourceDenied
from tasks.media.formats import START_BYTES, begins_like_media, is_media
from tasks.names import clean_path
from tasks.settings import Settings

NOT_MEDIA = "not an audio or video file"
NOT_INCLUDED = "not among those to include"
TOO_DEEP = "deeper than max_depth"
STARTS = "start of"
"""Begins the names of the facts about files whose names tell nothing."""

FILES_AT_ONCE = 1000
"""Noted in one transaction; a scan that is killed has to look again at no more."""


@dataclass(slots=True)
class Look:
    """The findings of one look, besides those noted in the index."""

    seen: Seen = field(default_factory=Seen)
    ignored: dict[str, IgnoredFiles] = field(default_factory=dict)
    waiting: list[WaitingFile] = field(default_factory=list)
    """Files that are not noted, the first of them."""
    waiting_total: int = 0
    warnings: list[str] = field(default_factory=list)
    options: dict[str, FolderOptions] = field(default_factory=dict)
    """The options in use, by fingerprint."""

    @property
    def found_nothing(self) -> bool:
        """True if the inbox is empty, ignored things included."""
        return not self.seen.count and not self.ignored and not self.waiting_total and not self.warnings

    def ignore(self, pattern: str, path: str) -> None:
        """Count a file or folder that *pattern* keeps out."""
        known = self.ignored.get(pattern)
        example = known.example if known else printable(path)
        self.ignored[pattern] = IgnoredFiles(pattern=pattern, count=known.count + 1 if known else 1, example=example)

    def wait(self, path: str, reason: str) -> None:
        """Count a file that waits and is not noted."""
        self.waiting_total += 1
        if len(self.waiting) < MAX_LISTED:
            self.waiting.append(WaitingFile(path=printable(path), reason=reason))


class Inventory:
    """Looks at one inbox."""

    def __init__(
        self, inbox: Inbox, source: Source, index: Index, settings: Settings, go_on: Callable[[], None]
    ) -> None:
        self._inbox = inbox
        self._source = source
        self._index = index
        self._settings = settings
        self._go_on = go_on
        self._patterns = Patterns(inbox.ignore, inbox.include)
        self._still_seconds = inbox.still_seconds if source.settles else -1.0
        self._own = {inbox.move_to: f"{inbox.move_to} (files that are done)"} if inbox.after == "move" else {}
        self._look = Look()
        self._starts: set[str] = set()

    def look(self) -> Look:
        """Walk through the inbox. Raises `InboxUnavailable` if it can't be read."""
        self._look = look = Look()
        folders = [("", FolderOptions(self._inbox.options))]
        while folders:
            folder, inherited = folders.pop()
            if self._is_skipped(folder):
                look.ignore(SKIP_FILE, folder or SKIP_FILE)
                continue
            options = self._options(folder, inherited)
            try:
                subfolders = self._look_into(folder, options)
            except SourceDenied as error:
                look.warnings.append(
                    f"The folder {printable(folder)} can't be read: {error}. Allow Batchscribe's user to read it."
                )
                continue
            folders += [(path, options) for path in sorted(subfolders, reverse=True)]
        self._index.forget_unseen(look.seen)
        self._index.forget_facts(STARTS, but=self._starts)
        return look

    def _is_skipped(self, folder: str) -> bool:
        try:
            return self._source.look(f"{folder}/{SKIP_FILE}" if folder else SKIP_FILE) is not None
        except SourceDenied:
            return False

    def _options(self, folder: str, inherited: FolderOptions) -> FolderOptions:
        options = options_below(
            self._source,
            self._index,
            folder,
            inherited,
            still_seconds=self._still_seconds,
            settings=self._settings,
        )
        if options is not inherited:
            self._look.warnings += options.faults
        self._look.options.setdefault(options.fingerprint, options)
        return options

    def _look_into(self, folder: str, options: FolderOptions) -> list[str]:
        """Note the files of one folder, and return its subfolders."""
        subfolders: list[str] = []
        entries = iter(self._source.entries(folder))
        while some := list(islice(entries, FILES_AT_ONCE)):
            self._go_on()
            with self._index.transaction():
                subfolders += self._note(some, options)
        return subfolders

    def _note(self, entries: Iterable[Entry], options: FolderOptions) -> list[str]:
        subfolders = []
        look, fingerprint = self._look, options.fingerprint
        for entry in entries:
            if reason := self._ignoring(entry):
                look.ignore(reason, entry.path)
            elif entry.kind is Kind.FOLDER:
                subfolders.append(entry.path)
            elif reason := _refusing(entry) or options.waits:
                look.wait(entry.path, reason)
            else:
                look.seen.add(self._index.note(entry, fingerprint, still_seconds=self._still_seconds))
        return subfolders

    def _ignoring(self, entry: Entry) -> str:
        """Return the reason why the file or folder is left out; empty if it is not."""
        if entry.kind in (Kind.LINK, Kind.SPECIAL):
            return entry.kind
        if pattern := self._patterns.ignoring(entry.path):
            return pattern
        parts = entry.path.count("/") + 1
        if entry.kind is Kind.FOLDER:
            return TOO_DEEP if parts >= self._inbox.max_depth else self._own.get(entry.path, "")
        if is_media(entry.path):
            return "" if self._patterns.includes(entry.path) else NOT_INCLUDED
        return "" if self._patterns.includes(entry.path) and self._begins_like_media(entry) else NOT_MEDIA

    def _begins_like_media(self, entry: Entry) -> bool:
        """Return whether the content of a file whose name tells nothing begins like media; each is read once."""
        name = f"{STARTS} {printable(entry.path)}"
        self._starts.add(name)
        known, _, answer = self._index.fact(name).rpartition(" ")
        if known == entry.signature:
            return answer == "media"
        try:
            start = next(self._source.chunks(entry.path, entry.signature), b"")[:START_BYTES]
        except (SourceChanged, SourceDenied):  # the next look may see more
            return False
        begins = begins_like_media(start)
        self._index.keep_fact(name, f"{entry.signature} {'media' if begins else 'other'}")
        return begins


def _refusing(entry: Entry) -> str:
    """Return the reason why a file cannot be kept, or not be looked at; empty if it can."""
    if entry.kind is Kind.UNREADABLE:
        return "It can't be looked at. Allow Batchscribe's user to read it."
    try:
        clean_path(entry.path)
    except UploadRejected as error:
        return str(error)
    return ""


def printable(path: str) -> str:
    """Return *path* as a record can hold it: a name may have bytes that are not text."""
    return path.encode(errors="replace").decode()
