import json
import os
import signal
import socket

import pytest

from tests.support.waiting import wait_until


def _online(stack):
    answer = stack.prefect.post("/work_pools/gpu-0/workers/filter", json={})
    return [worker["name"] for worker in answer.json() if worker["status"] == "ONLINE"]


def test_both_addresses_are_printed_and_answer(stack):
    assert f"Batchscribe  {stack.address}" in stack.output
    assert f"Prefect      {stack.prefect_address}" in stack.output
    assert stack.api.get("/health").status_code == 200
    assert stack.prefect.get("/health").json() is True


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:4200"},  # a name that its owner lets point to 127.0.0.1
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
def test_no_page_of_another_site_can_have_prefect_run_something(stack, headers):
    answer = stack.prefect.post("/flows/", content=b'{"name": "foreign"}', headers=headers)
    assert answer.status_code == 403
    assert answer.json()["detail"]


def test_the_pages_of_prefect_work_under_both_names_of_this_machine(stack):
    for name in ("127.0.0.1", "localhost"):
        origin = {"Origin": f"http://{name}:{stack.prefect_port}"}
        assert stack.prefect.post("/flow_runs/filter", json={"limit": 1}, headers=origin).status_code == 200


def test_every_device_has_a_warm_pool_with_two_slots(stack):
    pools = {pool["name"]: pool for pool in stack.prefect.post("/work_pools/filter", json={}).json()}
    assert set(pools) == {"cpu", "gpu-0", "gpu-1"}
    assert {pool["type"] for pool in pools.values()} == {"warm"}
    assert [pools[name]["concurrency_limit"] for name in ("cpu", "gpu-0", "gpu-1")] == [58, 2, 2]
    assert not any(pool["is_paused"] for pool in pools.values())


def test_the_deployments_of_further_devices_are_made_after_the_first(stack):
    def deployed(name):
        return stack.prefect.get(f"/deployments/name/{name}").json()

    first, second = deployed("transcribe-recording/gpu-0"), deployed("transcribe-recording/gpu-1")
    assert (first["work_pool_name"], second["work_pool_name"]) == ("gpu-0", "gpu-1")
    assert first["entrypoint"] == second["entrypoint"] == "flows.transcribe_recording.transcribe_recording"
    assert first["tags"] == second["tags"] == ["gpu"]
    assert first["parameter_openapi_schema"] == second["parameter_openapi_schema"]
    assert deployed("transcribe-batch/cpu")["work_pool_name"] == "cpu"


def test_the_clean_up_is_scheduled(stack):
    deployment = stack.prefect.get("/deployments/name/clean-up/cpu").json()["id"]
    of_it = {"flow_runs": {"deployment_id": {"any_": [deployment]}, "state": {"type": {"any_": ["SCHEDULED"]}}}}

    def planned():
        runs = stack.prefect.post("/flow_runs/filter", json=of_it).json()
        return [run for run in runs if run["auto_scheduled"]]

    wait_until(planned, "Prefect's scheduler has planned a clean-up", 90)
    assert all(run["parameters"]["dry_run"] is False for run in planned())


def test_only_one_dispatcher_at_a_time_may_choose(stack):
    limit = stack.prefect.get("/v2/concurrency_limits/gpu-router").json()
    assert (limit["limit"], limit["active"]) == (1, True)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"BATCHSCRIBE_PORT": "8123", "BATCHSCRIBE_PREFECT_PORT": "8123"}, "are both 8123. Set one to another port."),
        ({"BATCHSCRIBE_HOST": "192.0.2.1"}, "192.0.2.1 is no address of this machine"),
        ({"BATCHSCRIBE_PREFECT_HOST": "0.0.0.0"}, "Set PREFECT_API_AUTH_STRING as well"),  # noqa: S104 - refused
        ({"BATCHSCRIBE_DATA": "/dev/null/data"}, "Set BATCHSCRIBE_DATA to a folder that can be written."),
    ],
)
def test_a_setting_that_cannot_be_followed_ends_the_start_with_what_to_do(new_stack, settings, sentence):
    refused = new_stack()
    assert refused.launch(**settings).wait(120) == 1
    assert sentence in refused.output
    assert "Traceback" not in refused.output


def test_a_data_folder_in_use_is_refused_with_the_process_that_holds_it(stack, new_stack):
    second = new_stack()
    process = second.launch(BATCHSCRIBE_DATA=str(stack.data))
    assert process.wait(120) == 1
    holder = json.loads((stack.data / "up.lock").read_text())["holder"]["pid"]
    assert f"already runs with the data folder {stack.data} (process {holder})" in second.output
    assert stack.api.get("/health").status_code == 200


def test_a_taken_port_is_named_with_the_setting_that_changes_it(new_stack):
    stack = new_stack()
    with socket.create_server(("127.0.0.1", stack.port)):
        assert stack.launch().wait(120) == 1
    assert f"Port {stack.port} on 127.0.0.1 cannot be used: Address already in use." in stack.output
    assert "Set BATCHSCRIBE_PORT to another one." in stack.output
    assert not stack.processes()


def test_a_setting_that_makes_no_sense_is_named(new_stack):
    stack = new_stack()
    assert stack.launch(BATCHSCRIBE_PORT="many").wait(120) == 1
    assert stack.output.startswith("BATCHSCRIBE_PORT: Input should be a valid integer")


def test_what_a_user_set_for_another_prefect_does_not_leak_in(stack):
    assert (stack.data / "prefect" / "prefect.db").is_file()
    assert not (stack.data / "prefect-of-the-user").exists()


def test_after_a_kill_nothing_is_left_and_the_next_start_is_like_any_other(new_stack):
    stack = new_stack()
    stack.start()
    server = next(pid for pid, command in stack.processes().items() if "prefect_server" in command)

    os.kill(server, signal.SIGKILL)
    wait_until(
        lambda: "prefect     Ended (SIGKILL); starting it again" in stack.output, "the news of the server's end", 60
    )
    wait_until(lambda: stack.answers() and server not in stack.processes(), "another server", 60)

    stack.kill()
    wait_until(lambda: not stack.processes(), "the end of all processes", 10)

    stack.start()
    assert _online(stack) == ["gpu-0"]
    assert stack.api.get("/health").status_code == 200

    assert stack.stop(signal.SIGINT) == 0
    assert not stack.processes()
    assert stack.output.rstrip().endswith("Stopped.")
