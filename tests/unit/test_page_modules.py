"""The scripts of the pages as a browser gets them."""

import re
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard.frontend.modules import ROUTES, SAMPLE_ADDRESS, VERSION, component_script
from dashboard.frontend.shell import PATHS


@pytest.fixture
def server():
    return TestClient(Starlette(routes=[*ROUTES]))


def test_a_module_of_this_version_is_kept_for_ever_and_one_of_another_is_asked_for_again(server):
    answers = [server.get(f"/frontend/{version}/shared/formats.js") for version in (VERSION, "another")]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert all(answer.headers["content-type"].startswith("text/javascript") for answer in answers)
    assert ["immutable" in answer.headers["cache-control"] for answer in answers] == [True, False]


@pytest.mark.parametrize("path", ["modules.py", "uploader/uploader.css", "../app.py", "%2e%2e/app.py", "none.js"])
def test_nothing_but_scripts_is_served(server, path):
    assert server.get(f"/frontend/{VERSION}/{path}").status_code == 404


@pytest.mark.parametrize(
    "entry", ["batches/views", "gpus/board", "health/banner", "player/player", "search/search", "uploader/uploader"]
)
def test_the_script_of_a_component_names_a_module_that_there_is(server, entry):
    address = component_script(f"{entry}.js").split('"')[1]
    assert "export default" in server.get(address).text


def test_the_sample_is_a_recording_that_a_browser_takes(server):
    answer = server.get(SAMPLE_ADDRESS)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mpeg")
    assert len(answer.content) > 10_000


def test_every_page_but_the_first_is_told_where_its_server_is():
    pages = (Path(__file__).parents[2] / "dashboard" / "pages" / "main.py").read_text(encoding="utf-8")
    assert [f"/{path}" for path in re.findall(r'url_path="([^"]+)"', pages)] == [*PATHS]
