"""Files arrive, whatever happens on the way, and the batch starts with all that the person sees."""

import json
import re

from playwright.sync_api import expect

from tasks.storage.keys import BatchKeys
from tests.support.looks import barriers

JUNK = 400_000
SLOW = 150_000


def paths_on_server(stack, batch_id):
    return sorted(job["path"] for job in stack.api.get(f"/batch/{batch_id}").json()["jobs"])


def state_on_server(stack, batch_id):
    return stack.api.get(f"/batch/{batch_id}").json()["state"]


def test_recordings_become_a_started_batch_with_the_chosen_options(open_upload, stack, clips):
    upload = open_upload()
    page = upload.page
    page.get_by_label("Batch name").fill("Two clips")
    page.get_by_label("Spoken language").select_option("English")
    page.get_by_label("Model", exact=True).select_option("Another…")
    page.get_by_label("Name of the model").fill("tiny.en")
    page.get_by_label("Names and terms that occur").fill("Whisper, subtitles\nsilence,")
    page.get_by_label("Speakers").select_option("Tell 2 apart")
    page.get_by_label("JSON").uncheck()
    page.get_by_label("Word document").check()
    select_all = page.get_by_label("Select all")
    expect(select_all).not_to_be_checked()
    upload.choose(*(clip.path for clip in list(clips.values())[:2]))
    first, second = sorted(list(clips)[:2])
    select_all.check()
    upload.button("Options of 2 files…").click()
    page.get_by_role("dialog").get_by_label("Speakers").select_option("Don't tell apart")
    page.get_by_role("dialog").get_by_label("Audio stream").select_option("The one with speech")
    expect(upload.button("Use these")).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    upload.button("Use these").click()
    upload.button(f"Options of {second}").click()
    page.get_by_role("dialog").get_by_label("Spoken language").select_option("German")
    assert barriers(page) == []
    upload.button("Use these").click()
    expect(upload.row(first)).to_contain_text("speakers not told apart")
    expect(upload.row(second)).to_contain_text("German · speakers not told apart")
    upload.button(f"Options of {first}").click()
    upload.button("As for the batch").click()
    expect(upload.row(first)).not_to_contain_text("speakers")
    upload.button("Upload All").click()
    batch_id = upload.opened_batch()
    expect(page.get_by_role("row").filter(has_text=second)).to_contain_text("German · speakers not told apart")
    batch = json.loads((stack.data / "store" / BatchKeys.of(batch_id).batch).read_text())
    assert batch["name"] == "Two clips"
    assert batch["options"] == {
        "model": "tiny.en",
        "language": "en",
        "task": "transcribe",
        "vocabulary": ["Whisper", "subtitles", "silence"],
        "formats": ["txt", "srt", "vtt", "docx"],
        "audio_stream": 0,
        "chinese_script": "auto",
        "speakers": 2,
    }
    status = stack.api.get(f"/batch/{batch_id}").json()
    options = {job["path"]: job["options"] for job in status["jobs"]}
    assert options == {first: {}, second: {"language": "de", "speakers": "off"}}
    assert status["state"] != "uploading"


def test_an_upload_shows_its_progress_and_goes_on_while_another_page_is_shown(open_upload, make_files, stack):
    upload = open_upload()
    page = upload.page
    upload.choose(*make_files(["a.mp3", "b.mp3", "c.mp3", "d.mp3"], size=JUNK))
    upload.send_at(SLOW)
    upload.button("Upload All").click()
    upload.has_sent(0.05)
    expect(page.get_by_text("Files: 3 of 4 uploading")).to_be_visible()
    expect(page.get_by_text(re.compile(r"kB/s · (about \d+ (s|min)|a few seconds) left"))).to_be_visible()
    expect(upload.row("a.mp3").get_by_role("progressbar")).to_be_visible()
    expect(upload.row("d.mp3")).to_contain_text("Pending")
    batch_id = upload.batch_id()
    before = int(upload.progress.get_attribute("value"))
    page.get_by_role("link", name="Devices").first.click()
    page.get_by_role("heading", name="Devices", level=1).wait_for()
    page.wait_for_function(r"/^Upload \d+ % · Devices · Batchscribe$/.test(document.title)")
    expect(page.locator("[data-testid=stTopNavLink][data-upload]")).to_have_count(1)
    upload.has_sent(before / 100 + 0.1)
    page.get_by_role("link", name="Upload").first.click()
    expect(upload.rows).to_have_count(4)
    assert int(upload.progress.get_attribute("value")) > before
    page.get_by_role("link", name="Devices").first.click()
    page.get_by_role("heading", name="Devices", level=1).wait_for()
    upload.send_at(-1)
    page.wait_for_function("globalThis.batchscribeUpload.started")
    page.wait_for_function("document.title === 'Devices · Batchscribe'")
    assert "gpus" in page.url  # nobody is torn from the page they went to
    page.get_by_role("link", name="Upload").first.click()
    page.get_by_role("link", name="Open the batch").click()
    assert upload.opened_batch() == batch_id
    assert paths_on_server(stack, batch_id) == ["a.mp3", "b.mp3", "c.mp3", "d.mp3"]


def test_leaving_is_only_guarded_while_files_are_sent(open_upload, make_files):
    upload = open_upload()
    leave = "!window.dispatchEvent(new Event('beforeunload', {cancelable: true}))"
    upload.choose(*make_files(["a.mp3"], size=JUNK))
    assert upload.page.evaluate(leave) is False
    upload.send_at(SLOW)
    upload.button("Upload All").click()
    upload.has_sent(0.05)
    assert upload.page.evaluate(leave) is True
    upload.button("Cancel").click()
    assert upload.page.evaluate(leave) is False


def test_a_cancelled_upload_keeps_what_arrived_and_starts_nothing(stopped_upload, stack):
    upload, batch_id = stopped_upload()
    expect(upload.page.get_by_text("Stopped. 1 of 3 files is on the server; nothing is started.").first).to_be_visible()
    expect(upload.row("b.mp3")).to_contain_text("Pending")
    assert paths_on_server(stack, batch_id) == ["talks/a.mp3"]
    assert state_on_server(stack, batch_id) == "uploading"
    upload.button("Upload the Rest").click()
    assert upload.opened_batch() == batch_id
    assert paths_on_server(stack, batch_id) == ["talks/a.mp3", "talks/b.mp3", "talks/c.mp3"]


def test_a_discarded_upload_is_gone_from_the_server(stopped_upload, stack):
    upload, batch_id = stopped_upload()
    upload.button("Discard").click()
    expect(upload.page.get_by_text("Delete 1 uploaded file?").first).to_be_visible()
    with upload.page.expect_response(lambda answer: answer.request.method == "DELETE" and answer.ok):
        upload.button(re.compile("Delete the")).click()
    expect(upload.rows).to_have_count(0)
    answer = stack.api.get(f"/batch/{batch_id}")
    assert answer.status_code == 404 or answer.json()["jobs"] == []


def test_a_file_that_is_removed_during_the_upload_is_not_in_the_batch(open_upload, make_files, stack):
    upload = open_upload()
    upload.choose(*make_files(["a.mp3", "b.mp3"], size=JUNK))
    upload.send_at(SLOW)
    upload.button("Upload All").click()
    upload.has_sent(0.05)
    upload.button("Remove a.mp3").click()
    upload.send_at(-1)
    assert paths_on_server(stack, upload.opened_batch()) == ["b.mp3"]


def test_files_added_while_the_server_is_asked_what_it_accepts_join_the_batch(open_upload, make_files, stack):
    upload = open_upload()
    asked = upload.hold("**/api/upload/check")
    upload.choose(*make_files(["a.mp3"]))
    upload.button("Upload All").click()
    question = asked()
    upload.choose(*make_files(["b.mp3"]))
    question.continue_()
    assert paths_on_server(stack, upload.opened_batch()) == ["a.mp3", "b.mp3"]


def test_files_added_during_the_upload_join_the_batch(open_upload, make_files, stack):
    upload = open_upload()
    upload.choose(*make_files(["a.mp3"], size=JUNK))
    upload.send_at(SLOW)
    upload.button("Upload All").click()
    upload.has_sent(0.05)
    upload.choose(*make_files(["b.mp3"]))
    upload.send_at(-1)
    assert paths_on_server(stack, upload.opened_batch()) == ["a.mp3", "b.mp3"]


def test_a_refused_file_is_named_and_the_batch_starts_only_when_it_is_told_to(open_upload, make_files, stack):
    upload = open_upload()
    (large,) = make_files(["large.mp4"], size=21 * 2**30)  # over the limit of 20 GiB; it takes no space
    upload.choose(*make_files(["a.mp3"]), large)
    upload.button("Upload All").click()
    expect(upload.row("large.mp4")).to_contain_text("Refused")
    expect(upload.row("large.mp4")).to_contain_text("are accepted. Upload a shorter or smaller file.")
    expect(upload.page.get_by_text("1 of 2 files could not be uploaded.").first).to_be_visible()
    upload.button("Failed (1)").click()
    expect(upload.row("a.mp3")).to_be_hidden()
    expect(upload.row("large.mp4")).to_be_visible()
    upload.button("Failed (1)").click()
    expect(upload.row("a.mp3")).to_be_visible()
    upload.page.set_viewport_size({"width": 1280, "height": 300})
    upload.button("Start without 1 file").scroll_into_view_if_needed()
    expect(upload.progress).to_be_in_viewport()  # it stays while the list is scrolled
    upload.page.set_viewport_size({"width": 1280, "height": 900})
    batch_id = upload.batch_id()
    assert state_on_server(stack, batch_id) == "uploading"
    upload.button("Retry Failed").click()
    expect(upload.row("large.mp4")).to_contain_text("Refused")
    upload.button("Start without 1 file").click()
    assert upload.opened_batch() == batch_id
    assert paths_on_server(stack, batch_id) == ["a.mp3"]


def test_a_file_that_vanished_is_told_apart_from_a_bad_connection(open_upload, make_files):
    upload = open_upload()
    (file,) = make_files(["a.mp3"])
    upload.choose(file)
    file.unlink()
    upload.button("Upload All").click()
    expect(upload.row("a.mp3")).to_contain_text("The file cannot be read any more")
