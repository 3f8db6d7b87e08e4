"""The deployments of the inboxes follow their file; a person's pause stays."""

import subprocess
import sys

import pytest

from deployments.local.environment import shared_environment
from tasks.settings import Settings

FILE = """
[inboxes.lectures]
path = "{folder}"
interval = 3600
after = "move"
options = {{ language = "de" }}

[inboxes.nightly]
path = "s3://media/in"
cron = "0 2 * * *"
"""


@pytest.fixture
def set_up(stack, tmp_path):
    """Sets up the stack's server with other inboxes; afterwards only the demo inbox is left."""
    settings = Settings(data=stack.data, prefect_port=stack.prefect_port)
    file = tmp_path / "inboxes.toml"

    def with_inboxes(content: str) -> str:
        file.write_text(content)
        own = {"BATCHSCRIBE_INBOXES": str(file), "BATCHSCRIBE_DEVICES": "cpu,cpu"}
        environment = shared_environment(settings) | own
        command = [sys.executable, "-m", "deployments.local.provision"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        return done.stderr.strip().splitlines()[-1] if done.returncode else ""

    yield with_inboxes
    assert with_inboxes("") == ""


def deployment(stack, name: str) -> dict:
    answer = stack.prefect.get(f"/deployments/name/ingest-folder/{name}")
    return answer.json() if answer.is_success else {}


def test_inboxes_of_the_file_are_deployments_until_they_leave_it(stack, set_up, tmp_path):
    assert set_up(FILE.format(folder=tmp_path)) == ""
    lectures = deployment(stack, "lectures")
    wanted = {"name": "lectures", "path": str(tmp_path), "interval": 3600, "after": "move", "still_seconds": 30}
    defined = lectures["parameters"]["inbox"]
    assert {key: defined[key] for key in wanted} == wanted
    assert defined["options"]["language"] == "de"
    assert lectures["schedules"][0]["schedule"]["interval"] == 3600
    assert deployment(stack, "nightly")["schedules"][0]["schedule"]["cron"] == "0 2 * * *"
    assert (lectures["work_pool_name"], lectures["paused"]) == ("cpu", False)

    assert set_up("") == ""
    gone = deployment(stack, "lectures")
    assert (gone["paused"], gone["tags"]) == (True, ["inboxes", "gone"])
    assert gone["description"] == f"Gone: Scans the inbox {tmp_path}."
    assert not deployment(stack, "inbox")["paused"]
    assert set_up(FILE.format(folder=tmp_path)) == ""
    back = deployment(stack, "lectures")
    assert (back["paused"], back["tags"], back["schedules"][0]["active"]) == (False, ["inboxes"], True)


def test_an_inbox_that_a_person_paused_stays_paused(stack, set_up):
    inbox = deployment(stack, "inbox")
    stack.prefect.post(f"/deployments/{inbox['id']}/pause_deployment").raise_for_status()
    assert set_up("") == ""
    assert deployment(stack, "inbox")["paused"]
    stack.prefect.post(f"/deployments/{inbox['id']}/resume_deployment").raise_for_status()


def test_a_fault_in_the_file_is_one_sentence_with_its_key(set_up):
    said = set_up('[inboxes.talks]\npath = "/srv/talks"\nmax_fles = 3\n')
    assert said.endswith("inboxes.toml: inboxes.talks.max_fles is no key. Correct its name, or remove it.")
