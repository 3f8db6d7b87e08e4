import hashlib

import pytest

from deployments.local.devices import GIB, CudaDevice, choose_devices
from deployments.local.models import PACKAGED, PackagedModel, is_complete, models_needed
from tasks.settings import Settings

CPU = choose_devices("cpu", (), 2)
GPU = choose_devices(
    "", [CudaDevice(index=0, title="GPU", memory_bytes=16 * GIB, compute_types=frozenset({"float16"}))], 2
)


@pytest.mark.parametrize(
    ("model", "devices", "expected"),
    [
        ("auto", CPU, ["base"]),
        ("auto", GPU, []),  # large-v3-turbo comes from the hub
        ("auto", CPU + GPU, ["base"]),
        ("tiny.en", CPU, ["tiny.en"]),
        ("tiny.en", GPU, ["tiny.en"]),
        ("small", CPU, []),  # no package carries it
    ],
)
def test_only_models_that_jobs_will_ask_for_are_fetched(model, devices, expected):
    assert [packaged.name for packaged in models_needed(Settings(model=model), devices)] == expected


def test_the_model_of_the_tests_is_the_published_one(small_model):
    assert is_complete(PACKAGED["tiny.en"], small_model.parent)


def test_a_changed_file_makes_a_model_incomplete(tmp_path):
    model = PackagedModel("m", "", {"a": ("p/a",)}, {"a": hashlib.sha256(b"right").hexdigest()})
    (tmp_path / "m").mkdir()
    assert not is_complete(model, tmp_path)
    (tmp_path / "m" / "a").write_bytes(b"wrong")
    assert not is_complete(model, tmp_path)
    (tmp_path / "m" / "a").write_bytes(b"right")
    assert is_complete(model, tmp_path)
