"""The settings that hold on this machine, with all their faults. Imports nothing that reads Prefect's own settings."""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from dotenv import dotenv_values
from pydantic import ValidationError

from deployments.doctor.findings import Finding, Report, guarded, notice, right, wrong
from deployments.local.devices import WrongPool, checked_name
from deployments.local.environment import ServerUnclear, with_named_server
from tasks.errors import InboxInvalid
from tasks.ingest.inboxes import inboxes_of
from tasks.settings import Settings, faults_in

SETTINGS = "settings"
PREFIX = "BATCHSCRIBE_"
OF_WORKERS = "BATCHSCRIBE_WARM_"
"""Beginning of what a worker is told by whoever starts it; see `deployments.local.environment`."""


@dataclass(frozen=True, slots=True)
class Installation:
    """The settings that hold, and the pool of the worker that is looked at; empty for the machine of `make up`."""

    settings: Settings
    worker: str


def read_settings(report: Report, worker: str) -> Installation | None:
    """Add what is found to *report*; return the settings, or None if there are faults in them."""
    report.add(guarded(SETTINGS, look_at_names))
    try:
        settings = Settings()
        if worker:
            return Installation(with_named_server(settings), checked_name(worker))
        inboxes = inboxes_of(settings)
    except ValidationError as error:
        report.add(wrong(SETTINGS, fault) for fault in faults_in(error).splitlines())
    except (InboxInvalid, ServerUnclear, WrongPool) as error:
        report.add([wrong(SETTINGS, str(error))])
    else:
        report.add([right("inboxes", ", ".join(inbox.name for inbox in inboxes) or "None is watched")])
        report.add(_look_at_other_server(settings))
        return Installation(settings, worker)
    return None


def _look_at_other_server(settings: Settings) -> Iterator[Finding]:
    """Say that `make up` does not heed ``PREFECT_API_URL``, where it names another server."""
    named = os.environ.get("PREFECT_API_URL", "").rstrip("/")
    if named and named != settings.prefect_api_url:
        yield notice(
            SETTINGS,
            f"PREFECT_API_URL is {named}, which make up does not heed: it uses {settings.prefect_api_url}. To use that "
            "server, set BATCHSCRIBE_PREFECT_URL.",
        )


def look_at_names(environment: Mapping[str, str] = os.environ, env_file: str = ".env") -> Iterator[Finding]:
    """Say which ``BATCHSCRIBE_`` names in the environment and in the file are no settings."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    places = ((environment, "the environment"), (dotenv_values(env_file), env_file))
    unknown = [
        (name, where)
        for names, where in places
        for name in names
        if name.upper().startswith(PREFIX) and name.upper() not in known and not name.upper().startswith(OF_WORKERS)
    ]
    for name, where in unknown:
        alike = difflib.get_close_matches(name.upper(), known, n=1)
        advice = f"Is {alike[0]} meant?" if alike else "Its settings are listed in docs/operations.md."
        yield wrong(SETTINGS, f"{name} in {where} is no setting of Batchscribe, so it does nothing. {advice}")
    if not unknown:
        yield right(SETTINGS, "Every BATCHSCRIBE_ name is one of a setting")
