"""Connections break, servers are busy or away: an upload waits, and goes on by itself."""

import pytest
from playwright.sync_api import expect

LONGER_THAN_PATIENCE = 12
"""Tries that fail; from the sixth on there are 30 seconds between them."""
BETWEEN_TRIES = 31_000


def paths_on_server(stack, batch_id):
    return sorted(job["path"] for job in stack.api.get(f"/batch/{batch_id}").json()["jobs"])


def test_a_broken_connection_is_tried_again(open_upload, make_files, stack):
    upload = open_upload()
    broken = []

    def break_first(route):
        if broken:
            route.fallback()
        else:
            broken.append(route.request.url)
            route.abort("connectionreset")

    upload.page.route("**/api/upload?*", break_first)
    upload.choose(*make_files(["a.mp3"]))
    upload.button("Upload All").click()
    expect(upload.row("a.mp3")).to_contain_text("Next try in")
    assert paths_on_server(stack, upload.opened_batch()) == ["a.mp3"]
    assert len(broken) == 1


def test_a_busy_server_is_asked_again_when_it_says_so(open_upload, make_files, stack):
    upload = open_upload()
    answers = []

    def busy_first(route):
        answers.append(429 if not answers else 0)
        if answers[-1]:
            route.fulfill(status=429, headers={"Retry-After": "2"}, json={"detail": "Send the file again in a moment."})
        else:
            route.fallback()

    upload.page.route("**/api/upload?*", busy_first)
    upload.choose(*make_files(["a.mp3"]))
    upload.button("Upload All").click()
    assert paths_on_server(stack, upload.opened_batch()) == ["a.mp3"]
    assert answers == [429, 0]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_is_busy_for_long_gets_the_file_in_the_end(open_upload, make_files, stack, status):
    upload = open_upload(own_profile=True)
    page = upload.page
    answers = []

    def refuse(route):
        answers.append(status)
        if len(answers) > LONGER_THAN_PATIENCE:
            route.fallback()
        else:
            route.fulfill(status=status, json={"detail": "16 uploads are being received."})

    page.route("**/api/upload?*", refuse)
    page.clock.install()  # before anything waits: a timer of before cannot be stopped later
    upload.choose(*make_files(["a.mp3"]))
    upload.button("Upload All").click()
    for _ in range(LONGER_THAN_PATIENCE):
        upload.waits_for_next_try()
        expect(upload.row("a.mp3")).to_contain_text("16 uploads are being received.")
        page.clock.fast_forward(BETWEEN_TRIES)
    assert paths_on_server(stack, upload.opened_batch()) == ["a.mp3"]
    assert len(answers) == LONGER_THAN_PATIENCE + 1


def test_a_server_that_is_away_for_long_gets_the_batch_in_the_end(open_upload, make_files, stack):
    upload = open_upload(own_profile=True)
    page = upload.page
    broken = []

    def refuse(route):
        broken.append(route.request.url)
        if len(broken) > LONGER_THAN_PATIENCE:
            route.fallback()
        else:
            route.abort("connectionrefused")

    page.route("**/api/batch", refuse)
    upload.choose(*make_files(["a.mp3"]))
    page.clock.install()
    upload.button("Upload All").click()
    expect(page.get_by_text("The server cannot be reached.").first).to_contain_text("The next try is in")
    upload.wait_until(lambda: page.clock.fast_forward(BETWEEN_TRIES) or len(broken) > LONGER_THAN_PATIENCE)
    assert paths_on_server(stack, upload.opened_batch()) == ["a.mp3"]


def test_a_start_that_gets_no_answer_can_be_cancelled_and_made_later(open_upload, make_files, stack):
    upload = open_upload()
    page = upload.page
    page.route("**/start", lambda route: route.fulfill(status=503, json={"detail": "Prefect is away."}))
    upload.choose(*make_files(["a.mp3"]))
    upload.button("Upload All").click()
    expect(page.get_by_text("Prefect is away. The next try is in")).to_be_visible()
    batch_id = upload.batch_id()
    upload.button("Cancel").click()
    expect(page.get_by_text("Stopped. 1 of 1 file is on the server; nothing is started.").first).to_be_visible()
    expect(page.get_by_text("Prefect is away.")).to_be_hidden()
    assert stack.api.get(f"/batch/{batch_id}").json()["state"] == "uploading"
    page.unroute("**/start")
    upload.button("Start the Batch").click()
    assert upload.opened_batch() == batch_id
