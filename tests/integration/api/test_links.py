"""Recordings are fetched from links, by the real yt-dlp and a real web server."""

import json

import pytest

from tests.support.processes import children_of, free_ports, is_running, kill
from tests.support.waiting import wait_until
from tests.support.web_server import SPEECH, running_web_server

LOCAL = "127.0.0.1/32"


@pytest.fixture(scope="module")
def site():
    with running_web_server() as server:
        yield server


@pytest.fixture(scope="module")
def linked(run_dashboard, tmp_path_factory):
    """A dashboard whose links may lead to this machine."""
    with run_dashboard(tmp_path_factory.mktemp("linked"), BATCHSCRIBE_LINK_NETWORKS=LOCAL) as dashboard:
        yield dashboard


def look(dashboard, link):
    return dashboard.http.post("api/link", json={"link": link}, timeout=60)


def lines(dashboard, batch_id, link, **body):
    sent = {"batch_id": batch_id, "link": link, **body}
    with dashboard.http.stream("POST", "api/upload/link", json=sent, timeout=60) as answer:
        assert answer.status_code == 200, answer.read()
        return [json.loads(line) for line in answer.iter_lines()]


def test_a_link_tells_its_recordings(linked, site):
    feed = look(linked, f"{site.address}/feed").json()
    assert (feed["title"], feed["more"]) == ("Campus radio", False)
    assert [each["path"] for each in feed["recordings"]] == ["Garden: part 1-2", "Welcome"]
    assert [each["link"] for each in feed["recordings"]] == [
        f"{site.address}/garden.mp3",
        f"{site.address}/welcome.mp3",
    ]
    (page,) = look(linked, f"{site.address}/page").json()["recordings"]
    assert (page["link"], page["path"]) == (f"{site.address}/page", "A talk (1).mp3")
    (file,) = look(linked, f"{site.address}/short.mp3").json()["recordings"]
    assert file["path"] == "short.mp3"


def test_the_recording_of_a_link_becomes_an_upload_of_the_batch(linked, site):
    batch_id = linked.make_batch()
    *progress, last = lines(linked, batch_id, f"{site.address}/page", path="talks/garden", language="en")
    content = (SPEECH / "garden-podcast.mp3").read_bytes()
    assert progress[0] == {"received": 0}
    assert {line.get("size") for line in progress} <= {None, len(content)}
    assert (last["upload"]["path"], last["upload"]["size"]) == ("talks/garden", len(content))
    assert (linked.data / "uploads" / batch_id / last["upload"]["job_id"]).read_bytes() == content
    (job,) = linked.status(batch_id)["jobs"]
    assert (job["path"], job["options"]) == ("talks/garden", {"language": "en"})
    again = lines(linked, batch_id, f"{site.address}/page", path="talks/garden", language="en")
    assert again[-1] == last
    named = lines(linked, batch_id, f"{site.address}/short.mp3")
    assert named[-1]["upload"]["path"] == "short.mp3"
    other = lines(linked, batch_id, f"{site.address}/welcome.mp3", path="short.mp3")
    assert other[-1]["problem"]["status"] == 409


def test_a_size_that_is_told_wrongly_refuses_nothing(linked, site):
    (told,) = look(linked, f"{site.address}/boasting").json()["recordings"]
    assert told["size"] == 9 * 10**14
    batch_id = linked.make_batch()
    last = lines(linked, batch_id, f"{site.address}/boasting")[-1]
    assert last["upload"]["size"] == (SPEECH / "garden-podcast.mp3").stat().st_size


PROBLEMS = [
    ("/none", "no recording was found there"),
    ("/missing.mp3", "HTTP Error 404"),
    ("/feed", "several recordings"),
    ("/words.txt", "no audio or video file"),
]


@pytest.mark.parametrize(("path", "reason"), PROBLEMS)
def test_what_is_no_recording_is_said_with_its_link(linked, site, path, reason):
    batch_id = linked.make_batch()
    problem = lines(linked, batch_id, site.address + path)[-1]["problem"]
    assert problem["status"] in (415, 422)
    assert reason in problem["detail"]
    assert linked.status(batch_id)["jobs"] == []
    assert linked.upload_files(batch_id) == []


@pytest.mark.parametrize(
    "link", ["", "talk.mp3", "file:///etc/passwd", "ftp://127.0.0.1/a.mp3", "https://a b", "https://"]
)
def test_what_is_no_link_is_refused(linked, link):
    answer = look(linked, link)
    assert (answer.status_code, answer.json()["detail"].rpartition(" is no link")[1]) == (422, " is no link")


def test_a_link_leads_into_no_network_of_the_machine(dashboard, linked, site):
    answer = look(dashboard, f"{site.address}/short.mp3")
    assert answer.status_code == 422
    assert "leads to 127.0.0.1, which is no address of the public internet" in answer.json()["detail"]
    asked = len(site.asked)
    site.elsewhere = f"http://127.0.0.2:{free_ports(1)[0]}/secret"
    redirected = look(linked, f"{site.address}/away")
    assert (redirected.status_code, "leads to 127.0.0.2" in redirected.json()["detail"]) == (422, True)
    assert set(site.asked[asked:]) == {"/away"}


def test_a_download_ends_with_its_connection(linked, site):
    batch_id = linked.make_batch()
    sent = {"batch_id": batch_id, "link": f"{site.address}/endless.mp3"}
    with linked.http.stream("POST", "api/upload/link", json=sent, timeout=60) as answer:
        news = answer.iter_lines()  # the connection ends with it
        some = next(told for told in map(json.loads, news) if told["received"] > 10_000)
        assert some["size"] == 10**9
        assert linked.http.post(f"api/batch/{batch_id}/start").status_code == 409
    wait_until(lambda: site.sending == 0, "the end of the download")
    wait_until(lambda: not children_of(linked.process.pid), "the end of the program that reads links")
    wait_until(lambda: linked.upload_files(batch_id) == [], "the removal of what had come")


def test_a_batch_that_is_not_there_takes_no_link(linked, site):
    sent = {"batch_id": "20260101-000000-aaaaaa", "link": f"{site.address}/short.mp3"}
    assert linked.http.post("api/upload/link", json=sent).status_code == 404


def test_the_limits_of_uploads_are_those_of_links(run_dashboard, site, tmp_path):
    with run_dashboard(tmp_path, BATCHSCRIBE_LINK_NETWORKS=LOCAL, BATCHSCRIBE_MAX_FILE_BYTES="1000000") as dashboard:
        batch_id = dashboard.make_batch()
        problem = lines(dashboard, batch_id, f"{site.address}/endless.mp3")[-1]["problem"]
        assert problem["status"] == 413
        assert problem["detail"].startswith("The file has 1.0 GB; 1.0 MB are accepted.")
        assert dashboard.upload_files(batch_id) == []


def test_nothing_of_a_download_outlives_a_dashboard_that_is_killed(run_dashboard, site, tmp_path):
    with run_dashboard(tmp_path, BATCHSCRIBE_LINK_NETWORKS=LOCAL) as dashboard:
        batch_id = dashboard.make_batch()
        sent = {"batch_id": batch_id, "link": f"{site.address}/endless.mp3"}
        with dashboard.http.stream("POST", "api/upload/link", json=sent, timeout=60) as answer:
            news = answer.iter_lines()  # the connection ends with it
            next(told for told in map(json.loads, news) if told["received"] > 10_000)
            readers = children_of(dashboard.process.pid)
            kill([dashboard.process.pid])
    assert readers
    wait_until(lambda: not any(map(is_running, readers)), "the end of the download")
    with run_dashboard(tmp_path, BATCHSCRIBE_LINK_NETWORKS=LOCAL) as dashboard:
        wait_until(lambda: dashboard.upload_files(batch_id) == [], "the removal of what had come")
        assert lines(dashboard, batch_id, f"{site.address}/short.mp3")[-1]["upload"]["path"] == "short.mp3"
