"""The frame of all pages: navigation, look, external links."""

import pytest

PAGES = {
    "Upload": "/",
    "Batches": "/batches",
    "Inbox": "/inbox",
    "Transcripts": "/transcript",
    "Devices": "/gpus",
    "Usage": "/usage",
}


@pytest.mark.parametrize("page_name", PAGES)
def test_every_page_is_reached_from_the_first(open_page, page_name):
    page = open_page()
    page.get_by_role("link", name=page_name).first.click()
    page.get_by_role("heading", name=page_name, level=1).wait_for()
    page.wait_for_function("title => document.title === title", arg=f"{page_name} · Batchscribe")


def test_on_a_phone_the_pages_are_in_a_menu(open_page):
    page = open_page("/", width=360, height=740)
    page.get_by_test_id("stExpandSidebarButton").click()
    page.get_by_role("link", name="Devices").click()
    page.get_by_role("heading", name="Devices", level=1).wait_for()


@pytest.mark.parametrize(("address", "width"), [*((address, 360) for address in PAGES.values()), ("/gpus", 1920)])
def test_no_page_is_wider_than_the_window(open_page, address, width):
    page = open_page(address, width=width)
    page.get_by_role("link", name="HTTP API").last.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("dark", "background"), [(False, "rgb(255, 255, 255)"), (True, "rgb(15, 23, 22)")])
def test_the_browser_chooses_between_light_and_dark(open_page, dark, background):
    page = open_page("/gpus", dark=dark)
    page.wait_for_function(
        "color => getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor === color",
        arg=background,
    )


def test_the_icon_of_the_tab_comes_from_this_machine(open_page, stack):
    page = open_page("/gpus")  # headless browsers fetch no icons, so their addresses are looked at
    page.get_by_role("heading", name="CPU 0").wait_for()
    icons = page.eval_on_selector_all("link[rel~=icon]", "links => links.map(link => link.href)")
    assert icons
    assert all(icon.startswith(("data:", stack.address)) for icon in icons)


def test_prefect_and_the_api_are_one_click_away(open_page, stack):
    page = open_page()
    prefect = page.get_by_role("link", name="Runs and logs in Prefect")
    assert prefect.get_attribute("href") == stack.prefect_address
    assert page.get_by_role("link", name="HTTP API").last.get_attribute("href").endswith("/api/docs")


def test_nothing_is_said_while_all_is_well(open_page):
    page = open_page("/transcript")
    with page.expect_response("**/api/health") as health:
        pass
    assert health.value.ok
    page.locator(".away-notice").wait_for(state="hidden")


def test_a_page_that_is_opened_by_its_address_asks_for_nothing_in_vain(open_page, stack):
    page = open_page("/gpus")
    refused, said = [], []
    page.on("response", lambda answer: answer.status >= 400 and refused.append(answer.url))
    page.on("console", lambda message: message.type == "error" and said.append(message.text))
    for name in ("Batches", "Inbox", "Transcripts", "Devices", "Usage"):
        page.goto(f"{stack.address}{PAGES[name]}")
        page.get_by_role("heading", name=name, level=1).wait_for()
        page.wait_for_load_state("networkidle")  # Firefox tells of scripts that it no longer needs when one leaves
    assert (refused, said) == ([], [])
