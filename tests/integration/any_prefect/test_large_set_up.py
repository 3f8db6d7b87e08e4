"""The set-up for many: our server on PostgreSQL, with messages in Redis and an auth string; its history vacuumed."""

import pytest
from redis import Redis

from tests.integration.any_prefect.conftest import AUTH_STRING
from tests.support.stack import ENDED
from tests.support.waiting import wait_until

GOOD = ("garden-podcast.mp3", "library-tour.mp3", "short-answer.mp3")


@pytest.fixture(scope="module")
def large(_make_stack, postgres, redis):
    """A stack that was started before its database."""
    stack = _make_stack("cpu")
    stack.environment |= {
        "BATCHSCRIBE_PREFECT_DATABASE": postgres.url,
        "BATCHSCRIBE_PREFECT_HOST": "0.0.0.0",  # noqa: S104 - for machines that know it by another name
        "PREFECT_API_AUTH_STRING": AUTH_STRING,
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_PORT": str(redis),
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis}/1",
        "PREFECT_SERVER_METRICS_ENABLED": "true",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "2",
    }
    stack.prefect.auth = tuple(AUTH_STRING.split(":"))
    try:
        postgres.kill()
        process = stack.launch()
        wait_until(lambda: "can't be used" in stack.output or process.poll() is not None, "the warning", 120)
        postgres.start()
        wait_until(lambda: _has_started(stack) or process.poll() is not None, "the stack", 240)
        assert process.poll() is None, stack.output
        yield stack
    finally:
        stack.close()


def _has_started(stack):
    """Say whether everything is up; on a slow machine the database is told to be away first."""
    return "Ready after" in stack.output and (
        "It is waited for" not in stack.output or "What was away is back" in stack.output
    )


@pytest.fixture(scope="module")
def done(large, postgres, clips, new_batch):
    """A batch with a good and a bad upload that ended; its database was restarted while it ran."""
    batch = new_batch(large, name="old")
    for name in GOOD:
        batch.upload(name, clips[name].path.read_bytes())
    batch.upload("empty.mp3", b"")
    batch.start()
    seen = batch.wait(lambda status: any(job["stage"] not in ("uploaded", "failed") for job in status["jobs"]))
    postgres.kill()
    postgres.start()
    assert seen["state"] not in ENDED
    batch.finished()
    return batch


def test_a_database_that_is_away_at_the_start_is_told_without_its_password(large, postgres):
    (warning,) = [line for line in large.output.splitlines() if "can't be used" in line]
    assert f"postgresql+asyncpg://prefect:***@127.0.0.1:{postgres.port}/prefect" in warning
    logs = "".join(path.read_text() for path in (large.data / "logs").iterdir())
    assert "pa-ss-word" not in large.output + logs


def test_the_server_refuses_a_call_without_the_auth_string(large):
    assert large.prefect.get("/work_pools/cpu", auth=lambda request: request).status_code == 401
    assert large.prefect.get("/work_pools/cpu").status_code == 200
    by_another_name = {"Host": f"first-machine:{large.prefect_port}"}
    assert large.prefect.get("/work_pools/cpu", headers=by_another_name).status_code == 200
    assert large.api.get("/health").json()["detail"] == "All is well."


def test_settings_of_prefect_reach_the_server(large, redis):
    assert "python_info" in large.prefect.get("/metrics").text
    assert Redis(port=redis).dbsize() > 0


def test_a_batch_ends_well_though_its_database_is_restarted_meanwhile(done, postgres):
    stages = {path: job["stage"] for path, job in done.jobs().items()}
    assert stages == dict.fromkeys(GOOD, "done") | {"empty.mp3": "failed"}
    assert all(done.document(name, "txt") for name in GOOD)
    assert int(postgres.execute("SELECT count(*) FROM flow_run")) > len(GOOD)


def test_runs_that_ended_90_days_ago_go_and_what_their_batch_made_stays(large, done, postgres, new_batch, clips):
    young = new_batch(large, name="young")
    young.upload("answer.mp3", clips["short-answer.mp3"].path.read_bytes())
    young.start()
    young.finished()
    old_runs = {done.status()["flow_run_id"], *(done.jobs()[name]["flow_run_id"] for name in GOOD)}
    of_batch = f"tags::text LIKE '%batch:{done.batch_id}\"%'"
    postgres.execute(f"UPDATE flow_run SET end_time = end_time - interval '91 days' WHERE {of_batch}")  # noqa: S608
    wait_until(
        lambda: all(large.prefect.get(f"/flow_runs/{run}").status_code == 404 for run in old_runs), "the vacuum", 120
    )
    assert large.prefect.get(f"/flow_runs/{young.status()['flow_run_id']}").is_success
    _clean_up(large)
    status = done.status()
    assert status["state"] == "failed"
    jobs = done.jobs()
    assert all(jobs[name]["stage"] == "done" for name in GOOD)
    assert "its runs were removed from Prefect" in jobs["empty.mp3"]["error"]
    assert all(done.document(name, "txt") for name in GOOD)
    assert (large.data / "uploads" / done.batch_id / done.job_ids["empty.mp3"]).exists()


def _clean_up(stack):
    deployment = stack.prefect.get("/deployments/name/clean-up/cpu").json()
    run = stack.prefect.post(
        f"/deployments/{deployment['id']}/create_flow_run", json={"parameters": {"dry_run": False}}
    ).json()

    def state():
        return stack.prefect.get(f"/flow_runs/{run['id']}").json()["state"]["type"]

    wait_until(lambda: state().lower() in ENDED, "the end of the clean-up", 120)
    assert state() == "COMPLETED"
