"""
Start a batch: freeze its contents, then have Prefect create its run.

Both steps can be repeated: the manifest is created once, and one batch id is one run. A start that was interrupted
between them is finished by the dashboard or the next scan of the inbox, whichever comes first.
"""

from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound

from tasks.batches import BATCH_DEPLOYMENT, Batch, Manifest, batch_tag, inbox_tag
from tasks.errors import PrefectUnavailable
from tasks.names import display_name
from tasks.storage.base import Store
from tasks.storage.keys import BatchKeys
from tasks.storage.records import parse_record


def create_manifest(store: Store, manifest: Manifest) -> Manifest:
    """Store the manifest, which freezes the batch, and return it; if that was done before, return the stored one."""
    key = BatchKeys.of(manifest.batch.batch_id).manifest
    if store.create(key, manifest.model_dump_json().encode()):
        return manifest
    return parse_record(Manifest, store.read(key), key)


async def create_batch_run(client: PrefectClient, batch: Batch) -> str:
    """Return the id of the batch's run, which is created if there is none. Raises `PrefectUnavailable`."""
    try:
        deployment = await client.read_deployment_by_name(BATCH_DEPLOYMENT)
    except ObjectNotFound as error:
        msg = f"Prefect has no deployment {BATCH_DEPLOYMENT}. Register the deployments: make up"
        raise PrefectUnavailable(msg) from error
    inbox = [inbox_tag(batch.inbox)] if batch.inbox else []
    run = await client.create_flow_run_from_deployment(
        deployment.id,
        parameters={"batch_id": batch.batch_id},
        name=display_name(batch.name),
        tags=[batch_tag(batch.batch_id), *inbox],
        idempotency_key=batch.batch_id,
    )
    return str(run.id)
