"""`make deploy` and workers started by hand, on a Prefect server that `make up` has nothing to do with."""

import subprocess
import sys

import httpx
import pytest

from deployments.local.environment import cpu_slots
from deployments.local.prefect_settings import AUTH_STRING as AUTH_STRING_VARIABLE
from tasks.settings import Settings
from tasks.transcription.models import SPEAKER_MODEL
from tests.integration.any_prefect.conftest import AUTH_STRING
from tests.support.processes import free_ports, processes_with
from tests.support.stack import MODEL, PROJECT
from tests.support.waiting import wait_until

START_SECONDS = 180.0


class ByHand:
    """Somebody with the project, a Prefect server and no `make up`."""

    def __init__(self, server, folder):
        self.server = server
        self.data = folder / "data"
        self.data.mkdir()
        (self.port,) = free_ports(1)
        self.environment = server.client_environment | {
            "BATCHSCRIBE_DATA": str(self.data),
            "BATCHSCRIBE_PORT": str(self.port),
            "BATCHSCRIBE_DEVICES": "cpu,cpu",
            "BATCHSCRIBE_MODEL": MODEL,
        }
        self.api = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api", timeout=60)
        self._started = []

    def deploy(self, **environment):
        return self._run("deployments.local.deploy", **environment)

    def prefect(self, *arguments, **environment):
        """Run Prefect's own command line, as somebody in the project's folder does."""
        return self._run("prefect", "--no-prompt", *arguments, **environment)

    def _run(self, *module, **environment):
        return subprocess.run(
            [sys.executable, "-m", *module],
            cwd=PROJECT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def start(self, name, *module):
        with (self.data.parent / f"{name}.log").open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *module], cwd=PROJECT, env=self.environment, stdout=output, stderr=output
            )
        self._started.append(process)

    def warm_children(self, **variables):
        of_us = processes_with(f"BATCHSCRIBE_DATA={self.data}")
        wanted = [pid for name, value in variables.items() for pid in processes_with(f"{name}={value}")]
        return [pid for pid, line in of_us.items() if "worker.child" in line and pid in wanted]

    def forked(self):
        of_us = processes_with(f"BATCHSCRIBE_DATA={self.data}")
        return [pid for pid, line in of_us.items() if "worker.template" in line]

    def is_well(self):
        try:
            return self.api.get("/health").is_success
        except httpx.TransportError:
            return False

    def end(self):
        self.api.close()
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(60)


@pytest.fixture(scope="module")
def server(bare_prefect):
    bare_prefect.start()
    return bare_prefect


@pytest.fixture(scope="module")
def by_hand(server, small_model, speaker_model, tmp_path_factory):
    one = ByHand(server, tmp_path_factory.mktemp("hand"))
    (one.data / "models").mkdir()
    (one.data / "models" / MODEL).symlink_to(small_model)
    (one.data / "models" / SPEAKER_MODEL).symlink_to(speaker_model)
    yield one
    one.end()


@pytest.fixture(scope="module")
def deployed(by_hand):
    done = by_hand.deploy()
    assert done.returncode == 0, done.stdout + done.stderr
    return by_hand


@pytest.mark.usefixtures("deployed")
def test_pools_deployments_and_the_limit_are_made_on_a_bare_server(server):
    limits = {name: server.pool(name)["concurrency_limit"] for name in ("cpu", "gpu-0", "gpu-1")}
    assert limits == {"cpu": cpu_slots(Settings()), "gpu-0": 2, "gpu-1": 2}
    assert server.http.get("/work_pools/cpu/queues/batches").json()["concurrency_limit"] == Settings().open_batches
    assert server.http.get("/v2/concurrency_limits/gpu-router").json()["limit"] == 1
    for name in ("transcribe-batch/cpu", "clean-up/cpu", "transcribe-recording/gpu-0", "transcribe-recording/gpu-1"):
        assert server.http.get(f"/deployments/name/{name}").is_success


def test_doing_it_again_keeps_a_limit_and_a_pause_that_a_person_set(server, deployed):
    changed = {"concurrency_limit": 1, "is_paused": True}
    server.http.patch("/work_pools/gpu-1", json=changed).raise_for_status()
    server.http.patch("/work_pools/gpu-0", json={"concurrency_limit": None}).raise_for_status()
    assert deployed.deploy(BATCHSCRIBE_OPEN_BATCHES="2").returncode == 0
    assert {name: server.pool("gpu-1")[name] for name in changed} == changed
    assert server.pool("gpu-0")["concurrency_limit"] == 2  # none is no limit that the dispatcher could count with
    assert server.pool("cpu")["concurrency_limit"] == cpu_slots(Settings(open_batches=2))  # ours follows the setting
    assert deployed.deploy().returncode == 0
    server.http.patch("/work_pools/gpu-1", json={"concurrency_limit": 2, "is_paused": False}).raise_for_status()


def test_after_it_prefects_own_deploy_command_works(deployed):
    done = deployed.prefect("deploy", "--all")
    assert done.returncode == 0, done.stdout + done.stderr


def test_workers_started_by_hand_know_their_slots_and_device_and_transcribe(deployed, clips, new_batch):
    for pool in ("cpu", "gpu-0"):
        deployed.start(pool, "prefect", "worker", "start", "--type", "warm", "--pool", pool)
    deployed.start("dashboard", "dashboard")
    wait_until(
        lambda: len(deployed.forked()) == 1 + 2, "the template of cpu, and what is forked from it", START_SECONDS
    )
    wait_until(
        lambda: len(deployed.warm_children(BATCHSCRIBE_WARM_SLOTS=2)) == 1, "the process of gpu-0", START_SECONDS
    )
    assert deployed.warm_children(BATCHSCRIBE_WARM_UP="flows.transcribe_recording:warm_up")
    wait_until(deployed.is_well, "the dashboard", START_SECONDS)
    batch = new_batch(deployed)
    batch.upload("answer.mp3", clips["short-answer.mp3"].path.read_bytes())
    batch.start()
    assert batch.finished()["state"] == "completed"
    assert batch.document("answer.mp3", "txt")


@pytest.mark.parametrize(
    ("pool", "model", "sentence"),
    [
        ("gpu-9", MODEL, "gpu-9 is none of the devices here: gpu-0 (CPU"),
        ("gpu-0", "base", "The model base could not be downloaded"),
    ],
)
def test_a_worker_by_hand_that_lacks_something_says_so_in_a_sentence(deployed, pool, model, sentence):
    no_index = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
    started = deployed.prefect("worker", "start", "--type", "warm", "--pool", pool, BATCHSCRIBE_MODEL=model, **no_index)
    said = " ".join((started.stdout + started.stderr).split())
    assert started.returncode != 0
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({AUTH_STRING_VARIABLE: "admin:wrong"}, "refuses us (401). Set PREFECT_API_AUTH_STRING"),
        ({"PREFECT_API_URL": "http://127.0.0.1:9/api"}, "The Prefect server at http://127.0.0.1:9/api does not answer"),
        ({"BATCHSCRIBE_PREFECT_URL": "http://127.0.0.1:9/api"}, "Which of the two servers is meant?"),
        ({"PREFECT_API_URL": "prefect-host:4200"}, "'prefect-host:4200' is no address."),
    ],
)
def test_a_server_that_cannot_be_set_up_is_told_in_a_sentence(deployed, changed, sentence):
    done = deployed.deploy(**changed)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert AUTH_STRING not in done.stdout + done.stderr
