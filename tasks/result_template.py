"""
The template of the stable, readable addresses under which documents are kept a second time in the store.

A template such as ``results/{batch}/{tree}/{name}`` is a key of the store with placeholders. It gives each batch
folders of its own, so no batch writes over another's results and all of a batch can be listed and deleted; within a
batch, jobs whose addresses would be equal are numbered.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

from tasks.names import DocumentFormat, DocumentNames, document_name, storable

MAX_TEMPLATE_BYTES = 100
MAX_BATCH_NAME_BYTES = 60
MAX_ADDRESS_BYTES = 900
"""As many as a key of the store may have (`tasks.storage.base.MAX_KEY_BYTES`)."""

PLACEHOLDERS = ("batch", "batch_name", "date", "tree", "name", "stem", "format")
OF_A_DOCUMENT = frozenset({"tree", "name", "stem"})
OUR_FOLDERS = frozenset({"batches", "edits", "ingest", "uploads", "installation.json", "check.txt"})
"""The other names at the top of the store."""

BATCH_ID = r"\d{8}-\d{6}-[a-z2-7]{6}"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class BatchLabels:
    """The values of a batch that a template may use."""

    batch: str
    batch_name: str
    date: str


@dataclass(frozen=True, slots=True)
class ResultTemplate:
    """A template that was checked: its parts up to the one that holds the batch's id, and those of a document."""

    batch_parts: tuple[str, ...]
    document_parts: tuple[str, ...]

    @classmethod
    @lru_cache(maxsize=64)
    def parse(cls, text: str) -> Self:
        """Return the template. Raises `ValueError` with a sentence about its fault."""
        parts = tuple(text.split("/"))
        if fault := _fault_of(text, parts):
            msg = f"{text!r} is no template of addresses: {fault} An example: results/{{batch}}/{{tree}}/{{name}}"
            raise ValueError(msg)
        border = next(index for index, part in enumerate(parts) if "{batch}" in part) + 1
        return cls(parts[:border], parts[border:])

    def key(
        self,
        labels: BatchLabels,
        stem: str,
        document_format: DocumentFormat,
        names: DocumentNames = DocumentNames.REFINED,
    ) -> str:
        """Return the address of a document; *stem* is the path of the job's documents without their endings."""
        *folders, name = document_name(stem, document_format, names).split("/")
        folder = _batch_folder(self, labels, document_format)
        own = {"name": name, "stem": stem.rpartition("/")[2]}
        values = {**_values(labels, document_format), **own}
        tree = [storable(folder) for folder in folders]
        key = folder + self._joined(values, tree)
        if len(key.encode()) > MAX_ADDRESS_BYTES:
            key = folder + self._joined(values, [hashlib.sha256("/".join(folders).encode()).hexdigest()])
        return key

    def _joined(self, values: Mapping[str, str], tree: list[str]) -> str:
        filled = (tree if part == "{tree}" else [storable(_filled(part, values))] for part in self.document_parts)
        return "/".join(part for parts in filled for part in parts)

    def folders(self, labels: BatchLabels) -> tuple[str, ...]:
        """Return the prefixes below which everything of a batch is, and nothing of another one."""
        return tuple(dict.fromkeys(_batch_folder(self, labels, each) for each in DocumentFormat))

    @property
    def folder_patterns(self) -> tuple[re.Pattern[str], ...]:
        """Patterns of the folders that lead to a batch's, one a level; the last one has the group ``batch``."""
        return tuple(map(_pattern, self.batch_parts))

    def stems(self, document_stems: Iterable[str], names: DocumentNames = DocumentNames.REFINED) -> dict[str, str]:
        """
        Return those of the jobs' stems that have to be numbered, each with its stem in addresses.

        Addresses count as equal if a file system that ignores case would mix them up, and none may be a folder of
        another: a template without the tree, or with names of its own, can bring that about.
        """
        if self.document_parts == ("{tree}", "{name}"):
            return {}  # the stems are made so that these are different
        ordered = list(document_stems)
        folders = {folder for stem in ordered for key in self._keys(stem, names) for folder in _folders_of(key)}
        taken: set[str] = set()
        numbered: dict[str, str] = {}
        for stem in ordered:
            number, chosen = 1, stem
            while self._is_taken(keys := self._keys(chosen, names), taken, folders):
                number += 1
                chosen = f"{stem} ({number})"
            taken.update(keys)
            folders.update(folder for key in keys for folder in _folders_of(key))
            if chosen != stem:
                numbered[stem] = chosen
        return numbered

    def _is_taken(self, keys: Iterable[str], taken: set[str], folders: set[str]) -> bool:
        return any(key in taken or key in folders or not taken.isdisjoint(_folders_of(key)) for key in keys)

    def _keys(self, stem: str, names: DocumentNames) -> list[str]:
        """Return the addresses of a job's documents, as equal as a file system that ignores case finds them."""
        labels = BatchLabels("batch", "name", "date")
        return [self.key(labels, stem, each, names).casefold() for each in DocumentFormat]


def _fault_of(text: str, parts: tuple[str, ...]) -> str:
    """Return the fault of the template, as a sentence; empty if there is none."""
    used = _PLACEHOLDER.findall(text)
    literal = _PLACEHOLDER.sub("x", text)
    unknown = next((name for name in used if name not in PLACEHOLDERS), None)
    faults = {
        f"It has more than {MAX_TEMPLATE_BYTES} bytes.": len(text.encode()) > MAX_TEMPLATE_BYTES,
        f"{{{unknown}}} is no placeholder; these are: {', '.join(PLACEHOLDERS)}.": unknown is not None,
        "A brace is not closed or not opened.": "{" in literal or "}" in literal,
        "Each placeholder can be used once.": len(used) != len(set(used)),
        "A part between two / is empty, or holds what not every store can keep.": any(
            not part or storable(part) != part for part in literal.split("/")
        ),
        "It must begin with a folder of its own, without a placeholder and none of Batchscribe's own "
        f"({', '.join(sorted(OUR_FOLDERS))}).": "{" in parts[0] or len(parts) == 1 or parts[0] in OUR_FOLDERS,
        "{tree} stands for several folders, so it must be a part of its own.": any(
            "{tree}" in part and part != "{tree}" for part in parts
        ),
        "It must hold {batch}, in a folder before {tree}, {name} and {stem}: batches would write over each other's "
        "results.": not _batch_comes_first(parts),
        "It must hold {name} or {stem}, and end with {name} or .{format}.": not (
            {"name", "stem"} & {*used} and parts[-1].endswith(("{name}", ".{format}"))
        ),
    }
    return next((fault for fault, holds in faults.items() if holds), "")


def _batch_comes_first(parts: tuple[str, ...]) -> bool:
    for part in parts[:-1]:
        names = {*_PLACEHOLDER.findall(part)}
        if names & OF_A_DOCUMENT:
            return False
        if "batch" in names:
            return True
    return False


@lru_cache(maxsize=256)
def _batch_folder(template: ResultTemplate, labels: BatchLabels, document_format: DocumentFormat) -> str:
    values = _values(labels, document_format)
    return "".join(f"{storable(_filled(part, values))}/" for part in template.batch_parts)


@lru_cache(maxsize=256)
def _values(labels: BatchLabels, document_format: DocumentFormat) -> Mapping[str, str]:
    name = storable(labels.batch_name.replace("/", "_") or "_", MAX_BATCH_NAME_BYTES)
    return {"batch": labels.batch, "batch_name": name, "date": labels.date, "format": document_format.value}


def _filled(part: str, values: Mapping[str, str]) -> str:
    return _PLACEHOLDER.sub(lambda found: values[found[1]], part)


def _pattern(part: str) -> re.Pattern[str]:
    pieces = _PLACEHOLDER.split(part)  # what is in between, and the names, by turns
    named = {"batch": f"(?P<batch>{BATCH_ID})"}
    return re.compile(
        "".join(named.get(piece, ".*") if index % 2 else re.escape(piece) for index, piece in enumerate(pieces))
    )


def _folders_of(key: str) -> Iterator[str]:
    parts = key.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))
