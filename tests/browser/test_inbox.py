"""The inbox page shows what is watched, what was found, and what keeps it from going on."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from tasks.ingest.report import (
    MAX_LISTED,
    DuplicateFile,
    FailedFile,
    IgnoredFiles,
    InboxReport,
    OpenBatch,
    WaitingFile,
    report_key,
)
from tests.support.looks import barriers, faded_elements

STRANGE = "week 1/[a](http://x.example) *b* | `c` $d$ :red[e] <i>f</i>.mp3"
LONG = "n" * 200 + ".mp3"
BATCH = "20260102-123059-aaaaaa"
SECONDS_FOR_NEWS = 60_000


class Inbox:
    """An inbox that no worker scans: its deployment has no pool."""

    def __init__(self, stack, name, *, scheduled=True, paused=False):
        self.stack, self.name = stack, name
        flow_id = self.post("/flows/", name="ingest-folder")["id"]
        self.deployment_id = self.post(
            "/deployments/",
            name=name,
            flow_id=flow_id,
            parameters={"inbox": {"name": name, "path": f"/srv/{name}", "interval": 3600, "still_seconds": 30}},
            schedules=[{"schedule": {"interval": 3600}, "active": True}] if scheduled else [],
            paused=paused,
        )["id"]

    def post(self, path, **body):
        answer = self.stack.prefect.post(path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def report(self, **found):
        known = {"inbox": self.name, "location": f"/srv/{self.name}", "scanned_at": datetime.now(UTC)}
        file = self.stack.data / "store" / report_key(self.name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(InboxReport(**known | {"scan_seconds": 0.2} | found).model_dump_json())

    def runs(self):
        return self.post("/flow_runs/filter", deployments={"id": {"any_": [self.deployment_id]}})


@pytest.fixture
def make_inbox(stack):
    made = []

    def make(name, **looks):
        made.append(Inbox(stack, name, **looks))
        return made[-1]

    yield make
    for inbox in made:
        stack.prefect.delete(f"/deployments/{inbox.deployment_id}").raise_for_status()


def report_much(inbox):
    inbox.report(
        seen=12_345,
        known=12_000,
        new=3,
        done_total=11_999,
        waiting_total=MAX_LISTED + 100,
        waiting=[WaitingFile(path=f"{n}/{LONG}", reason="It is still growing.") for n in range(MAX_LISTED)],
        ignored=[IgnoredFiles(pattern="@eaDir", count=7, example="monday/@eaDir/x.mp3")],
        duplicates_total=1,
        duplicates=[DuplicateFile(path="copy.mp3", original="first.mp3")],
        failed_total=1,
        failed=[FailedFile(path=STRANGE, error="It holds no audio stream.", batch_id=BATCH, job_id="j")],
        open_batches=[OpenBatch(batch_id=BATCH, name="lectures: week 1", files=3)],
        warnings=["/srv/lectures/done cannot be written. Change its rights."],
    )


def card(page, inbox):
    """The part of the page about one inbox."""
    return page.locator(f".st-key-inbox-{inbox.name}")


def test_it_tells_what_was_found_and_why_files_wait_or_failed(open_page, make_inbox):
    inbox = make_inbox("lectures")
    report_much(inbox)
    page = open_page("/inbox")
    about = card(page, inbox)
    for text in ("/srv/lectures", "Scanned", "next scan", "every 1 h", "12,345", "Change its rights."):
        expect(about).to_contain_text(text, timeout=SECONDS_FOR_NEWS)
    about.get_by_text("Failed (1)").click()
    expect(about).to_contain_text(f"{STRANGE}: It holds no audio stream.")
    expect(about.get_by_role("link", name="x.example")).to_have_count(0)
    assert about.get_by_role("link", name="Its batch").get_attribute("href") == f"/batches?batch={BATCH}"
    about.get_by_text("Waiting (300)").click()
    expect(about).to_contain_text("It is still growing.")
    expect(about).to_contain_text("… and 100 more")
    about.get_by_text("Duplicates (1)").click()
    expect(about).to_contain_text("copy.mp3 is the same as first.mp3")
    about.get_by_text("Ignored (7)").click()
    expect(about).to_contain_text("7 files by the pattern @eaDir, for example monday/@eaDir/x.mp3")
    about.get_by_role("link", name="lectures: week 1 (3 files)").click()
    page.wait_for_url(f"**/batches?batch={BATCH}")


def test_a_scan_is_asked_for_with_a_click_and_tells_what_came_of_it(open_page, make_inbox, stack):
    inbox = make_inbox("asked", scheduled=False)
    page = open_page("/inbox")
    about = card(page, inbox)
    expect(about).to_contain_text("Not scanned yet")
    about.get_by_role("button", name="Scan now").click()
    expect(about).to_contain_text("a scan is under way")
    expect(about.get_by_role("button", name="Scan now")).to_be_disabled()
    (run,) = inbox.runs()
    link = about.get_by_role("link", name="its run in Prefect").get_attribute("href")
    assert link == f"{stack.prefect_address}/runs/flow-run/{run['id']}"
    inbox.report(seen=2, new=2)
    inbox.post(f"/flow_runs/{run['id']}/set_state", state={"type": "COMPLETED"}, force=True)
    expect(about).to_contain_text("2 new, 0 waiting", timeout=SECONDS_FOR_NEWS)
    expect(about.get_by_role("button", name="Scan now")).to_be_enabled()


def test_an_empty_inbox_says_where_to_copy_a_recording_and_what_follows(open_page, make_inbox):
    inbox = make_inbox("empty")
    inbox.report()
    about = card(open_page("/inbox"), inbox)
    expect(about).to_contain_text("Copy a recording to /srv/empty and it is transcribed: it begins within 2 h 00 min.")


def test_a_paused_inbox_and_one_that_cannot_be_scanned_say_what_to_do(open_page, make_inbox):
    paused, unmounted = make_inbox("paused", paused=True), make_inbox("unmounted")
    unmounted.report(problem="/srv/unmounted is not there. Mount it.", seen=1)
    page = open_page("/inbox")
    expect(card(page, paused)).to_contain_text("Resume its schedule in Prefect")
    expect(card(page, unmounted)).to_contain_text("/srv/unmounted is not there. Mount it.")


def test_times_are_those_of_the_viewer(browser, make_inbox, stack):
    inbox = make_inbox("elsewhere")
    scanned_at = datetime.now(UTC).replace(hour=0, minute=30) - timedelta(days=400)
    inbox.report(scanned_at=scanned_at, seen=1)
    context = browser.new_context(timezone_id="Asia/Kolkata")
    page = context.new_page()
    page.goto(f"{stack.address}/inbox")
    expect(card(page, inbox)).to_contain_text(f"{scanned_at:%d %B %Y}, 06:00", timeout=SECONDS_FOR_NEWS)
    context.close()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1920])
def test_nothing_keeps_people_from_using_the_page(open_page, make_inbox, width, dark):
    inbox = make_inbox("lectures")
    report_much(inbox)
    page = open_page("/inbox", width=width, dark=dark)
    about = card(page, inbox)
    about.get_by_text("Waiting (300)").click()
    expect(about).to_contain_text("It is still growing.")
    about.get_by_text("Failed (1)").click()
    expect(about.get_by_role("link", name="Its batch")).to_be_visible()
    assert barriers(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    overflowing = about.locator("li").evaluate_all("items => items.filter(item => item.scrollWidth > item.clientWidth)")
    assert overflowing == []


def test_the_page_stays_readable_while_it_refreshes(open_page, make_inbox, stack):
    inbox = make_inbox("lectures")
    report_much(inbox)
    page = open_page("/inbox")
    expect(card(page, inbox)).to_contain_text("Failed (1)", timeout=SECONDS_FOR_NEWS)
    assert faded_elements(page, stack) == []
