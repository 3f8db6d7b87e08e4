"""
Prefect's settings that pass through `make up`, given in the environment or in the file ``.env``.

All others are dropped, so that a user's own Prefect does not leak in: its address, its home, its profile. The purpose
of each of these is explained in docs/operations.md.
"""

import os
from collections.abc import Mapping

from dotenv import dotenv_values

AUTH_STRING = "PREFECT_API_AUTH_STRING"
SERVER_AUTH_STRING = "PREFECT_SERVER_API_AUTH_STRING"

FOR_CLIENTS = frozenset(
    {
        AUTH_STRING,
        "PREFECT_API_REQUEST_TIMEOUT",
        "PREFECT_CLIENT_MAX_RETRIES",
        "PREFECT_CLIENT_RETRY_EXTRA_CODES",
        "PREFECT_CLIENT_RETRY_JITTER_FACTOR",
    }
)
"""Settings for every process."""

FOR_CLIENTS_OF_EXISTING_SERVERS = frozenset(
    {
        "PREFECT_API_KEY",
        "PREFECT_API_SSL_CERT_FILE",
        "PREFECT_API_TLS_INSECURE_SKIP_VERIFY",
        "PREFECT_CLIENT_CUSTOM_HEADERS",
        "PREFECT_CLOUD_API_URL",
        "PREFECT_CLOUD_UI_URL",
        "PREFECT_UI_URL",
    }
)
"""Additional settings for every process if it talks to a server that `make up` did not start."""

FOR_OUR_SERVER = frozenset(
    {
        "PREFECT_EVENTS_RETENTION_PERIOD",
        "PREFECT_MESSAGING_BROKER",
        "PREFECT_MESSAGING_CACHE",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE",
        "PREFECT_SERVER_DATABASE_CONNECTION_TIMEOUT",
        "PREFECT_SERVER_DATABASE_TIMEOUT",
        "PREFECT_SERVER_DOCKET_NAME",
        "PREFECT_SERVER_DOCKET_URL",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING",
        "PREFECT_SERVER_EVENTS_MESSAGING_BROKER",
        "PREFECT_SERVER_EVENTS_MESSAGING_CACHE",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD",
        "PREFECT_SERVER_LOGGING_LEVEL",
        "PREFECT_SERVER_METRICS_ENABLED",
        "PREFECT_SERVER_WORKER_CHANNEL_CLEANUP_QUEUE_STORAGE",
    }
)
GROUPS_FOR_OUR_SERVER = (
    "PREFECT_REDIS_",
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_",
)
"""Name prefixes: whole groups of settings for the server that `make up` starts."""


def given_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return Prefect's settings in the environment and, where it names none, in the file ``.env``."""
    given = {**dotenv_values(".env"), **environment}
    return {name: value for name, value in given.items() if value and name.startswith("PREFECT_")}


def for_clients(given: Mapping[str, str], *, of_existing_server: bool) -> dict[str, str]:
    """Return the *given* settings that every process gets."""
    names = FOR_CLIENTS | FOR_CLIENTS_OF_EXISTING_SERVERS if of_existing_server else FOR_CLIENTS
    passed_on = {name: value for name, value in given.items() if name in names}
    return passed_on | ({AUTH_STRING: auth} if (auth := _auth_string(given)) else {})


def for_our_server(given: Mapping[str, str]) -> dict[str, str]:
    """Return the *given* settings for the server that `make up` starts, in addition to those of every process."""
    passed_on = {
        name: value for name, value in given.items() if name in FOR_OUR_SERVER or name.startswith(GROUPS_FOR_OUR_SERVER)
    }
    return passed_on | ({SERVER_AUTH_STRING: auth} if (auth := _auth_string(given)) else {})


def _auth_string(given: Mapping[str, str]) -> str:
    """Return the one auth string of an installation: the server asks for the same one that its clients send."""
    return given.get(AUTH_STRING) or given.get(SERVER_AUTH_STRING, "")
