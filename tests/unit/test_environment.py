"""The environment of the processes that work on a device."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployments.local.environment import cpu_worker_environment, device_worker_environment
from tasks.devices import Device
from tasks.settings import Settings

GPU = Device(name="gpu-0", kind="cuda")
CPU = Device(name="gpu-0", kind="cpu")


@pytest.fixture
def settings(tmp_path) -> Settings:
    return Settings(data=tmp_path / "data", _env_file=None)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return a function that installs a package of NVIDIA's as pip does, and returns the folder of its libraries."""
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    for module in [name for name in sys.modules if name.partition(".")[0] == "nvidia"]:
        monkeypatch.delitem(sys.modules, module)

    def install(name: str) -> Path:
        libraries = tmp_path / "nvidia" / name / "lib"
        libraries.mkdir(parents=True)
        (libraries.parent / "__init__.py").touch()
        return libraries

    return install


def test_the_worker_of_a_gpu_finds_the_cuda_libraries_of_the_installed_packages(installed, settings):
    cublas, cudnn = installed("cublas"), installed("cudnn")
    assert device_worker_environment(settings, GPU)["LD_LIBRARY_PATH"] == f"{cublas}:{cudnn}"


def test_libraries_that_the_shell_names_come_after_those_of_the_packages(installed, settings, monkeypatch):
    cublas = installed("cublas")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda/lib")
    assert device_worker_environment(settings, GPU)["LD_LIBRARY_PATH"] == f"{cublas}:/opt/cuda/lib"


@pytest.mark.parametrize(("processes", "slots"), [(1, 58), (2, 29), (3, 20)])
def test_the_open_batches_and_what_runs_beside_them_have_room_in_the_processes(tmp_path, processes, slots):
    chosen = Settings(data=tmp_path, batch_processes=processes, _env_file=None)
    environment = cpu_worker_environment(chosen)
    assert (environment["BATCHSCRIBE_WARM_CHILDREN"], environment["BATCHSCRIBE_WARM_SLOTS"]) == (
        str(processes),
        str(slots),
    )


@pytest.mark.usefixtures("installed")
def test_without_the_packages_the_libraries_of_the_shell_stand(settings, monkeypatch):
    assert "LD_LIBRARY_PATH" not in device_worker_environment(settings, GPU)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda/lib")
    assert device_worker_environment(settings, GPU)["LD_LIBRARY_PATH"] == "/opt/cuda/lib"


def test_workers_without_a_gpu_are_given_no_cuda_libraries(installed, settings):
    installed("cublas")
    assert "LD_LIBRARY_PATH" not in device_worker_environment(settings, CPU)
    assert "LD_LIBRARY_PATH" not in cpu_worker_environment(settings)


@pytest.mark.skipif(sys.platform != "linux", reason="libraries are named and found in another way")
def test_a_process_started_in_that_environment_loads_a_library_by_its_bare_name(installed, settings):
    (installed("cublas") / "libcublas.so.12").symlink_to(_some_library())
    load = [sys.executable, "-c", "import ctypes; ctypes.CDLL('libcublas.so.12')"]
    environment = os.environ | device_worker_environment(settings, GPU)
    assert subprocess.run(load, env=environment, check=False).returncode == 0


def _some_library() -> Path:
    """Return a shared library that needs no other one: what CTranslate2 brings along for its threads."""
    return next(library for place in sys.path for library in Path(place).glob("ctranslate2.libs/libgomp*"))
