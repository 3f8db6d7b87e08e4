"""The settings of Prefect that reach each process, and the choice of the Prefect server."""

import pytest
from pydantic import ValidationError

from deployments.local.environment import ServerUnclear, server_environment, shared_environment, with_named_server
from tasks.settings import Settings, faults_in

EXISTING = "http://prefect-host:4200/api"
OF_THE_USER = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_HOME": "/home/me/.prefect", "PREFECT_PROFILE": "x"}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda **chosen: Settings(_env_file=None, data=tmp_path, **chosen)


def test_what_is_not_listed_does_not_leak_in(settings, tmp_path):
    ours = shared_environment(settings(), OF_THE_USER | {"PREFECT_LOGGING_LEVEL": "DEBUG", "PATH": "/bin"})
    assert ours["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert ours["PREFECT_HOME"] == str(tmp_path / "prefect")
    assert "PREFECT_PROFILE" not in ours
    assert "PREFECT_LOGGING_LEVEL" not in ours
    assert ours["PATH"] == "/bin"


@pytest.mark.parametrize("given_as", ["PREFECT_API_AUTH_STRING", "PREFECT_SERVER_API_AUTH_STRING"])
def test_the_server_asks_for_the_auth_string_that_its_clients_send(settings, given_as):
    given = {given_as: "admin:secret"}
    assert shared_environment(settings(), given)["PREFECT_API_AUTH_STRING"] == "admin:secret"
    server = server_environment(settings(), given)
    assert server["PREFECT_SERVER_API_AUTH_STRING"] == server["PREFECT_API_AUTH_STRING"] == "admin:secret"


def test_settings_of_the_server_reach_it_alone_and_outweigh_ours(settings):
    given = {
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_REDIS_MESSAGING_HOST": "redis-host",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "7200",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
    }
    assert given.items() <= server_environment(settings(), given).items()
    assert not given.keys() & shared_environment(settings(), given).keys()


def test_a_key_of_prefect_cloud_goes_to_an_existing_server_only(settings):
    given = {"PREFECT_API_KEY": "pnu_key"}
    assert "PREFECT_API_KEY" not in shared_environment(settings(), given)
    beside = shared_environment(settings(prefect_url=EXISTING), given)
    assert (beside["PREFECT_API_KEY"], beside["PREFECT_API_URL"]) == ("pnu_key", EXISTING)


def test_settings_of_prefect_may_stand_in_the_file_and_the_environment_outweighs_it(settings, tmp_path):
    (tmp_path / ".env").write_text("PREFECT_API_AUTH_STRING=of-the-file\nPREFECT_CLIENT_MAX_RETRIES=7\n")
    ours = shared_environment(settings(), {"PREFECT_API_AUTH_STRING": "of-the-shell"})
    assert (ours["PREFECT_API_AUTH_STRING"], ours["PREFECT_CLIENT_MAX_RETRIES"]) == ("of-the-shell", "7")


def test_only_the_server_is_told_of_its_database_and_runs_are_vacuumed_after_90_days(settings):
    chosen = settings(prefect_database="postgresql+asyncpg://me:letmein@host/prefect")
    server = server_environment(chosen, {})
    assert server["PREFECT_SERVER_DATABASE_CONNECTION_URL"] == "postgresql+asyncpg://me:letmein@host/prefect"
    assert "flow_runs" in server["PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED"]
    assert server["PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD"] == "7776000"
    assert "letmein" not in repr(chosen) + repr(shared_environment(chosen, {}))


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://prefect-host:4200", EXISTING),
        ("http://prefect-host:4200/", EXISTING),
        ("http://prefect-host:4200/api/", EXISTING),
        (
            "https://api.prefect.cloud/api/accounts/a/workspaces/b",
            "https://api.prefect.cloud/api/accounts/a/workspaces/b",
        ),
    ],
)
def test_the_address_of_a_server_may_be_written_as_people_do(settings, given, address):
    assert settings(prefect_url=given).prefect_api_url == address


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"prefect_url": "prefect-host:4200"}, "BATCHSCRIBE_PREFECT_URL: 'prefect-host:4200' is no address."),
        ({"prefect_database": "postgres://me:letmein@host/x"}, "BATCHSCRIBE_PREFECT_DATABASE: it must begin with"),
    ],
)
def test_what_is_no_address_is_refused_in_a_sentence_that_tells_no_password(settings, chosen, sentence):
    with pytest.raises(ValidationError) as refusal:
        settings(**chosen)
    assert faults_in(refusal.value).startswith(sentence)
    assert "letmein" not in str(refusal.value)


def test_a_command_takes_the_server_of_prefects_own_setting_unless_two_are_named(settings):
    assert with_named_server(settings(), {"PREFECT_API_URL": EXISTING}).prefect_api_url == EXISTING
    assert with_named_server(settings(prefect_url=EXISTING), {}).prefect_api_url == EXISTING
    with pytest.raises(ServerUnclear, match="Which of the two servers is meant"):
        with_named_server(settings(prefect_url=EXISTING), OF_THE_USER)
