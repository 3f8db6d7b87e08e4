"""The inboxes of an installation: watched folders and S3 prefixes, defined in one TOML file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from tasks.batches import StoredModel
from tasks.errors import InboxInvalid, OptionInvalid
from tasks.names import MAX_PATH_DEPTH
from tasks.options import TranscriptionOptions
from tasks.settings import DEFAULT_INBOXES, Settings
from tasks.transcription.models import check_options

DEMO_INBOX = "inbox"
S3 = "s3://"


class Inbox(StoredModel):
    """A folder or S3 prefix whose audio and video files are ingested."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="Name of the inbox and of its deployment")
    path: str = Field(min_length=1, description="Absolute folder, or s3://bucket/prefix")
    interval: float = Field(default=60.0, ge=5, description="Seconds between the starts of two scans")
    cron: str = Field(default="", description="Schedule in UTC instead of the interval: 0 2 * * *")
    still_seconds: float = Field(default=30.0, ge=0, description="How long a file must not change; 120 on shares")
    include: tuple[str, ...] = Field(default=(), description="Only files whose name or path fits one of these patterns")
    ignore: tuple[str, ...] = Field(default=(), description="Patterns of names to leave out besides the built-in ones")
    max_files: int = Field(default=200, ge=1, le=10_000, description="Most files of one batch")
    max_open_batches: int = Field(default=2, ge=1, description="Batches of the inbox that run at the same time")
    max_depth: int = Field(default=MAX_PATH_DEPTH, ge=1, le=MAX_PATH_DEPTH, description="Parts of a path at most")
    group: Literal["top-folder", "none"] = Field(default="top-folder", description="Which files may share a batch")
    after: Literal["keep", "move", "delete"] = Field(default="keep", description="What becomes of files that are done")
    move_to: str = Field(default="done", description="Folder in the inbox for files that are done")
    beside: bool = Field(default=False, description="Write the documents next to their file, too")
    existing: Literal["ingest", "skip"] = Field(default="ingest", description="What the first scan does with its files")
    options: TranscriptionOptions = TranscriptionOptions()
    endpoint: str = Field(default="", description="Address of the S3 service, if it is not the store's")
    credentials: str = Field(default="", description="Name of an AwsCredentials block, if it is not the store's")

    @property
    def is_bucket(self) -> bool:
        """True if the inbox is an S3 prefix."""
        return self.path.startswith(S3)

    @field_validator("include", "ignore")
    @classmethod
    def _not_empty(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        if not all(pattern.strip("/ ") for pattern in patterns):
            msg = "an empty pattern fits nothing; remove it"
            raise ValueError(msg)
        return patterns

    @field_validator("move_to")
    @classmethod
    def _is_below(cls, folder: str) -> str:
        if any(part in ("", ".", "..") for part in folder.split("/")):
            msg = "name a folder below the inbox, such as done"
            raise ValueError(msg)
        return folder

    @model_validator(mode="after")
    def _is_absolute(self) -> "Inbox":
        if not self.is_bucket and not Path(self.path).is_absolute():
            msg = f"path: {self.path} is no absolute folder; write it from / on, or as s3://bucket/prefix"
            raise ValueError(msg)
        return self


def inboxes_of(settings: Settings) -> tuple[Inbox, ...]:
    """Return the inboxes of an installation by name. Raises `InboxInvalid`."""
    inboxes = {inbox.name: inbox for inbox in _read_file(settings)}
    if settings.demo_inbox and DEMO_INBOX not in inboxes:
        demo = Inbox(name=DEMO_INBOX, path=str(settings.data.absolute() / DEMO_INBOX))
        inboxes[DEMO_INBOX] = demo
    for inbox in inboxes.values():
        check_apart(inbox, settings)
        check_options_of(f"inboxes.{inbox.name}.options", inbox.options, settings)
    return tuple(inboxes[name] for name in sorted(inboxes))


def check_options_of(where: str, options: TranscriptionOptions, settings: Settings) -> None:
    """Raise `InboxInvalid` if the options name a model or a language that there is not; *where* says which options."""
    try:
        check_options(options, settings)
    except OptionInvalid as error:
        msg = f"{where}: {error}"
        raise InboxInvalid(msg) from error


def check_apart(inbox: Inbox, settings: Settings) -> None:
    """Raise `InboxInvalid` if the inbox holds what we keep: recordings would be ingested as files for ever."""
    kept = [settings.store_address, str(settings.uploads_folder), str(settings.work_folder)]
    if inbox.is_bucket:
        inside = (inbox.endpoint or settings.store_endpoint) == settings.store_endpoint and any(
            f"{place.rstrip('/')}/".startswith(f"{inbox.path.rstrip('/')}/") for place in kept[:1]
        )
    else:
        folder = Path(inbox.path).resolve()
        places = [Path(place).resolve() for place in kept if not place.startswith(S3)]
        inside = any(place.is_relative_to(folder) or folder.is_relative_to(place) for place in places)
    if inside:
        msg = f"The inbox {inbox.name} is {inbox.path}, where Batchscribe keeps its own files. Watch another folder."
        raise InboxInvalid(msg)


def _read_file(settings: Settings) -> tuple[Inbox, ...]:
    file = settings.inboxes
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        if file == DEFAULT_INBOXES:
            return ()
        msg = f"There is no file {file}. Make it, or correct BATCHSCRIBE_INBOXES."
        raise InboxInvalid(msg) from error
    except (OSError, UnicodeDecodeError) as error:
        msg = f"The file {file} cannot be read: {error}. Correct it, or BATCHSCRIBE_INBOXES."
        raise InboxInvalid(msg) from error
    return read_inboxes(text, str(file))


def read_inboxes(text: str, file: str) -> tuple[Inbox, ...]:
    """Return the inboxes that the TOML *text* defines. Raises `InboxInvalid`, which names the key."""
    tables = parsed_toml(text, file)
    if unknown := sorted(tables.keys() - {"inboxes"}):
        msg = f"{file}: {unknown[0]} is no key. Begin each inbox with a line such as [inboxes.lectures]."
        raise InboxInvalid(msg)
    inboxes = tables.get("inboxes", {})
    if not isinstance(inboxes, Mapping) or not all(isinstance(inbox, Mapping) for inbox in inboxes.values()):
        msg = f"{file}: inboxes is no table. Begin each inbox with a line such as [inboxes.lectures]."
        raise InboxInvalid(msg)
    return tuple(_inbox(name, table, file) for name, table in inboxes.items())


def parsed_toml(text: str, file: str) -> dict[str, Any]:
    """Return the contents of the TOML *text*. Raises `InboxInvalid`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{file} is no TOML: {error}. Correct that line."
        raise InboxInvalid(msg) from error


def _inbox(name: str, table: Mapping[str, Any], file: str) -> Inbox:
    if "name" in table:
        msg = f"{file}: inboxes.{name}.name is no key: its name is {name}. Remove it."
        raise InboxInvalid(msg)
    try:
        return Inbox.model_validate({"name": name, **table})
    except ValidationError as error:
        raise InboxInvalid(first_fault(error, f"{file}: inboxes.{name}")) from error


def first_fault(error: ValidationError, where: str) -> str:
    """Return the first fault as a sentence that names its key below *where*."""
    fault = error.errors()[0]
    key = ".".join([where, *map(str, fault["loc"])])
    said = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"{key} is no key. Correct its name, or remove it."
    return f"{key}: {said}. It is {fault['input']!r}." if fault["loc"] else f"{key}.{said}."
