"""Links to recordings are added like files, and their sound is fetched by the server."""

import pytest
from playwright.sync_api import expect

from tests.support.looks import barriers
from tests.support.web_server import running_web_server


@pytest.fixture(scope="module")
def site():
    with running_web_server() as server:
        yield server


def add_links(upload, *links):
    upload.button("Add a link").click()
    dialog = upload.page.get_by_role("dialog")
    dialog.get_by_label("Links, one on each line").fill("\n".join(links))
    dialog.get_by_role("button", name="Add").click()


def test_the_recordings_of_links_become_a_batch(open_upload, make_files, stack, site):
    upload = open_upload()
    upload.choose(*make_files(["a.mp3"], size=2_345))
    upload.button("Add a link").click()
    assert barriers(upload.page) == []
    upload.page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    add_links(upload, f"{site.address}/feed", f"{site.address}/missing.mp3")
    expect(upload.page.locator("#looking")).to_contain_text("/missing.mp3 can't be read: HTTP Error 404: Not Found.")
    assert upload.names() == ["a.mp3", "Garden: part 1-2", "Welcome"]
    add_links(upload, f"{site.address}/welcome.mp3")
    expect(upload.page.get_by_text("1 file left out: 1 already listed")).to_be_visible()
    upload.button("Upload All").click()
    batch_id = upload.opened_batch()
    jobs = stack.api.get(f"/batch/{batch_id}").json()["jobs"]
    assert sorted(job["path"] for job in jobs) == ["Garden: part 1-2", "Welcome", "a.mp3"]
    assert all(job["size"] > 0 for job in jobs)


def test_a_link_whose_download_a_reload_ended_is_fetched_without_being_given_again(open_upload, stack, site):
    upload = open_upload()
    add_links(upload, f"{site.address}/short.mp3", f"{site.address}/endless.mp3")
    expect(upload.row("endless.mp3")).to_be_visible()
    upload.button("Upload All").click()
    expect(upload.row("short.mp3")).to_contain_text("Complete")
    upload.has_sent(0.00001)
    batch_id = upload.batch_id()
    upload.page.reload()
    upload.button("Continue").click()
    expect(upload.row("short.mp3")).to_contain_text("On the server")
    expect(upload.row("endless.mp3")).to_contain_text("Pending")
    upload.button("Upload the Rest").click()
    expect(upload.row("endless.mp3").get_by_role("progressbar")).to_be_visible()
    upload.button("Remove endless.mp3").click()
    assert upload.opened_batch() == batch_id
    assert [job["path"] for job in stack.api.get(f"/batch/{batch_id}").json()["jobs"]] == ["short.mp3"]
