"""`make up` beside a Prefect server that exists, which is away at the start, like the store."""

import tempfile
from pathlib import Path

import pytest

from tests.integration.any_prefect.conftest import AUTH_STRING
from tests.support.s3_server import BUCKET, CREDENTIALS, S3Server
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def s3_server():
    """A server that is not started yet."""
    with tempfile.TemporaryDirectory(prefix="weed") as folder:
        server = S3Server(Path(folder))
        yield server
        server.stop()


@pytest.fixture(scope="module")
def beside(_make_stack, bare_prefect, s3_server):
    """A stack that said that it is ready when neither its Prefect server nor its store answered."""
    stack = _make_stack("cpu")
    stack.environment |= CREDENTIALS | {
        "BATCHSCRIBE_PREFECT_URL": bare_prefect.url.removesuffix("/api"),
        "PREFECT_API_AUTH_STRING": AUTH_STRING,
        "BATCHSCRIBE_STORE": f"s3://{BUCKET}/late",
        "BATCHSCRIBE_STORE_ENDPOINT": s3_server.endpoint,
    }
    try:
        stack.start()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="module")
def back(beside, bare_prefect, s3_server):
    """The same after both have come."""
    bare_prefect.start()
    s3_server.start()
    wait_until(lambda: "What was away is back" in beside.output, "the news that all is well", 240)
    return beside


def test_what_is_away_at_the_start_is_told_and_the_rest_is_up(beside, bare_prefect):
    assert f"Prefect      {bare_prefect.url} (an existing server)" in beside.output
    wait_until(lambda: "It is waited for" in beside.output, "the warning", 10)
    (warning,) = [line for line in beside.output.splitlines() if "It is waited for" in line]
    assert f"The Prefect server at {bare_prefect.url} does not answer" in warning
    assert beside.environment["BATCHSCRIBE_STORE_ENDPOINT"] in warning
    assert beside.api.get("/health").status_code == 503


def test_no_server_is_started_beside_an_existing_one(beside):
    assert not [line for line in beside.processes().values() if "prefect_server" in line]


def test_once_both_are_back_a_batch_runs_and_its_links_lead_to_the_existing_server(
    back, bare_prefect, clips, new_batch
):
    assert back.api.get("/health").json()["detail"] == "All is well."
    batch = new_batch(back)
    batch.upload("answer.mp3", clips["short-answer.mp3"].path.read_bytes())
    # Another's server answers some requests with 503 (docs/decisions/0005): the page's button is pressed again.
    start = f"/batch/{batch.batch_id}/start"
    wait_until(lambda: back.api.post(start).status_code == 202, "a start that the server takes", 60)
    status = batch.finished()
    assert status["state"] == "completed"
    address = bare_prefect.url.removesuffix("/api")
    assert status["flow_run_url"] == f"{address}/runs/flow-run/{status['flow_run_id']}"
    (pool,) = back.api.get("/pools").json()
    assert pool["work_pool_url"].startswith(f"{address}/work-pools/")


def test_a_second_installation_on_the_same_server_is_refused(back, new_stack):
    second = new_stack()
    second.environment |= {
        name: back.environment[name] for name in ("BATCHSCRIBE_PREFECT_URL", "PREFECT_API_AUTH_STRING")
    }
    assert second.launch().wait(120) == 1
    assert "has a worker, which answers. Stop it first" in second.output
    assert "Traceback" not in second.output
