"""An upload that ended on the way goes on, and no tab takes away what another one sends."""

import os
import re

from playwright.sync_api import expect

UNKNOWN_BATCH = "20200101-000000-aaaaaa"
NOTE = "localStorage.setItem('batchscribe.open.{}', '{{}}')"
NOTED = "localStorage.getItem('batchscribe.open.{}') !== null"
FORGOTTEN = "localStorage.getItem('batchscribe.open.{}') === null"
ALL = ["talks/a.mp3", "talks/b.mp3", "talks/c.mp3"]


def paths_on_server(stack, batch_id):
    return sorted(job["path"] for job in stack.api.get(f"/batch/{batch_id}").json()["jobs"])


def message(upload):
    return upload.page.locator("#interrupted")


def test_after_a_reload_the_rest_is_uploaded_into_the_same_batch(stopped_upload, stack, tmp_path):
    upload, batch_id = stopped_upload()
    upload.page.reload()
    expect(
        # The one that was under way may have arrived after all.
        upload.page.get_by_text(
            re.compile("The upload of “talks” was interrupted: [12] of 3 files (is|are) on the server")
        )
    ).to_be_visible()
    upload.button("Continue").click()
    expect(upload.row("a.mp3")).to_contain_text("On the server")
    assert upload.names() == ALL
    expect(upload.row("c.mp3")).to_contain_text("Missing")
    expect(upload.button(re.compile("Start without [12] files?"))).to_be_visible()
    with upload.page.expect_file_chooser() as chooser:
        upload.button("Choose the missing files").click()
    chooser.value.set_files(tmp_path / "talks")
    expect(upload.page.get_by_text(re.compile("[12] files? left out: [12] already listed"))).to_be_visible()
    upload.button("Upload the Rest").click()
    assert upload.opened_batch() == batch_id
    assert paths_on_server(stack, batch_id) == ["talks/a.mp3", "talks/b.mp3", "talks/c.mp3"]


def test_files_that_were_chosen_before_it_goes_on_are_listed_once(stopped_upload, stack, tmp_path):
    upload, batch_id = stopped_upload()
    upload.page.reload()
    upload.choose_folder(tmp_path / "talks")
    upload.button("Continue").click()
    expect(upload.row("a.mp3")).to_contain_text("Complete")
    assert upload.names() == ALL
    upload.button("Upload the Rest").click()
    assert upload.opened_batch() == batch_id
    assert paths_on_server(stack, batch_id) == ALL


def test_another_file_in_the_place_of_one_that_arrived_gets_a_number(stopped_upload, make_files, stack, tmp_path):
    upload, batch_id = stopped_upload()
    make_files(["talks/a.mp3"], size=1234)
    upload.page.reload()
    upload.choose_folder(tmp_path / "talks")
    upload.button("Continue").click()
    expect(upload.row("a (2).mp3")).to_contain_text("Pending")
    expect(upload.row("a.mp3")).to_contain_text("On the server")
    upload.button("Upload the Rest").click()
    assert upload.opened_batch() == batch_id
    assert paths_on_server(stack, batch_id) == ["talks/a (2).mp3", *ALL]


def test_an_interrupted_upload_is_only_discarded_when_that_is_confirmed(stopped_upload, stack):
    upload, batch_id = stopped_upload()
    page = upload.page
    page.reload()
    upload.button("Discard").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"Delete [12] uploaded files?\?")).first).to_be_visible()
    expect(upload.button("Keep")).to_be_focused()
    page.keyboard.press("Enter")
    expect(upload.button("Continue")).to_be_focused()
    assert "talks/a.mp3" in paths_on_server(stack, batch_id)
    upload.button("Discard").click()
    with page.expect_response(lambda answer: answer.request.method == "DELETE" and answer.ok):
        upload.button(re.compile("Delete the")).click()
    expect(message(upload)).to_be_hidden()
    assert stack.api.get(f"/batch/{batch_id}").status_code == 404


def test_a_double_click_discards_nothing(stopped_upload, stack):
    upload, batch_id = stopped_upload()
    upload.button("Discard").dblclick()
    expect(upload.rows).to_have_count(3)
    upload.page.reload()
    upload.button("Discard").dblclick()
    expect(message(upload)).to_be_visible()
    assert "talks/a.mp3" in paths_on_server(stack, batch_id)


def test_an_upload_is_left_alone_by_other_tabs_and_by_what_becomes_of_older_ones(
    open_upload, make_files, new_batch, stack
):
    started = new_batch(stack, "started elsewhere")
    started.upload("x.mp3", b"x")
    started.start()
    upload = open_upload()
    page = upload.page
    page.evaluate(NOTE.format(started.batch_id))
    older = upload.hold(f"**/api/batch/{started.batch_id}")
    page.reload()
    answer = older()
    upload.choose(*make_files(["a.mp3", "b.mp3"]))
    last = upload.hold("**/api/upload?*b.mp3")
    upload.button("Upload All").click()
    expect(upload.row("a.mp3")).to_contain_text("Complete")
    answer.continue_()
    page.wait_for_function(FORGOTTEN.format(started.batch_id))
    batch_id = upload.batch_id()
    page.evaluate(NOTE.format(UNKNOWN_BATCH))
    other = open_upload()
    other.page.wait_for_function(FORGOTTEN.format(UNKNOWN_BATCH))  # it has looked at the newer ones before
    expect(message(other)).to_be_hidden()
    last().continue_()
    assert upload.opened_batch() == batch_id
    assert paths_on_server(stack, batch_id) == ["a.mp3", "b.mp3"]


def test_an_empty_batch_of_a_tab_that_was_closed_is_not_deleted_under_its_last_bytes(open_upload, new_batch, stack):
    empty = new_batch(stack, "nothing yet")
    upload = open_upload()
    for batch_id in (empty.batch_id, UNKNOWN_BATCH):
        upload.page.evaluate(NOTE.format(batch_id))
    upload.page.reload()
    upload.page.wait_for_function(FORGOTTEN.format(UNKNOWN_BATCH))
    assert upload.page.evaluate(NOTED.format(empty.batch_id))
    empty.upload("a.mp3", b"x")
    upload.page.reload()
    expect(message(upload)).to_contain_text("The upload of “nothing yet” was interrupted: 1 of 1 file is on the server")


def test_what_one_tab_goes_on_with_is_not_discarded_by_another(stopped_upload, open_upload, stack, tmp_path):
    upload, batch_id = stopped_upload()
    upload.page.reload()
    other = open_upload()
    for tab in (upload, other):
        expect(message(tab)).to_be_visible()
    upload.button("Continue").click()
    expect(upload.button("Choose the missing files")).to_be_visible()
    other.button("Discard").click()
    other.button(re.compile("Delete the")).click()
    expect(message(other)).to_be_hidden()
    upload.page.bring_to_front()
    upload.choose_folder(tmp_path / "talks")
    upload.button("Upload the Rest").click()
    assert upload.opened_batch() == batch_id
    assert paths_on_server(stack, batch_id) == ALL


def test_a_large_file_goes_on_where_a_reload_broke_it_off(open_upload, stack, tmp_path):
    film = tmp_path / "film.mp4"
    film.write_bytes(os.urandom(30_000_000))
    upload = open_upload()
    upload.choose(film)
    upload.send_at(10_000_000)
    upload.button("Upload All").click()
    batch_id = upload.batch_id()
    upload.wait_until(lambda: stack.api.get(f"/batch/{batch_id}").json()["partial_bytes"] > 8_000_000)
    upload.page.reload()
    upload.send_at(-1)
    note = upload.page.get_by_text("The upload of “film.mp4” was interrupted: 0 of 1 file are on the server, and")
    expect(note).to_be_visible()
    upload.button("Continue").click()
    expect(upload.row("film.mp4")).to_contain_text("Missing")
    sent = []
    upload.page.on("request", lambda request: request.method == "PATCH" and sent.append(request.headers))
    upload.choose(film)
    upload.button("Upload the Rest").click()
    assert upload.opened_batch() == batch_id
    (job,) = stack.api.get(f"/batch/{batch_id}").json()["jobs"]
    assert (job["path"], job["size"]) == ("film.mp4", 30_000_000)
    assert int(sent[-1]["upload-offset"]) > 8_000_000, "what had arrived was not sent again"
