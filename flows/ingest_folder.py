"""
Scan an inbox: put new audio and video files into batches, and see what became of those before.

One deployment per inbox, on a schedule; by hand it can be started at any time. A scan that finds nothing to do takes a
fraction of a second and leaves no trace in Prefect. It can be killed at any moment: the next one goes on from what it
finds. One scan of an inbox runs at a time.

Requires: the disk with the uploads, hence the work pool of the dashboard's host, and the inbox as a folder of this
host or as an ``s3://`` prefix.
"""

from typing import Any

from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled, Completed, Failed

from tasks.batches import INGEST_FLOW
from tasks.cancellation import RunCancelled
from tasks.errors import TranscriptionError
from tasks.ingest.idle_runs import IDLE, forget_idle_runs
from tasks.ingest.inboxes import Inbox
from tasks.ingest.lease import LeaseLost
from tasks.ingest.reporting import publish_report, summary
from tasks.ingest.scan import scan_inbox
from tasks.settings import Settings


@flow(name=INGEST_FLOW)
async def ingest_folder(inbox: Inbox) -> State[Any]:
    """Scan one inbox."""
    settings = Settings()
    try:
        async with get_client() as client:
            scanned = await scan_inbox(settings, inbox, client, scheduled_at=flow_run.get_scheduled_start_time())
            if scanned is None or not scanned.news:
                await forget_idle_runs(client, deployment.get_id())
    except RunCancelled:
        return Cancelled(message="Cancelled; the next scan goes on where this one stopped.")
    except LeaseLost:
        return Completed(name=IDLE, message="Another scan of the inbox took over.")
    except TranscriptionError as error:
        return Failed(message=str(error))
    if scanned is None:
        return Completed(name=IDLE, message="A later scan has looked already, or one is under way.")
    if not scanned.news:
        return Completed(name=IDLE, message=summary(scanned.report))
    await publish_report(scanned.report)
    get_run_logger().info("Inbox %s: %s", inbox.name, summary(scanned.report))
    return Completed(message=summary(scanned.report))
