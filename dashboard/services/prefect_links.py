"""Pages of Prefect's UI, for links to them."""

from uuid import UUID

from prefect.settings import PREFECT_UI_URL


def ui_url() -> str:
    """Return the address of Prefect's UI."""
    return str(PREFECT_UI_URL.value() or "").rstrip("/")


def flow_run_url(flow_run_id: UUID | str) -> str:
    """Return the page of a flow run."""
    return f"{ui_url()}/runs/flow-run/{flow_run_id}"
