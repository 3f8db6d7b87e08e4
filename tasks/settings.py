"""
The settings of an installation.

Every field is an environment variable with the prefix ``BATCHSCRIBE_`` or a line in the file ``.env``. They are read
once, where a process starts (`Settings()`), and passed on as values.
"""

import re
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks.devices import Device
from tasks.names import DocumentNames
from tasks.result_template import ResultTemplate
from tasks.webhook_signature import is_http_address, webhook_key

MIB = 2**20
GIB = 2**30
DEFAULT_INBOXES = Path("inboxes.toml")


class Settings(BaseSettings):
    """The settings that an operator can choose."""

    model_config = SettingsConfigDict(
        env_prefix="BATCHSCRIBE_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # a database's address has its password in it
    )

    host: str = "127.0.0.1"
    """Address the dashboard listens on."""

    port: int = Field(default=8501, ge=1, le=65535)
    """Port of the dashboard and its HTTP API."""

    prefect_port: int = Field(default=4200, ge=1, le=65535)
    """Port of the Prefect server that `make up` starts."""

    prefect_host: str = "127.0.0.1"
    """Address that server listens on. Another one than this machine's own needs ``PREFECT_API_AUTH_STRING``."""

    prefect_url: str = ""
    """Address of the API of an existing Prefect server or workspace of Prefect Cloud. Empty: `make up` starts one."""

    prefect_database: SecretStr = SecretStr("")
    """
    Database of the server that `make up` starts, as SQLAlchemy writes it: ``postgresql+asyncpg://user:password@host/name``.
    Empty: SQLite in the data folder.
    """

    data: Path = Path("data")
    """Folder of everything that is not code: uploads, the default store, models, Prefect's database, logs."""

    store: str = ""
    """
    Store for recordings and documents: a folder, ``s3://bucket/prefix``, or ``s3-bucket/<name>`` for a prefect-aws
    ``S3Bucket`` block, which names bucket, folder and credentials. Empty: ``<data>/store``.
    """

    store_endpoint: str = ""
    """Address of an S3 service other than AWS, for example ``http://127.0.0.1:9000``."""

    store_credentials: str = ""
    """
    Name of a prefect-aws block, ``AwsCredentials``, ``MinIOCredentials`` or ``S3Bucket``, whose credentials are used.
    Empty: the usual AWS chain (environment, profile, role).
    """

    store_encryption: Literal["", "AES256", "aws:kms", "aws:kms:dsse"] = ""
    """Server-side encryption that each write to a bucket asks for. Empty: the bucket's default."""

    store_encryption_key: str = ""
    """Id or ARN of the KMS key, with ``aws:kms``. Empty: the account's own key for S3."""

    store_storage_class: Literal[
        "", "STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY"
    ] = ""
    """Storage class of each write to a bucket, one that can be read at once. Empty: the bucket's default."""

    store_presign: bool = False
    """Have browsers load large files from the bucket itself, which they must be able to reach."""

    store_presign_bytes: int = Field(default=8 * MIB, ge=0)
    """Minimum size of a document or recording that browsers load from the bucket."""

    results: str = "results/{batch}/{tree}/{name}"
    """
    Stable addresses in the store under which the documents of a batch are kept a second time, for other programs.

    Placeholders: ``{batch}``, ``{batch_name}``, ``{date}``, ``{tree}``, ``{name}``, ``{stem}``, ``{format}``; for the
    rules see `tasks.result_template`. A batch keeps the addresses of when it was made. ``off``: none.
    """

    document_names: DocumentNames = DocumentNames.REFINED
    """
    Names of documents: ``refined`` (``talk_refined.srt``), or ``plain`` (``talk.srt``), which players look for.

    A batch keeps the names of when it was made.
    """

    devices: str = ""
    """Devices to transcribe on, one work pool each: ``cuda:0,cuda:1`` or ``cpu,cpu``. Empty: those that are found."""

    device: Device | None = None
    """The one device of this process, as JSON. Set by the starter of a GPU worker; not needed otherwise."""

    model: str = "auto"
    """Whisper model of jobs that name none. ``auto``: large-v3-turbo on a GPU, base on the CPU."""

    model_idle_seconds: float = Field(default=1800.0, ge=0)
    """
    A model that no job has used for so long is unloaded; the next job loads it again, which takes seconds. 0: never.

    Half an hour keeps it over the pauses of a working day and gives its memory back for the night.
    """

    model_call_seconds: float = Field(default=600.0, gt=0)
    """
    A GPU that has not answered one call of the model for so long counts as failed, and its process is started again.

    A call is a batch of at most 32 chunks of 30 s, or a second try of one chunk. Generous on purpose: faster-whisper's
    README has 13 minutes of audio done in 17 s (large-v2, an RTX 3070 Ti). Calls on a CPU may take any time.
    """

    parts_from_minutes: float = Field(default=10.0, ge=0)
    """
    Length in minutes from which on the parts of a recording are shared with devices that have nothing to do.

    A shorter one is done before another device has begun. A very large number keeps each recording on one device.
    """

    runs_per_process: int = Field(default=500, ge=0)
    """Runs after which a worker's process is replaced by a fresh one, which bounds leaks. 0: never."""

    open_batches: int = Field(default=50, ge=1)
    """Batches that run at the same time; further ones wait until one of them has ended."""

    batch_processes: int = Field(default=2, ge=1)
    """Processes that the open batches share. A batch mostly waits, so a few are enough for many batches."""

    conversions: int = Field(default=0, ge=0)
    """Uploads that are converted at the same time on this host, whatever batches they are of. 0: one for each core."""

    max_file_bytes: int = Field(default=20 * GIB, ge=1)
    """Largest upload."""

    max_batch_bytes: int = Field(default=500 * GIB, ge=1)
    """Largest total size of the uploads of one batch."""

    max_batch_files: int = Field(default=10_000, ge=1)
    """Maximum number of uploads in one batch."""

    max_audio_hours: float = Field(default=24.0, gt=0)
    """Longest recording, as decoded, not as declared."""

    refuse_damaged: bool = False
    """True if an upload that is damaged or cut off fails. Otherwise what can be read of it is transcribed."""

    max_concurrent_uploads: int = Field(default=16, ge=1)
    """Uploads received at the same time; more are asked to come back in a moment."""

    parallel_uploads: int = Field(default=3, ge=1, le=5)
    """Files that one browser sends at the same time. Browsers have six connections, and the page needs one itself."""

    disk_reserve_bytes: int = Field(default=1 * GIB, ge=0)
    """Space that uploads leave free on the disk of the data folder."""

    upload_idle_seconds: float = Field(default=120.0, gt=0)
    """Seconds without data after which an upload is given up."""

    link_networks: str = ""
    """
    Networks beside the public internet that links may lead to: ``10.20.0.0/16, 192.168.7.5``. Empty: none.

    Whoever may upload may then have the dashboard's machine fetch from there.
    """

    retention_hours: float = Field(default=24.0, ge=0)
    """Hours that uploads and recordings of failed or cancelled jobs are kept for a retry, from the batch's end."""

    video_retention_hours: float = Field(default=24.0, ge=0)
    """Hours that the videos of done jobs are kept to be watched with their subtitles. 0: only their sound is kept."""

    recording_retention_days: float = Field(default=7.0, ge=0)
    """Days that recordings of jobs that are done are kept for the player. 0: they go with the next clean-up."""

    unstarted_hours: float = Field(default=48.0, ge=0)
    """Hours that a batch that is never started is kept, from its last upload."""

    batch_retention_days: float = Field(default=0.0, ge=0)
    """Days that batches are kept with their documents, from their end. 0: until they are dismissed."""

    leftover_hours: float = Field(default=1.0, ge=0)
    """Minimum age in hours of something that no record accounts for before it counts as left by a killed process."""

    inboxes: Path = DEFAULT_INBOXES
    """TOML file with the folders and buckets that are watched for recordings. The default need not exist."""

    demo_inbox: bool = True
    """True if `make up` watches the folder ``<data>/inbox``."""

    public_address: str = Field(default="", pattern=r"^(https?://\S+)?$")
    """Address at which users reach the pages, for links in notifications. Empty: that on this machine."""

    webhook: SecretStr = SecretStr("")
    """URL that is told the end of each batch by POST. Secret, since many services know their callers by it."""

    webhook_secret: SecretStr = SecretStr("")
    """Key of the webhook's signatures: ``whsec_`` and 24 to 64 bytes in base64, as Standard Webhooks has it."""

    notify: SecretStr = SecretStr("")
    """
    Addresses that get a notice at the end of each batch, as Apprise writes them, separated by spaces:
    ``mailtos://user:password@example.org slack://…``. Secret, since they hold passwords and tokens.
    """

    @field_validator("results")
    @classmethod
    def _is_template(cls, results: str) -> str:
        if results in ("", "off"):  # an empty variable counts as one that is not set
            return ""
        ResultTemplate.parse(results)
        return results

    @model_validator(mode="after")
    def _key_has_a_use(self) -> Self:
        if self.store_encryption_key and not self.store_encryption.startswith("aws:kms"):
            msg = "BATCHSCRIBE_STORE_ENCRYPTION_KEY needs BATCHSCRIBE_STORE_ENCRYPTION=aws:kms."
            raise ValueError(msg)
        return self

    @field_validator("prefect_url")
    @classmethod
    def _with_path(cls, given: str) -> str:
        """Return the address as Prefect wants it: without a slash at its end, and with the path of the API."""
        address = given.strip().rstrip("/")
        if address and not re.match(r"https?://[^/]+", address):
            msg = (
                f"{given!r} is no address. Write the one of the server's API, for example http://prefect-host:4200/api"
            )
            raise ValueError(msg)
        return f"{address}/api" if re.fullmatch(r"https?://[^/]+", address) else address

    @field_validator("prefect_database")
    @classmethod
    def _of_a_known_kind(cls, given: SecretStr) -> SecretStr:
        """Refuse a database that Prefect's server has no driver for, without telling its password."""
        if given and not re.match(r"(postgresql\+asyncpg|sqlite\+aiosqlite)://", given.get_secret_value()):
            msg = "it must begin with postgresql+asyncpg:// (or sqlite+aiosqlite://), then user:password@host/name"
            raise ValueError(msg)
        return given

    @field_validator("link_networks")
    @classmethod
    def _are_networks(cls, given: str) -> str:
        for network in given.replace(",", " ").split():
            try:
                ip_network(network)
            except ValueError as error:
                msg = f"{network!r} is no network ({error}). Write networks like 10.20.0.0/16, separated by commas."
                raise ValueError(msg) from error
        return given

    @field_validator("webhook")
    @classmethod
    def _is_http(cls, webhook: SecretStr) -> SecretStr:
        address = webhook.get_secret_value()
        if address and not is_http_address(address):
            msg = "it is no http:// or https:// address. Set it to the one that takes the POST."
            raise ValueError(msg)
        return webhook

    @field_validator("webhook_secret")
    @classmethod
    def _is_key(cls, secret: SecretStr, known: ValidationInfo) -> SecretStr:
        webhook = known.data.get("webhook")
        if secret.get_secret_value() or (webhook is not None and webhook.get_secret_value()):
            webhook_key(secret)
        return secret

    @field_validator("notify")
    @classmethod
    def _are_addresses(cls, notify: SecretStr) -> SecretStr:
        for place, address in enumerate(notify.get_secret_value().split(), 1):
            if not re.match(r"[a-z][a-z0-9.+-]*://\S", address, re.IGNORECASE):
                msg = (
                    f"address {place} begins with no service, such as mailtos:// or slack://. Put spaces between "
                    "addresses, and write one within an address as %20."
                )
                raise ValueError(msg)
        return notify

    @property
    def address(self) -> str:
        """Address of the pages, without / at the end."""
        return self.public_address.rstrip("/") or self.local_address

    def batch_url(self, batch_id: str) -> str:
        """Return the address of the page of a batch."""
        return f"{self.address}/batches?batch={batch_id}"

    @property
    def local_address(self) -> str:
        """Address of the pages for a browser on the dashboard's machine."""
        return own_address(self.host, self.port)

    @property
    def prefect_api_url(self) -> str:
        """Address of Prefect's API: of the existing server, or of the one that `make up` starts."""
        return self.prefect_url or f"{own_address(self.prefect_host, self.prefect_port)}/api"

    @property
    def uploads_folder(self) -> Path:
        """Folder of the uploads, on the host of the dashboard."""
        return self.data.absolute() / "uploads"

    @property
    def ingest_folder(self) -> Path:
        """Folder of the indexes of the inboxes, which can be made again from the inboxes and the store."""
        return self.data.absolute() / "ingest"

    @property
    def search_folder(self) -> Path:
        """Folder of the index of the search, which can be made again from the store: removing it loses nothing."""
        return self.data.absolute() / "search"

    @property
    def work_folder(self) -> Path:
        """Folder of files that are only needed while a task runs."""
        return self.data.absolute() / "work"

    @property
    def locks_folder(self) -> Path:
        """Folder of the locks that the processes of this host share."""
        return self.data.absolute() / "locks"

    @property
    def models_folder(self) -> Path:
        """Folder of the Whisper models, one folder each."""
        return self.data.absolute() / "models"

    @property
    def logs_folder(self) -> Path:
        """Folder of the logs of the processes that `make up` starts."""
        return self.data.absolute() / "logs"

    @property
    def prefect_home(self) -> Path:
        """Prefect's own folder: database, results, profiles. A user's own Prefect is never touched."""
        return self.data.absolute() / "prefect"

    @property
    def store_is_bucket(self) -> bool:
        """True if the store is a bucket, named by its address or by a block."""
        return self.store.startswith(("s3://", "s3-bucket/"))

    @property
    def store_address(self) -> str:
        """The store as a URL, the name of a block, or an absolute folder."""
        if self.store_is_bucket:
            return self.store
        return str(Path(self.store).absolute()) if self.store else str(self.data.absolute() / "store")


def own_address(host: str, port: int) -> str:
    """Return the address, for programs of this machine, of what listens on *host* and *port*."""
    host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def faults_in(error: ValidationError) -> str:
    """Return the faults of the settings, one line each."""
    faults = ((fault["loc"], fault["msg"].removeprefix("Value error, ")) for fault in error.errors())
    return "\n".join(f"BATCHSCRIBE_{'_'.join(map(str, place)).upper()}: {said}" for place, said in faults)
