"""The page of one batch in a real Chromium: what people see of batches that really run."""

import re
import zipfile

import pytest
from playwright.sync_api import expect

from tests.support.batch_page import CORRUPT, SECONDS, address, answer_question, row, summary
from tests.support.looks import KEEP_NO_PLACES, barriers, top_at_rest


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
    page.wait_for_function("document.title === '1 failed · Followed'")
    page.get_by_role("link", name="Devices").first.click()
    page.wait_for_function("document.title === 'Devices · Batchscribe'")
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


def test_rows_of_a_large_batch_are_made_as_one_scrolls(open_page, make_batch):
    batch = make_batch("Large", {f"{number:03}.mp3": CORRUPT for number in range(130)}, start=False)
    page = open_page(address(batch))
    rows = page.get_by_role("table", name="Jobs").get_by_role("row")
    expect(rows).to_have_count(1 + 100)
    rows.last.scroll_into_view_if_needed()
    page.mouse.move(400, 400)
    page.mouse.wheel(0, 2000)
    expect(rows).to_have_count(1 + 130)


@pytest.mark.parametrize("browser_keeps_places", [True, False])
def test_what_one_reads_and_holds_stays_while_the_table_changes(open_page, make_batch, browser_keeps_places):
    batch = make_batch("Live", {f"{number:02}.mp3": CORRUPT for number in range(60)}, start=False)
    page = open_page(address(batch))
    if not browser_keeps_places:
        page.add_style_tag(content=KEEP_NO_PLACES)
    held = page.get_by_role("button", name="Remove 40.mp3")
    held.scroll_into_view_if_needed()
    held.focus()
    before = top_at_rest(held)
    for new, total in (("00.5.mp3", 61), ("35.5.mp3", 62)):  # far above, and close
        batch.upload(new, CORRUPT)
        expect(page.get_by_role("button", name=f"All {total}")).to_be_attached()
        assert top_at_rest(held) == pytest.approx(before, abs=1)
    for gone, left in (("59.mp3", 61), ("05.mp3", 60)):  # below and above
        batch.api.delete(f"/batch/{batch.batch_id}/jobs/{batch.job_ids[gone]}").raise_for_status()
        expect(page.get_by_role("button", name=f"All {left}")).to_be_attached()
        expect(row(page, gone)).to_have_count(0)
        assert top_at_rest(held) == pytest.approx(before, abs=1)
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


def test_a_batch_without_files_says_so(open_page, make_batch):
    page = open_page(address(make_batch("Empty", {}, start=False)))
    expect(page.get_by_text("No file has been uploaded yet.")).to_be_visible()
    expect(page.get_by_role("button", name="Start Batch")).to_be_hidden()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_running_batch_and_its_questions_are_accessible(open_page, stack, make_batch, speech, dark):
    with stack.recordings_held():
        batch = make_batch("For everybody", {f"lecture {number}.mp3": speech for number in range(8)})
        page = open_page(address(batch), dark=dark)
        expect(page.get_by_text("Queue position: 1").first).to_be_visible(timeout=SECONDS)
        assert barriers(page) == []
        page.get_by_role("button", name="Cancel Batch").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert barriers(page) == []
        answer_question(page, "Cancel the batch")
        batch.finished()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_batch_that_does_not_go_on_says_why_until_it_does(open_page, stack, make_batch, speech, dark):
    for pool in ("gpu-0", "gpu-1"):
        stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": True}).raise_for_status()
    try:
        batch = make_batch("Held up", {"answer.mp3": speech})
        page = open_page(address(batch), dark=dark)
        notice = summary(page).locator("[role=status].notice")
        expect(notice).to_contain_text("No device takes jobs. gpu-0 is paused: Somebody paused it.", timeout=SECONDS)
        assert barriers(page) == []
        page.set_viewport_size({"width": 360, "height": 900})
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 360
    finally:
        for pool in ("gpu-0", "gpu-1"):
            stack.prefect.patch(f"/work_pools/{pool}", json={"is_paused": False}).raise_for_status()
    expect(notice).to_be_hidden(timeout=SECONDS)
    batch.finished()


@pytest.mark.usefixtures("ended")
@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
def test_the_usage_page_shows_plots_tables_and_why_jobs_failed(open_page, width, dark):
    page = open_page("/usage", width=width, dark=dark)
    page.get_by_role("radiogroup", name="Period").get_by_text("7 days").click()
    expect(page.get_by_role("table").last).to_contain_text("No speech detected")
    expect(page.locator(".vega-embed")).to_have_count(3)
    page.get_by_text("As a table").last.click()
    expect(page.get_by_role("table").filter(has_text="Factor")).to_contain_text("CPU")
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
