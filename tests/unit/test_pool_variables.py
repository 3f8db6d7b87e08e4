"""The health and the names of a device, in the record that Prefect keeps of its work pool."""

import pytest
from prefect.client.schemas.objects import WorkPool

from deployments.worker.worker import WarmWorker
from tasks.orchestration.pool_model import PoolHealth
from tasks.orchestration.pool_variables import device_and_machine, health_of, with_health


def pool(description, *, kind="warm", **defaults):
    template = WarmWorker.get_default_base_job_template()
    for variable, default in defaults.items():
        template["variables"]["properties"][variable]["default"] = default
    return WorkPool(name="gpu-0", type=kind, description=description, base_job_template=template)


def of_an_earlier_version(description, kind="warm"):
    record = pool(description, kind=kind)
    for variable in ("health", "device", "machine"):
        del record.base_job_template["variables"]["properties"][variable]
    return record


def updated(record, health):
    update = with_health(record, health)
    return record.model_copy(update=update.model_dump(exclude_unset=True))


@pytest.mark.parametrize("before", [pool("RTX 4090 on attic"), of_an_earlier_version("RTX 4090 on attic")])
def test_a_health_is_in_a_variable_and_users_see_it_in_the_description(before):
    ill = updated(before, PoolHealth.QUARANTINED)
    assert (health_of(ill), ill.description) == (PoolHealth.QUARANTINED, "Quarantined: RTX 4090 on attic")
    tried = updated(ill, PoolHealth.PROBE)
    assert (health_of(tried), tried.description) == (PoolHealth.PROBE, "On probation: RTX 4090 on attic")
    well = updated(tried, PoolHealth.HEALTHY)
    assert (health_of(well), well.description) == (PoolHealth.HEALTHY, "RTX 4090 on attic")
    assert health_of(before) is PoolHealth.HEALTHY


def test_words_in_a_description_are_no_health():
    assert health_of(pool("Quarantined: that is what I call it")) is PoolHealth.HEALTHY


@pytest.mark.parametrize(
    ("description", "kind", "health"),
    [
        ("Quarantined: RTX 4090 on attic", "warm", PoolHealth.QUARANTINED),
        ("On probation: RTX 4090 on attic", "warm", PoolHealth.PROBE),
        ("Gone: RTX 4090 on attic", "warm", PoolHealth.GONE),
        ("RTX 4090 on attic", "warm", PoolHealth.HEALTHY),
        ("Quarantined: RTX 4090 on attic", "process", PoolHealth.HEALTHY),  # no other worker sets one
    ],
)
def test_the_health_of_a_pool_of_an_earlier_version_is_in_its_description(description, kind, health):
    assert health_of(of_an_earlier_version(description, kind)) is health


def test_a_pool_of_an_earlier_version_becomes_one_of_this_when_its_health_changes():
    healed = updated(of_an_earlier_version("Quarantined: RTX 4090 on attic"), PoolHealth.HEALTHY)
    assert (health_of(healed), healed.description) == (PoolHealth.HEALTHY, "RTX 4090 on attic")


@pytest.mark.parametrize(
    ("description", "device", "machine"),
    [
        ("RTX 4090, 24 GiB on attic", "RTX 4090, 24 GiB", "attic"),
        ("Quarantined: RTX 4090 on attic", "RTX 4090", "attic"),
        ("Gone: RTX 4090 on attic", "RTX 4090", "attic"),
        ("GPU on top on attic", "GPU on top", "attic"),  # the machine is what comes last
        ("a user's own words", "a user's own words", ""),
        ("", "", ""),
    ],
)
def test_a_pool_without_the_variables_is_described_in_words(description, device, machine):
    assert device_and_machine(of_an_earlier_version(description)) == (device, machine)


def test_device_and_machine_are_variables():
    renamed = pool("my fastest one", device="RTX 4090", machine="attic")
    assert device_and_machine(renamed) == ("RTX 4090", "attic")


def test_users_can_choose_from_the_same_healths():
    schema = WarmWorker.get_default_base_job_template()["variables"]["properties"]["health"]
    assert (schema["enum"], schema["default"]) == ([*PoolHealth], PoolHealth.HEALTHY)
