"""
The id of an installation, in the store and in its Prefect server: it tells whose store it is.

A clean-up takes what Prefect says of a batch for the truth. In the store of another installation, or after Prefect's
database was lost, Prefect knows nothing of what is there, and everything would look as if it had ended long ago. So
both carry the same id, and a clean-up of a pair that does not match removes nothing.
"""

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import VariableCreate
from prefect.exceptions import ObjectAlreadyExists

from tasks.batches import StoredModel
from tasks.errors import NotFound, WrongInstallation
from tasks.storage.base import Store
from tasks.storage.records import parse_record

INSTALLATION_KEY = "installation.json"
INSTALLATION_VARIABLE = "batchscribe-installation"


class Installation(StoredModel):
    """The mark of a store as that of one installation."""

    installation_id: str
    created_at: datetime


async def check_installation(client: PrefectClient, store: Store, *, may_mark: bool = True) -> None:
    """
    Check that the store and the Prefect server belong together; a store that nothing marks is marked, if that *may* be.

    Prefect gets its id first: killed in between, a store without a mark is marked next time. Raises
    `WrongInstallation`.
    """
    known = await _read_variable(client)
    marked = await asyncio.to_thread(_read_mark, store)
    if marked is None and may_mark:
        known = known or await _create_variable(client)
        marked = await asyncio.to_thread(_mark, store, known)
    if marked is None or marked.installation_id == known:
        return
    known_as = f"to {known}" if known else "to none yet"
    msg = (
        f"{store.uri(INSTALLATION_KEY)} says that this store belongs to the installation {marked.installation_id}; "
        f"Prefect's server belongs {known_as}. Nothing is cleaned up. If another installation uses this store, set "
        "BATCHSCRIBE_STORE to a place of its own. If none does, because Prefect's database was lost or put back, "
        f"join them: prefect variable set --overwrite {INSTALLATION_VARIABLE} {marked.installation_id}"
    )
    raise WrongInstallation(msg)


async def _read_variable(client: PrefectClient) -> str | None:
    variable = await client.read_variable_by_name(INSTALLATION_VARIABLE)
    return str(variable.value) if variable is not None else None


async def _create_variable(client: PrefectClient) -> str:
    created = str(uuid4())
    try:
        await client.create_variable(VariableCreate(name=INSTALLATION_VARIABLE, value=created))
    except ObjectAlreadyExists:  # another process was faster
        return await _read_variable(client) or created
    return created


def _read_mark(store: Store) -> Installation | None:
    try:
        return parse_record(Installation, store.read(INSTALLATION_KEY), INSTALLATION_KEY)
    except NotFound:
        return None


def _mark(store: Store, installation_id: str) -> Installation | None:
    mark = Installation(installation_id=installation_id, created_at=datetime.now(UTC))
    if store.create(INSTALLATION_KEY, mark.model_dump_json(indent=2).encode()):
        return mark
    return _read_mark(store)
