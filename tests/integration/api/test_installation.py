"""A store belongs to one installation: the clean-up of another one, or of a lost database's successor, is refused."""

import asyncio
import re

import pytest
from prefect.client.orchestration import PrefectClient

from tasks.errors import WrongInstallation
from tasks.orchestration.installation import INSTALLATION_KEY, INSTALLATION_VARIABLE, check_installation
from tasks.storage.folder import open_folder


@pytest.fixture
def check(prefect):
    def check_store(store, **how):
        async def checked():
            async with PrefectClient(prefect.url) as client:
                await check_installation(client, store, **how)

        asyncio.run(checked())

    return check_store


@pytest.fixture
def known_as(prefect):
    """Have Prefect's server be of another installation for a while; None stands for a new database."""
    variable = f"variables/name/{INSTALLATION_VARIABLE}"
    before = prefect.http.get(variable)

    def be(value):
        prefect.http.delete(variable)
        if value is not None:
            prefect.post("variables/", name=INSTALLATION_VARIABLE, value=value)

    yield be
    be(before.json()["value"] if before.is_success else None)


def test_a_new_store_and_a_new_server_belong_together_from_then_on(tmp_path, check, known_as):
    known_as(None)
    store = open_folder(tmp_path)
    check(store)
    mark = store.read(INSTALLATION_KEY)
    check(store)
    assert store.read(INSTALLATION_KEY) == mark


def test_a_server_may_have_further_stores(tmp_path, check):
    for name in ("a", "b"):
        check(open_folder(tmp_path / name))
    assert (tmp_path / "a" / INSTALLATION_KEY).exists()
    assert (tmp_path / "b" / INSTALLATION_KEY).exists()


def test_a_dry_run_marks_nothing(tmp_path, check):
    check(open_folder(tmp_path), may_mark=False)
    assert not (tmp_path / INSTALLATION_KEY).exists()


@pytest.mark.parametrize("server", [("another", "belongs to another"), (None, "belongs to none yet")])
def test_another_s_store_is_left_alone_and_can_be_taken_over(tmp_path, check, known_as, prefect, server):
    value, told = server
    store = open_folder(tmp_path)
    check(store)
    known_as(value)
    with pytest.raises(WrongInstallation, match=f"Prefect's server {told}. Nothing is cleaned up.") as refused:
        check(store)
    assert prefect.http.get(f"variables/name/{INSTALLATION_VARIABLE}").is_success == (value is not None)
    named = re.search(r"prefect variable set --overwrite (\S+) (\S+)$", str(refused.value))
    assert named[1] == INSTALLATION_VARIABLE
    known_as(named[2])
    check(store)


def test_whose_store_it_is_is_told_by_the_health_check(run_dashboard, tmp_path, check, known_as):
    known_as("one")
    check(open_folder(tmp_path / "store"))
    known_as("two")
    with run_dashboard(tmp_path) as dashboard:
        told = dashboard.http.get("api/health").json()["detail"]
        assert "belongs to the installation one; Prefect's server belongs to two. Nothing is cleaned up." in told
        assert "belongs to the installation one" in dashboard.log.read_text()
