"""The batches page in a real Chromium: what people see of batches that really run, and what they can do about them."""

import io
import re
import secrets
import wave
import zipfile

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

SECONDS = 120_000  # milliseconds that a batch may take on a busy machine
CORRUPT = b"ID3" + bytes(5000)


def silence(seconds=2):
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(bytes(2 * 16000 * seconds))
    return sound.getvalue()


@pytest.fixture(scope="module")
def make_batch(stack, new_batch):
    def make(name, files, *, start=True):
        batch = new_batch(stack, name=name)
        for path, content in files.items():
            batch.upload(path, content)
        if start:
            batch.start()
        return batch

    return make


@pytest.fixture(scope="module")
def speech(clips):
    return clips["short-answer.mp3"].path.read_bytes()


@pytest.fixture(scope="module")
def ended(make_batch, speech):
    """A batch that has ended: one job is done, two failed for different reasons."""
    files = {"week 1/answer.mp3": speech, "corrupt_file.mp3": CORRUPT, "too_short.wav": silence()}
    batch = make_batch("Lectures of spring", files)
    batch.finished()
    return batch


def address(batch):
    return f"/batches?batch={batch.batch_id}"


def row(page, file_name):
    return page.get_by_role("row").filter(has=page.get_by_text(file_name, exact=True))


def summary(page):
    return page.get_by_role("region", name="Summary")


def answer_question(page, answer):
    page.get_by_role("dialog").get_by_role("button", name=answer).click()


def test_a_batch_is_followed_to_its_end_without_loading_the_page_again(open_page, make_batch, speech):
    batch = make_batch("Followed", {"talk.mp3": speech, "broken.mp3": CORRUPT}, start=False)
    page = open_page(address(batch))
    expect(row(page, "talk.mp3")).to_contain_text("Uploaded")
    page.evaluate("window.loadedOnce = true")
    page.get_by_role("button", name="Start Batch").click()
    answer_question(page, "Start")
    expect(row(page, "broken.mp3")).to_contain_text("Failed", timeout=SECONDS)
    expect(row(page, "talk.mp3")).to_contain_text("Done", timeout=SECONDS)
    expect(row(page, "talk.mp3")).to_contain_text(re.compile(r"CPU \d"))
    expect(page.get_by_role("heading", name="Batch complete")).to_be_visible(timeout=SECONDS)
    expect(summary(page)).to_contain_text("✓ 1 succeeded")
    expect(summary(page)).to_contain_text("✗ 1 failed")
    assert page.evaluate("window.loadedOnce")


def test_the_summary_names_the_failed_jobs_and_why(open_page, ended):
    page = open_page(address(ended))
    failed = summary(page).get_by_role("listitem")
    expect(failed.filter(has_text="too_short.wav")).to_have_text("too_short.wav - No speech detected")
    expect(failed.filter(has_text="corrupt_file.mp3")).to_contain_text("mp3 - Not an audio or video file")
    expect(row(page, "too_short.wav")).to_contain_text("No speech detected")


def test_everything_is_downloaded_as_one_zip_in_its_folders(open_page, ended):
    page = open_page(address(ended))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download All").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.testzip() is None
        assert "week 1/answer_formatted_refined.txt" in archive.namelist()
        assert b"too_short.wav" in archive.read("manifest.json")


def test_a_job_leads_to_its_documents_its_transcript_and_its_run(open_page, ended, stack):
    page = open_page(address(ended))
    with page.expect_download() as download:
        page.get_by_role("link", name="srt of answer.mp3").click()
    assert download.value.path().read_bytes() == ended.document("week 1/answer.mp3", "srt")
    run = page.get_by_role("link", name="Prefect run of answer.mp3")
    expect(run).to_have_attribute("href", re.compile(f"^{stack.prefect_address}/runs/flow-run/"))
    page.evaluate("window.loadedOnce = true")
    page.get_by_role("link", name="answer.mp3", exact=True).click()
    page.wait_for_url(f"**/transcript?job={ended.job_ids['week 1/answer.mp3']}")
    page.locator(".player[data-state=ready]").wait_for()
    assert page.evaluate("window.loadedOnce"), "uploads of this tab go on"


def test_jobs_are_shown_by_stage_and_found_by_name(open_page, ended):
    page = open_page(address(ended))
    rows = page.get_by_role("table", name="Jobs").get_by_role("row")
    expect(rows).to_have_count(1 + 3)
    page.get_by_role("button", name="Failed 2").click()
    expect(rows).to_have_count(1 + 2)
    page.get_by_role("searchbox", name="Find a file").fill("SHORT")
    expect(rows).to_have_count(1 + 1)
    page.get_by_role("searchbox", name="Find a file").fill("nothing like it")
    expect(page.get_by_text("No job is like that at the moment.")).to_be_visible()


def test_the_picture_shows_what_the_gpus_did(open_page, ended):
    page = open_page(address(ended))
    picture = page.get_by_role("img", name=re.compile("2 runs on"))
    bars = picture.locator("rect")
    expect(bars).to_have_count(2)  # the corrupt file never got to a GPU
    expect(bars.filter(has_text="week 1/answer.mp3: done")).to_have_count(1)
    expect(bars.filter(has_text="too_short.wav: failed")).to_have_count(1)


@pytest.mark.usefixtures("ended")
def test_a_link_to_a_batch_works_for_a_second_person_and_after_a_refresh(open_page):
    first = open_page("/batches")
    first.get_by_role("link", name="Lectures of spring").first.click()
    expect(first.get_by_role("heading", name="Lectures of spring", level=1)).to_be_visible()
    link = first.url.removeprefix(first.evaluate("location.origin"))
    for page in (open_page(link), first):
        page.reload()
        expect(page.get_by_role("heading", name="Lectures of spring", level=1)).to_be_visible()
    first.get_by_role("link", name="All batches").click()
    expect(first.get_by_role("heading", name="Batches", level=1)).to_be_visible()
    first.go_back()
    expect(first.get_by_role("heading", name="Lectures of spring", level=1)).to_be_visible()


def test_failed_jobs_are_retried(open_page, make_batch):
    batch = make_batch("Retried", {"broken.mp3": CORRUPT})
    batch.finished()
    page = open_page(address(batch))
    page.get_by_role("button", name="Retry Failed").click()
    expect(row(page, "broken.mp3")).to_contain_text("attempt 2", timeout=SECONDS)
    expect(page.get_by_role("button", name="Retry Failed")).to_be_visible(timeout=SECONDS)


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


def test_a_batch_is_cancelled_to_be_run_again(open_page, make_batch, speech):
    batch = make_batch("Kept", {f"talk {number}.mp3": speech for number in range(6)})
    page = open_page(address(batch))
    page.get_by_role("button", name="Cancel Batch").click()
    page.get_by_role("dialog").get_by_label("Keep the uploads for a retry").check()
    answer_question(page, "Cancel the batch")
    expect(page.get_by_role("heading", name="Batch cancelled")).to_be_visible(timeout=SECONDS)
    page.get_by_role("button", name="Run Again", exact=True).click()
    expect(summary(page)).to_contain_text("✓ 6 succeeded", timeout=SECONDS)


def test_a_job_is_cancelled_and_the_others_go_on(open_page, make_batch, speech):
    batch = make_batch("One less", {f"talk {number}.mp3": speech for number in range(6)})
    page = open_page(address(batch))
    page.get_by_role("button", name="Cancel talk 5.mp3").click()
    answer_question(page, "Cancel the job")
    expect(row(page, "talk 5.mp3")).to_contain_text("Cancelled", timeout=SECONDS)
    expect(summary(page)).to_contain_text("✓ 5 succeeded", timeout=SECONDS)
    expect(summary(page)).to_contain_text("⊘ 1 cancelled")


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


def test_rows_of_a_large_batch_are_made_as_one_scrolls(open_page, make_batch):
    batch = make_batch("Large", {f"{number:03}.mp3": CORRUPT for number in range(130)}, start=False)
    page = open_page(address(batch))
    rows = page.get_by_role("table", name="Jobs").get_by_role("row")
    expect(rows).to_have_count(1 + 100)
    rows.last.scroll_into_view_if_needed()
    page.mouse.move(400, 400)
    page.mouse.wheel(0, 2000)
    expect(rows).to_have_count(1 + 130)


TOP_AT_REST = """(element) => new Promise((done) => {
    let before = NaN;
    const look = () => {
        const { top } = element.getBoundingClientRect();
        if (top === before) done(top);
        else requestAnimationFrame(look);
        before = top;
    };
    requestAnimationFrame(look);
})"""


@pytest.mark.parametrize("browser_keeps_places", [True, False])
def test_what_one_reads_and_holds_stays_while_the_table_changes(open_page, make_batch, browser_keeps_places):
    batch = make_batch("Live", {f"{number:02}.mp3": CORRUPT for number in range(60)}, start=False)
    page = open_page(address(batch))
    if not browser_keeps_places:
        page.add_style_tag(content="* { overflow-anchor: none !important; }")
    held = page.get_by_role("button", name="Remove 40.mp3")
    held.scroll_into_view_if_needed()
    held.focus()
    before = held.evaluate(TOP_AT_REST)
    for gone, left in (("59.mp3", 59), ("05.mp3", 58)):  # below and above
        batch.api.delete(f"/batch/{batch.batch_id}/jobs/{batch.job_ids[gone]}").raise_for_status()
        expect(page.get_by_role("button", name=f"All {left}")).to_be_attached()
        expect(row(page, gone)).to_have_count(0)
        assert held.evaluate(TOP_AT_REST) == pytest.approx(before, abs=1)
        expect(held).to_be_focused()


@pytest.fixture
def altered(stack):
    """Have the API tell something else of a batch to a page, in the middle of what it really tells."""

    def alter(page, batch, change, **headers):
        def answer(route):
            status = batch.status()
            change(status)
            route.fulfill(json=status, headers=headers)

        page.route(f"{stack.address}/api/batch/{batch.batch_id}", answer)
        page.evaluate("dispatchEvent(new Event('online'))")  # look now, not at the next turn

    return alter


def test_a_batch_tells_how_long_it_takes_at_least_while_some_jobs_are_not_measured(open_page, ended, altered):
    def running(status):
        status["state"] = "running"
        status["jobs"][0] |= {"stage": "transcribing", "eta_seconds": 130}
        status["jobs"][1] |= {"stage": "converting", "eta_seconds": None}

    page = open_page(address(ended))
    expect(row(page, "answer.mp3")).to_be_visible()
    altered(page, ended, running)
    expect(summary(page)).to_contain_text("more than 3 min left")


def test_in_the_picture_what_runs_reaches_as_far_as_what_has_ended(open_page, ended, altered):
    def running(status):
        (job,) = (job for job in status["jobs"] if job["path"] == "too_short.wav")
        job |= {"stage": "transcribing", "ended_at": None}
        job["attempts"][-1] |= {"ended_at": None, "ended_as": None}

    page = open_page(address(ended))
    expect(page.get_by_role("img", name=re.compile("2 runs on"))).to_be_visible()
    altered(page, ended, running, Date="Thu, 01 Jan 2026 00:00:00 GMT")  # as a clock that is behind
    bars = page.get_by_role("img", name=re.compile("2 runs on")).locator("rect")
    expect(bars.filter(has_text="too_short.wav: transcribing")).to_have_count(1)
    ends = bars.evaluate_all("all => all.map(bar => bar.x.baseVal.value + bar.width.baseVal.value)")
    running_end = bars.filter(has_text="transcribing").evaluate("bar => bar.x.baseVal.value + bar.width.baseVal.value")
    assert running_end == pytest.approx(max(ends), abs=1)


def test_names_are_text_and_never_markup(open_page, make_batch):
    name = "<img src=x onerror=alert(1)> **bold**"
    batch = make_batch(name, {"<b>talk.mp3": CORRUPT}, start=False)
    page = open_page(address(batch))
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
    expect(row(page, "<b>talk.mp3")).to_be_visible()


def test_a_batch_that_does_not_exist_is_said_so_with_a_way_back(open_page):
    page = open_page("/batches?batch=20260101-000000-abcdef")
    expect(page.get_by_role("alert")).to_contain_text("There is no batch 20260101-000000-abcdef")
    page.get_by_role("link", name="All batches").click()
    expect(page.get_by_role("heading", name="Batches", level=1)).to_be_visible()


def test_an_outage_is_said_and_ends_by_itself(open_page, ended):
    page = open_page(address(ended))
    expect(row(page, "answer.mp3")).to_be_visible()
    page.route("**/api/batch/*", lambda route: route.abort())
    page.evaluate("dispatchEvent(new Event('online'))")  # look now, not at the next turn
    expect(page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    expect(row(page, "answer.mp3")).to_be_visible()
    page.unroute("**/api/batch/*")
    expect(page.get_by_role("alert")).to_be_hidden()


@pytest.mark.usefixtures("ended")
def test_what_the_api_cannot_reach_is_said_in_its_own_words(open_page):
    sentence = "The Prefect server at http://127.0.0.1:9/api does not answer. Start it (make up), then try again."
    page = open_page("/batches")
    expect(page.get_by_role("link", name="Lectures of spring").first).to_be_visible()
    page.route("**/api/batch*", lambda route: route.fulfill(status=503, json={"detail": sentence}))
    page.evaluate("dispatchEvent(new Event('online'))")
    expect(page.get_by_role("alert")).to_have_text(sentence)
    page.unroute("**/api/batch*")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_list_that_cannot_be_had_at_first_says_so_and_comes(open_page):
    page = open_page("/gpus")
    page.route("**/api/batch?*", lambda route: route.abort())
    page.get_by_role("link", name="Batches").first.click()
    expect(page.get_by_role("alert")).to_contain_text("The dashboard does not answer")
    expect(page.get_by_text("Loading the batches")).to_be_hidden()
    page.unroute("**/api/batch?*")
    expect(page.get_by_role("table", name="Batches")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_without_batches_the_list_leads_to_the_upload_page(open_page):
    page = open_page("/gpus")
    page.evaluate("window.loadedOnce = true")
    page.route("**/api/batch?*", lambda route: route.fulfill(json={"batches": [], "total": 0, "problems": []}))
    page.get_by_role("link", name="Batches").first.click()
    expect(page.get_by_text("There are no batches yet.")).to_be_visible()
    page.get_by_role("link", name="Upload recordings").click()
    expect(page.get_by_role("heading", name="Upload", level=1)).to_be_visible()
    assert page.evaluate("window.loadedOnce")


def test_a_batch_without_files_says_so(open_page, make_batch):
    page = open_page(address(make_batch("Empty", {}, start=False)))
    expect(page.get_by_text("No file has been uploaded yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Start Batch")).to_be_hidden()


@pytest.mark.usefixtures("ended")
def test_a_damaged_record_is_named_beside_the_other_batches(open_page, damaged_batch):
    page = open_page("/batches")
    record = f"The record batches/{damaged_batch.batch_id}/batch.json in the store cannot be understood"
    expect(page.get_by_role("alert")).to_contain_text(record)
    expect(page.get_by_role("link", name="Lectures of spring").first).to_be_visible()


def test_batches_are_found_by_name_and_leafed_through(open_page, make_batch):
    course = f"Course {secrets.token_hex(4)}"
    for number in range(22):
        make_batch(f"{course} no-{number:02}", {}, start=False)
    page = open_page("/batches")
    rows = page.get_by_role("table", name="Batches").get_by_role("row")
    search = page.get_by_role("searchbox", name="Search batches by name")
    search.fill(course.upper())
    expect(page.get_by_role("status").filter(has_text="of 22 batches")).to_be_visible()
    page.get_by_role("button", name="Older").dblclick()  # once too often: the last page is the last
    expect(rows).to_have_count(1 + 2)
    expect(page.get_by_role("button", name="Older")).to_be_disabled()
    search.fill(f"no-07 {course}")
    expect(rows).to_have_count(1 + 1)
    expect(page.get_by_role("link", name=f"{course} no-07")).to_be_visible()
    search.fill("no such batch anywhere")
    expect(page.get_by_text("No batch has “no such batch anywhere” in its name.")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_both_views_are_accessible_and_fit_every_screen(open_page, ended, dark):
    for place in ("/batches", address(ended)):
        page = open_page(place, dark=dark)
        expect(page.get_by_role("row").nth(1)).to_be_visible()
        for width in (1920, 768, 360):
            page.set_viewport_size({"width": width, "height": 900})
            found = Axe().run(page).response["violations"]
            assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
            assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_running_batch_and_its_questions_are_accessible(open_page, make_batch, clips, find_barriers, dark):
    lecture = clips["lecture-subtitles.opus"].path.read_bytes()
    batch = make_batch("For everybody", {f"lecture {number}.opus": lecture for number in range(8)})
    page = open_page(address(batch), dark=dark)
    expect(page.get_by_text("Queue position: 1").first).to_be_visible(timeout=SECONDS)
    assert find_barriers(page) == []
    page.get_by_role("button", name="Cancel Batch").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert find_barriers(page) == []
    answer_question(page, "Cancel the batch")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_batch_that_does_not_go_on_says_why_until_it_does(open_page, stack, make_batch, speech, dark):
    for pool in ("gpu-0", "gpu-1"):
        stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": True}).raise_for_status()
    try:
        batch = make_batch("Held up", {"answer.mp3": speech})
        page = open_page(address(batch), dark=dark)
        notice = summary(page).get_by_role("status")
        expect(notice).to_contain_text("No device takes jobs. gpu-0 is paused: Somebody paused it.", timeout=SECONDS)
        found = Axe().run(page).response["violations"]
        assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
        page.set_viewport_size({"width": 360, "height": 900})
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 360
    finally:
        for pool in ("gpu-0", "gpu-1"):
            stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": False}).raise_for_status()
    expect(notice).to_be_hidden(timeout=SECONDS)
    batch.finished()
