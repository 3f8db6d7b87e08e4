"""What people do about a batch on its page: retry, cancel, dismiss, and remove files before the start."""

import contextlib
import re
import secrets
import zipfile

import pytest
from playwright.sync_api import expect

from tests.support.batch_page import CORRUPT, SECONDS, address, answer_question, row, summary
from tests.support.browsers import devtools_of


def test_failed_jobs_are_retried(open_page, make_batch):
    batch = make_batch("Retried", {"broken.mp3": CORRUPT})
    batch.finished()
    page = open_page(address(batch))
    page.get_by_role("button", name="Retry Failed").click()
    expect(row(page, "broken.mp3")).to_contain_text("attempt 2", timeout=SECONDS)
    expect(page.get_by_role("button", name="Retry Failed")).to_be_visible(timeout=SECONDS)


def test_a_retry_in_prefect_is_followed_by_the_page_that_is_open(open_page, make_batch, stack):
    batch = make_batch("Retried in Prefect", {"broken.mp3": CORRUPT})
    run_id = batch.finished()["flow_run_id"]
    page = open_page(address(batch))
    expect(page.get_by_role("button", name="Retry Failed")).to_be_visible()
    page.evaluate("window.loadedOnce = true")
    retry = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
    stack.prefect.post(f"/flow_runs/{run_id}/set_state", json={"state": retry, "force": True}).raise_for_status()
    expect(row(page, "broken.mp3")).to_contain_text("attempt 2", timeout=SECONDS)
    assert page.evaluate("window.loadedOnce")


def test_a_retry_succeeds_once_the_cause_is_gone(open_page, stack, make_batch, speech):
    batch = make_batch("Put right", {"talk.mp3": speech, "other.mp3": speech}, start=False)
    upload = stack.data / "uploads" / batch.batch_id / batch.job_ids["talk.mp3"]
    elsewhere = upload.rename(stack.data / "elsewhere.mp3")
    batch.start()
    batch.finished()
    page = open_page(address(batch))
    expect(summary(page)).to_contain_text("✗ 1 failed")
    elsewhere.rename(upload)
    page.get_by_role("button", name="Retry Failed").click()
    expect(summary(page).get_by_role("heading").first).to_be_focused()
    expect(summary(page)).to_contain_text("✓ 2 succeeded", timeout=SECONDS)
    expect(page.get_by_role("heading", name="Batch complete")).to_be_visible(timeout=SECONDS)
    expect(page.get_by_text("Failed jobs:")).to_be_hidden()
    expect(page.get_by_role("button", name="Retry Failed")).to_be_hidden()


@pytest.fixture
def held(stack):
    """Devices listen to recordings until it is closed."""
    with contextlib.ExitStack() as devices:
        devices.enter_context(stack.recordings_held())
        yield devices


@pytest.mark.usefixtures("held")
def test_a_batch_is_cancelled_after_a_question(open_page, make_batch, speech):
    batch = make_batch("Cancelled", {f"talk {number}.mp3": speech for number in range(6)})
    page = open_page(address(batch))
    page.get_by_role("button", name="Cancel Batch").click()
    answer_question(page, "Let it run")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Cancel Batch").click()
    answer_question(page, "Cancel the batch")
    expect(page.get_by_role("heading", name="Batch cancelled")).to_be_visible(timeout=SECONDS)
    expect(summary(page)).to_contain_text(re.compile(r"⊘ \d cancelled"))
    expect(summary(page)).to_contain_text(re.compile(r"The uploads? of \d jobs? (was|were) removed"), timeout=SECONDS)
    expect(page.get_by_role("button", name="Run Again")).to_be_hidden()


def test_a_batch_is_cancelled_to_be_run_again(open_page, make_batch, speech, held):
    batch = make_batch("Kept", {f"talk {number}.mp3": speech for number in range(6)})
    page = open_page(address(batch))
    page.get_by_role("button", name="Cancel Batch").click()
    page.get_by_role("dialog").get_by_label("Keep the uploads for a retry").check()
    answer_question(page, "Cancel the batch")
    expect(page.get_by_role("heading", name="Batch cancelled")).to_be_visible(timeout=SECONDS)
    held.close()
    page.get_by_role("button", name="Run Again", exact=True).click()
    expect(summary(page)).to_contain_text("✓ 6 succeeded", timeout=SECONDS)


def test_a_job_is_cancelled_and_the_others_go_on(open_page, make_batch, speech, held):
    batch = make_batch("One less", {f"talk {number}.mp3": speech for number in range(6)})
    page = open_page(address(batch))
    page.get_by_role("button", name="Cancel talk 5.mp3").click()
    answer_question(page, "Cancel the job")
    expect(row(page, "talk 5.mp3")).to_contain_text("Cancelled", timeout=SECONDS)
    held.close()
    expect(summary(page)).to_contain_text("✓ 5 succeeded", timeout=SECONDS)
    expect(summary(page)).to_contain_text("⊘ 1 cancelled")


@pytest.mark.usefixtures("held")
def test_whoever_cancels_a_job_by_keys_keeps_their_place(open_page, make_batch, speech):
    batch = make_batch("By keys", {f"talk {number}.mp3": speech for number in range(4)})
    page = open_page(address(batch))
    page.get_by_role("button", name="Cancel talk 3.mp3").press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(row(page, "talk 3.mp3")).to_contain_text("Cancelled", timeout=SECONDS)
    expect(row(page, "talk 3.mp3")).to_be_focused()


def test_why_a_job_cannot_be_cancelled_stands_beside_it(open_page, make_batch):
    batch = make_batch("Not cancelled", {"keep.mp3": CORRUPT, "drop.mp3": CORRUPT}, start=False)
    page = open_page(address(batch))
    page.route("**/jobs/*", lambda route: route.fulfill(status=409, json={"detail": "It is being received."}))
    page.get_by_role("button", name="Remove drop.mp3").click()
    answer_question(page, "Remove")
    expect(row(page, "drop.mp3").get_by_role("alert")).to_have_text("It is being received.")
    expect(page.get_by_role("button", name="Remove drop.mp3")).to_be_focused()


def test_dismissing_asks_and_removes_the_batch(open_page, make_batch):
    batch = make_batch("To be dismissed", {"broken.mp3": CORRUPT})
    batch.finished()
    page = open_page(address(batch))
    page.get_by_role("button", name="Dismiss").click()
    expect(page.get_by_role("dialog")).to_contain_text("This cannot be undone")
    answer_question(page, "Keep it")
    assert batch.status()["name"] == "To be dismissed"
    page.get_by_role("button", name="Dismiss").click()
    answer_question(page, "Dismiss")
    expect(page.get_by_text("“To be dismissed” was dismissed.")).to_be_focused()
    expect(page.get_by_role("link", name="To be dismissed")).to_have_count(0)
    assert batch.api.get(f"/batch/{batch.batch_id}").status_code == 404


def test_a_file_is_removed_before_the_start(open_page, make_batch):
    batch = make_batch("Not started", {"keep.mp3": CORRUPT, "drop.mp3": CORRUPT}, start=False)
    page = open_page(address(batch))
    page.get_by_role("button", name="Remove drop.mp3").click()
    answer_question(page, "Remove")
    expect(row(page, "drop.mp3")).to_have_count(0)
    expect(page.get_by_role("button", name="All 1")).to_be_focused()
    expect(summary(page)).to_contain_text("1 file uploaded")
    assert set(batch.jobs()) == {"keep.mp3"}


def test_a_batch_is_renamed_in_place_by_keys(open_page, make_batch):
    batch = make_batch("Talks", {"a.mp3": CORRUPT}, start=False)
    page = open_page(address(batch))
    page.get_by_role("button", name="Rename the batch").press("Enter")
    field = page.get_by_role("textbox", name="Name of the batch")
    expect(field).to_be_focused()
    page.keyboard.type("Never kept")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Rename the batch")).to_be_focused()
    expect(page.get_by_role("heading", name="Talks", level=1)).to_be_visible()
    page.keyboard.press("Enter")
    batch.api.patch(f"/batch/{batch.batch_id}", json={"name": "By another user"})
    page.keyboard.type("Lectures")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="“By another user” by another user")).to_be_visible()
    page.keyboard.press("Enter")  # seen, and still wanted
    expect(page.get_by_role("heading", name="Lectures", level=1)).to_be_visible()
    assert batch.status()["name"] == "Lectures"


def test_tags_are_added_and_removed_and_lead_to_the_batches_that_have_them(open_page, make_batch):
    tag = secrets.token_hex(4)
    batch = make_batch(f"Tagged {tag}", {}, start=False)
    page = open_page(address(batch))
    for each in (tag, "other"):
        page.get_by_role("combobox", name="Add a tag").fill(each)
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name=f"Remove the tag {each}")).to_be_visible()
    page.get_by_role("button", name="Remove the tag other").click()
    expect(page.get_by_role("list", name="Tags").get_by_role("listitem")).to_have_count(1)
    page.get_by_role("link", name=tag, exact=True).click()
    page.wait_for_url(f"**/batches?tag={tag}")
    expect(page.get_by_role("table", name="Batches").get_by_role("row")).to_have_count(1 + 1)
    assert batch.status()["tags"] == [tag]


def test_tags_are_typed_with_commas_and_removed_by_the_backspace_key(open_page, make_batch):
    batch = make_batch("Typed tags", {}, start=False)
    page = open_page(address(batch))
    field = page.get_by_role("combobox", name="Add a tag")
    tags = page.get_by_role("list", name="Tags").get_by_role("listitem")
    field.press_sequentially("one,two")
    expect(tags).to_have_text(["one✕"])
    expect(field).to_have_value("two")
    field.fill("three, four,")
    field.press("Enter")
    expect(tags).to_have_text(["four✕", "one✕", "three✕"])
    expect(field).to_have_value("")
    field.press("Backspace")
    page.get_by_role("button", name="Remove the tag three").press("Backspace")
    expect(tags).to_have_text(["four✕", "one✕"])
    expect(field).to_be_focused()
    assert batch.status()["tags"] == ["four", "one"]


def test_several_jobs_are_dismissed_downloaded_and_retried_at_once(open_page, make_batch, speech):
    files = {"a.mp3": speech, "b.mp3": CORRUPT, "c.mp3": CORRUPT, "d.mp3": CORRUPT}
    batch = make_batch("Many at once", files)
    batch.finished()
    page = open_page(address(batch))
    jobs = page.get_by_role("group", name="Selected jobs")
    page.get_by_role("checkbox", name="Select a.mp3").click()
    page.get_by_role("checkbox", name="Select c.mp3").click(modifiers=["Shift"])
    expect(jobs).to_contain_text("3 selected")
    with page.expect_download() as download:
        jobs.get_by_role("button", name="Download 1 of 3").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert "a_formatted_refined.txt" in archive.namelist()
    expect(jobs).to_contain_text("2 of 3 jobs have no documents")
    jobs.get_by_role("button", name="Retry 2 of 3").click()
    expect(jobs).to_contain_text("0 of 3 jobs are retried. a.mp3 is done, so there is nothing to retry.")
    page.get_by_role("checkbox", name="Select a.mp3").focus()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    expect(jobs).to_contain_text("2 selected")
    jobs.get_by_role("button", name="Dismiss").click()
    answer_question(page, "Dismiss")
    expect(jobs).to_contain_text("2 jobs are dismissed.")
    expect(row(page, "c.mp3")).to_have_count(0)
    assert set(batch.jobs()) == {"a.mp3", "d.mp3"}


TELL = "Tell me when it is done"
NOTING = """
globalThis.Notification = class extends Notification {
  constructor(title, options) { super(title, options); (globalThis.told ??= []).push([title, options.body]); }
};
"""


def test_the_end_is_told_once_on_whatever_page_a_tab_is(open_page, stack, make_batch):
    batch = make_batch("To be told", {"empty.mp3": b""}, start=False)
    page = open_page("/gpus", own_profile=True)
    page.context.grant_permissions(["notifications"], origin=stack.address)
    page.context.add_init_script(NOTING)
    page.goto(f"{stack.address}{address(batch)}")
    page.get_by_role("checkbox", name=TELL).check()
    expect(summary(page)).to_contain_text("Keep a tab of the dashboard open")
    other = page.context.new_page()
    other.goto(f"{stack.address}/gpus")
    other.get_by_role("heading", name="Devices", level=1).wait_for()
    page.get_by_role("link", name="Inbox").first.click()
    page.get_by_role("heading", name="Inbox", level=1).wait_for()
    batch.start()
    page.wait_for_function("globalThis.told", timeout=SECONDS)
    page.wait_for_function("!Object.keys(localStorage).some(name => name.startsWith('batchscribe.tell.'))")
    assert page.evaluate("told") == [["To be told: 1 failed", "0 succeeded, 1 failed"]]
    assert other.evaluate("globalThis.told") is None


def test_notifications_that_the_browser_blocks_are_said(open_page, make_batch):
    page = open_page(address(make_batch("Not to be told", {"empty.mp3": b""}, start=False)), own_profile=True)
    devtools = devtools_of(page)
    profile = devtools.send("Target.getTargetInfo")["targetInfo"]["browserContextId"]
    blocked = {"permission": {"name": "notifications"}, "setting": "denied", "browserContextId": profile}
    devtools.send("Browser.setPermission", blocked)
    page.get_by_role("checkbox", name=TELL).click()
    expect(summary(page)).to_contain_text("The browser blocks notifications of this page.")
    expect(page.get_by_role("checkbox", name=TELL)).not_to_be_checked()
