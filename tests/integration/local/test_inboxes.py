"""The deployments of the inboxes follow their file; a person's pause stays."""

import asyncio
import sys

import pytest
from prefect.client.orchestration import get_client

from deployments.local import provision
from deployments.local.inboxes import deploy_inboxes
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
def deploy(stack, tmp_path):
    """Deploys other inboxes on the stack's server; afterwards only the demo inbox is left."""
    file = tmp_path / "inboxes.toml"
    settings = Settings(data=stack.data, inboxes=file)

    async def deploy_them() -> None:
        async with get_client() as client:
            await deploy_inboxes(client, settings)

    def with_inboxes(content: str) -> None:
        file.write_text(content)
        with stack.as_prefect_server():
            asyncio.run(deploy_them())

    yield with_inboxes
    with_inboxes("")


def deployment(stack, name: str) -> dict:
    answer = stack.prefect.get(f"/deployments/name/ingest-folder/{name}")
    return answer.json() if answer.is_success else {}


def test_inboxes_of_the_file_are_deployments_until_they_leave_it(stack, deploy, tmp_path):
    deploy(FILE.format(folder=tmp_path))
    lectures = deployment(stack, "lectures")
    wanted = {"name": "lectures", "path": str(tmp_path), "interval": 3600, "after": "move", "still_seconds": 30}
    defined = lectures["parameters"]["inbox"]
    assert {key: defined[key] for key in wanted} == wanted
    assert defined["options"]["language"] == "de"
    assert lectures["schedules"][0]["schedule"]["interval"] == 3600
    assert deployment(stack, "nightly")["schedules"][0]["schedule"]["cron"] == "0 2 * * *"
    assert (lectures["work_pool_name"], lectures["paused"]) == ("cpu", False)

    deploy("")
    gone = deployment(stack, "lectures")
    assert (gone["paused"], gone["tags"]) == (True, ["inboxes", "gone"])
    assert gone["description"] == f"Gone: Scans the inbox {tmp_path}."
    assert not deployment(stack, "inbox")["paused"]
    deploy(FILE.format(folder=tmp_path))
    back = deployment(stack, "lectures")
    assert (back["paused"], back["tags"], back["schedules"][0]["active"]) == (False, ["inboxes"], True)


def test_an_inbox_that_a_person_paused_stays_paused(stack, deploy):
    inbox = deployment(stack, "inbox")
    stack.prefect.post(f"/deployments/{inbox['id']}/pause_deployment").raise_for_status()
    deploy("")
    assert deployment(stack, "inbox")["paused"]
    stack.prefect.post(f"/deployments/{inbox['id']}/resume_deployment").raise_for_status()


def test_a_fault_in_the_file_ends_the_set_up_with_one_sentence_that_names_its_key(stack, tmp_path, monkeypatch):
    file = tmp_path / "inboxes.toml"
    file.write_text('[inboxes.talks]\npath = "/srv/talks"\nmax_fles = 3\n')
    monkeypatch.setattr(sys, "argv", ["provision"])
    own = {name: value for name, value in stack.environment.items() if name.startswith("BATCHSCRIBE_")}
    for name, value in {**own, "BATCHSCRIBE_INBOXES": str(file)}.items():
        monkeypatch.setenv(name, value)
    with stack.as_prefect_server(), pytest.raises(SystemExit) as end:
        provision.main()
    assert str(end.value).endswith("inboxes.toml: inboxes.talks.max_fles is no key. Correct its name, or remove it.")
