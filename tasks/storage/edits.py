"""
Edits: what users change of a batch after it was made. Its name, its tags, the titles of its recordings, dismissed jobs.

Each edit is a record of all of them. As a revision of a transcript it is *created* under the next number and never
changed, so of two users who edit a batch at once the second looks again and adds to what the first one did. The
records of all batches are below one prefix: a single listing tells which have newer ones, however many batches there
are. The batch itself stays as it was made: documents, ZIPs, stable addresses and runs in Prefect keep its first name.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from itertools import chain

from pydantic import Field

from tasks.batches import Manifest, StoredModel
from tasks.errors import LabelInvalid, NotFound, RevisionConflict
from tasks.names import display_name, is_unicode
from tasks.storage.base import Store
from tasks.storage.keys import EDITS, BatchKeys, newest_revisions
from tasks.storage.records import read_derived, read_manifest

MAX_NAME_CHARACTERS = 200
MAX_TAG_CHARACTERS = 50
MAX_TAGS = 20
_COMMAS = re.compile("[,\\uff0c\\u060c\\u3001]")
"""The comma, and those of Chinese, Arabic and Japanese."""


class BatchEdits(StoredModel):
    """The changes of users to a batch so far; number 0 if there are none."""

    batch_id: str
    number: int = Field(default=0, ge=0)
    edited_at: datetime | None = None
    name: str = Field(default="", description="empty: the name that it was made with")
    tags: tuple[str, ...] = Field(default=(), description="in order of the alphabet; no two differ in case alone")
    titles: Mapping[str, str] = Field(default={}, description="those of recordings that have one, by job id")
    dismissed: tuple[str, ...] = Field(default=(), description="ids of the jobs that are gone for every reader")

    def renamed(self, name: str, *, first_name: str, instead_of: str | None = None) -> "BatchEdits":
        """
        Return the edits with another name; an empty one is the *first_name* again.

        Raises `RevisionConflict` if it is no longer the name that it is to stand *instead_of*, and `LabelInvalid`.
        """
        wanted, current = label(name, "The name of a batch"), self.name or first_name
        _check_unchanged("The batch was named", current, wanted or first_name, instead_of)
        return self.model_copy(update={"name": "" if wanted == first_name else wanted})

    def titled(self, job_id: str, title: str, *, instead_of: str | None = None) -> "BatchEdits":
        """
        Return the edits with another title of a recording; an empty one is none.

        Raises `RevisionConflict` if it is no longer the title that it is to stand *instead_of*, and `LabelInvalid`.
        """
        wanted = label(title, "The title of a recording")
        _check_unchanged("The recording was titled", self.titles.get(job_id, ""), wanted, instead_of)
        others = {each: known for each, known in self.titles.items() if each != job_id}
        return self.model_copy(update={"titles": others | ({job_id: wanted} if wanted else {})})

    def tagged(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> "BatchEdits":
        """
        Return the edits with tags added and removed; case does not matter, and commas separate tags that are added.

        Raises `LabelInvalid`.
        """
        gone = {comparable(tag) for tag in remove}
        tags = {comparable(tag): tag for tag in self.tags if comparable(tag) not in gone}
        for tag in chain.from_iterable(map(_parted, add)):
            wanted = label(tag, "A tag", most=MAX_TAG_CHARACTERS)
            if not wanted:
                msg = "A tag cannot be empty. Type a word or a few."
                raise LabelInvalid(msg)
            tags.setdefault(comparable(wanted), wanted)
        if len(tags) > MAX_TAGS:
            msg = f"A batch can have {MAX_TAGS} tags, and these would be {len(tags)}. Remove one first."
            raise LabelInvalid(msg)
        return self.model_copy(update={"tags": tuple(tags[each] for each in sorted(tags))})

    def without_jobs(self, job_ids: Iterable[str]) -> "BatchEdits":
        """Return the edits with these jobs dismissed."""
        gone = {*self.dismissed, *job_ids}
        titles = {job_id: title for job_id, title in self.titles.items() if job_id not in gone}
        return self.model_copy(update={"dismissed": tuple(sorted(gone)), "titles": titles})

    def with_jobs(self, job_ids: Iterable[str]) -> "BatchEdits":
        """Return the edits with these jobs back."""
        return self.model_copy(update={"dismissed": tuple(sorted({*self.dismissed} - {*job_ids}))})

    def standing(self, manifest: Manifest) -> Manifest:
        """Return the manifest without the jobs that were dismissed."""
        if not self.dismissed:
            return manifest
        jobs = tuple(job for job in manifest.jobs if job.job_id not in self.dismissed)
        return manifest.model_copy(update={"jobs": jobs})


def _parted(tags: str) -> list[str]:
    """Return the tags between the commas; what holds nothing else is one that is empty."""
    return [tag for tag in _COMMAS.split(tags) if tag.strip()] or [""]


def label(text: str, what: str, *, most: int = MAX_NAME_CHARACTERS) -> str:
    """Return a name, title or tag as it is kept: NFC, one line, no spaces around it. Raises `LabelInvalid`."""
    if not is_unicode(text):
        msg = f"{what} holds half a character, which cannot be kept. Type it again."
        raise LabelInvalid(msg)
    kept = " ".join(unicodedata.normalize("NFC", text).split())
    if len(kept) > most:
        msg = f"{what} can have {most} characters, and {display_name(kept)} has {len(kept)}. Shorten it."
        raise LabelInvalid(msg)
    if any(unicodedata.category(letter) == "Cc" for letter in kept):
        msg = f"{what} cannot hold a control character, as {display_name(kept)} does. Type it without."
        raise LabelInvalid(msg)
    if kept and not any(letter.isprintable() for letter in kept):
        msg = f"{what} cannot hold nothing but characters that are not seen. Type letters as well."
        raise LabelInvalid(msg)
    return kept


def comparable(text: str) -> str:
    """Return a name or tag as it is compared."""
    return unicodedata.normalize("NFC", text).casefold()


def read_edits(store: Store, batch_id: str) -> BatchEdits:
    """Return the newest edits of the batch that can be understood."""
    return _read(store, batch_id, newest_revisions(store.list(BatchKeys.of(batch_id).edits)).get(batch_id, 0))


def newest_edits(store: Store) -> dict[str, int]:
    """Return the number of the newest edit of each batch that has any, by one listing."""
    return newest_revisions(store.list(EDITS))


def read_standing_manifest(store: Store, batch_id: str) -> Manifest:
    """Return the manifest of the batch without dismissed jobs. Raises `NotFound` and `RecordDamaged`."""
    return read_edits(store, batch_id).standing(read_manifest(store, batch_id))


def change_edits(store: Store, batch_id: str, change: Callable[[BatchEdits], BatchEdits]) -> BatchEdits:
    """
    Apply *change* to the newest edits of the batch, save the outcome as the next one, and return it.

    If another user saves one meanwhile, *change* is applied to that. Raises what *change* does, and `NotFound` if the
    batch is gone, or goes in this moment.
    """
    keys = BatchKeys.of(batch_id)
    while True:
        # The number first: if another edit is saved from here on, this one has that number, and is not created.
        number = newest_revisions(store.list(keys.edits)).get(batch_id, 0)
        current = _read(store, batch_id, number)
        wanted = change(current)
        if wanted == current:  # also if only the answer to a try before this one was lost
            return current
        edit = wanted.model_copy(update={"number": number + 1, "edited_at": datetime.now(UTC)})
        if store.create(keys.edit(edit.number), edit.model_dump_json().encode()):
            break
    if store.stat(keys.batch) is None:  # dismissed meanwhile: nothing of it may stay
        store.delete(keys.edit(edit.number))
        msg = f"There is no batch {batch_id}. It may have been dismissed."
        raise NotFound(msg)
    return edit


def _read(store: Store, batch_id: str, number: int) -> BatchEdits:
    """Return the edits of this number, or the newest before it that can be understood."""
    keys = BatchKeys.of(batch_id)
    for each in range(number, 0, -1):
        if (edits := read_derived(store, keys.edit(each), BatchEdits)) is not None:
            return edits
    return BatchEdits(batch_id=batch_id)


def _check_unchanged(happened: str, current: str, wanted: str, instead_of: str | None) -> None:
    if instead_of is None or current in (wanted, label(instead_of, "The name")):
        return
    msg = f"{happened} “{display_name(current)}” by another user meanwhile. Change that name, if you still want to."
    raise RevisionConflict(msg)
