"""Routes for inboxes: watched folders whose recordings are transcribed without being uploaded."""

from fastapi import APIRouter, status

from dashboard.api.client import ClientOfProcess
from dashboard.services.inboxes import InboxStatus, ScanStarted

router = APIRouter(prefix="/inboxes", tags=["inboxes"])


@router.get("")
async def list_inboxes(client: ClientOfProcess) -> tuple[InboxStatus, ...]:
    """Return all inboxes with the findings of their latest scans."""
    return await client.inboxes.read_inboxes()


@router.get("/{name}")
async def read_inbox(client: ClientOfProcess, name: str) -> InboxStatus:
    """Return one inbox with the findings of its latest scan."""
    return await client.inboxes.read_inbox(name)


@router.post("/{name}/scan", status_code=status.HTTP_202_ACCEPTED)
async def scan_inbox(client: ClientOfProcess, name: str) -> ScanStarted:
    """Scan the inbox now. If a scan is under way or due, this returns that one."""
    return await client.inboxes.scan_inbox(name)
