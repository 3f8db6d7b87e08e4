"""Searching in all transcripts: what is said is found, and opens at its second."""

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.support.looks import barriers
from tests.support.waiting import wait_until

LECTURE = "talks/week 1/lecture-subtitles.opus"


@pytest.fixture
def indexed(stack, read_batch):
    """The batch, once the search finds its transcripts."""

    def finds_both():
        found = stack.api.get("/search", params={"q": read_batch.status()["name"]}).json()
        return found["total"] >= 2 and not found["index"]["waiting"] and not found["index"]["counting"]

    wait_until(finds_both, "the index")
    return read_batch


def test_a_sentence_is_found_and_opens_at_its_second(open_page, indexed, stack):
    page = open_page("/transcript")
    field = page.get_by_label("Search in all transcripts")
    field.fill("subtitle")
    field.press("Enter")
    recording = page.get_by_role("list", name="Recordings found").get_by_role("listitem").filter(has_text=LECTURE).first
    expect(recording.locator("mark").first).to_have_text(re.compile("subtitle", re.IGNORECASE))
    page.wait_for_url("**/transcript?q=subtitle")

    answer = stack.api.get("/search", params={"q": "subtitle"}).json()
    wanted = next(each for each in answer["recordings"] if each["job_id"] == indexed.job_ids[LECTURE])
    hit = next(each for each in wanted["hits"] if each["start"] > 1)
    recording.get_by_role("link", name=hit["text"]).click()
    page.locator(".player[data-state=ready]").wait_for()
    page.wait_for_url(f"**/transcript?job={indexed.job_ids[LECTURE]}&at={hit['start']}")
    now = page.locator(".word.now")
    expect(now).to_be_in_viewport()
    expect(now).to_have_text(hit["text"].split()[0])
    assert page.locator("audio").evaluate("audio => audio.paused")
    assert page.locator("audio").evaluate("audio => audio.currentTime") == pytest.approx(hit["start"], abs=0.1)

    page.go_back()
    expect(field).to_have_value("subtitle")
    expect(recording).to_be_visible()
    page.go_back()
    expect(field).to_have_value("")
    expect(page.get_by_role("link", name="All batches")).to_be_visible()


@pytest.mark.usefixtures("indexed")
def test_what_is_not_found_or_cannot_be_searched_is_told(open_page):
    page = open_page(f"/transcript?q={quote('<b>zebra</b>')}")
    expect(page.get_by_text(re.compile("No transcript has “<b>zebra</b>” in what is said"))).to_be_visible()
    field = page.get_by_label("Search in all transcripts")
    field.fill("?!")
    field.press("Enter")
    expect(page.get_by_text("There is no word to look for.")).to_be_visible()


def test_a_search_can_be_bound_to_one_batch(open_page, indexed):
    page = open_page("/transcript?q=soil")
    page.get_by_role("button", name="Search only in Interviews").first.click()
    page.wait_for_url(f"**/transcript?q=soil&batch={indexed.batch_id}")
    bound = page.get_by_role("button", name="Only in “Interviews *2026* [draft]”")
    expect(bound).to_be_visible()
    expect(page.locator("mark").first).to_have_text("soil")
    page.get_by_label("Age of the batch").select_option("Past week")
    page.wait_for_url("**/transcript?q=soil&period=week&batch=*")
    bound.click()
    page.wait_for_url("**/transcript?q=soil&period=week")
    expect(page.locator("mark").first).to_have_text("soil")
    page.reload()
    expect(page.get_by_label("Age of the batch")).to_have_value("week")


@pytest.mark.parametrize("looks", [{"width": 1280}, {"width": 360, "height": 740, "dark": True}], ids=str)
def test_everybody_can_use_it(open_page, indexed, looks):
    page = open_page(f"/transcript?q=the&batch={indexed.batch_id}", **looks)
    expect(page.locator("mark").first).to_be_visible()
    page.locator("summary").first.click()
    width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= looks["width"], "nothing has to be scrolled sideways"
    assert barriers(page) == []
