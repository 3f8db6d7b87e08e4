"""The list of all batches, and that both it and the page of one fit every screen."""

import secrets

import pytest
from playwright.sync_api import expect

from tests.support.batch_page import address
from tests.support.looks import KEEP_NO_PLACES, barriers, top_at_rest


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
            assert barriers(page) == []
            assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width


@pytest.mark.parametrize("browser_keeps_places", [True, False])
def test_what_one_reads_stays_while_a_batch_arrives_above(open_page, make_batch, browser_keeps_places):
    name = secrets.token_hex(4)
    for number in range(12):
        make_batch(f"{name} {number:02}", {}, start=False)
    page = open_page("/batches", height=500)
    if not browser_keeps_places:
        page.add_style_tag(content=KEEP_NO_PLACES)
    rows = page.get_by_role("table", name="Batches").get_by_role("link")
    read = page.get_by_role("link", name=rows.nth(11).inner_text())
    read.scroll_into_view_if_needed()
    before = top_at_rest(read)
    make_batch(f"{name} new", {}, start=False)
    expect(page.get_by_role("link", name=f"{name} new")).to_be_attached()
    assert top_at_rest(read) == pytest.approx(before, abs=1)


def test_filters_are_part_of_the_address_and_outlast_a_look_at_a_batch(open_page, make_batch, ended):
    tag = f"tag-{secrets.token_hex(4)}"
    open_batch = make_batch("Still open", {}, start=False)
    for batch in (ended, open_batch):
        batch.api.patch(f"/batch/{batch.batch_id}", json={"add_tags": [tag]})
    page = open_page("/batches")
    rows = page.get_by_role("table", name="Batches").get_by_role("row")
    page.get_by_role("combobox", name="Tag").select_option(tag)
    expect(rows).to_have_count(1 + 2)
    page.wait_for_url(f"**/batches?tag={tag}")
    page.get_by_role("combobox", name="State").select_option("With failures")
    page.wait_for_url(f"**/batches?tag={tag}&state=failed")
    expect(rows).to_have_count(1 + 1)
    page.get_by_role("link", name="Lectures of spring").click()
    page.get_by_role("link", name="All batches").click()
    expect(rows).to_have_count(1 + 1)
    page.go_back()
    page.reload()
    page.goto(f"{page.url.partition('?')[0]}?tag={tag}&state=cancelled")
    expect(page.get_by_text(f"No batch has the tag “{tag}” and is cancelled.")).to_be_visible()
