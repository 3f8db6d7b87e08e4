"""The upload page can be used by everybody, on every screen."""

import re

import pytest
from faster_whisper.tokenizer import _LANGUAGE_CODES
from playwright.sync_api import expect

from tasks.transcription.models import LANGUAGES
from tests.support.looks import barriers

FOCUSED = """() => {
  let element = document.activeElement;
  while (element.shadowRoot) element = element.shadowRoot.activeElement;
  return (element.ariaLabel ?? (element.labels?.[0] ?? element).textContent).trim();
}"""


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_in_any_phase(open_upload, make_files, dark):
    upload = open_upload(dark=dark)
    page = upload.page
    assert barriers(page) == []
    (large,) = make_files(["large.mp4"], size=21 * 2**30)
    upload.choose(*make_files(["a.mp3", "notes.txt"]), *make_files(["b.mp3"]), large)
    page.get_by_text("1 file left out").click()
    page.evaluate("globalThis.batchscribeUpload.parallelUploads = 1")
    page.route("**/api/upload?*b.mp3", lambda _route: None)  # it stays under way
    upload.button("Upload All").click()
    expect(upload.row("a.mp3")).to_contain_text("Complete")
    expect(upload.row("large.mp4")).to_contain_text("Refused")
    expect(upload.row("b.mp3").get_by_role("progressbar")).to_be_visible()
    assert barriers(page) == []
    upload.button("Cancel").click()
    expect(upload.button("Upload the Rest")).to_be_visible()
    assert barriers(page) == []


@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_serious_when_the_person_has_to_decide(open_upload, make_files, dark):
    upload = open_upload(dark=dark)
    page = upload.page
    (large,) = make_files(["large.mp4"], size=21 * 2**30)
    upload.choose(*make_files(["a.mp3"]), large)
    upload.button("Upload All").click()
    expect(upload.button("Retry Failed")).to_be_visible()
    assert barriers(page) == []
    upload.button("Discard").click()
    assert barriers(page) == []
    page.reload()
    expect(page.get_by_text("was interrupted: 1 of 2 files is on the server")).to_be_visible()
    assert barriers(page) == []
    upload.button("Discard").click()
    assert barriers(page) == []


def brightness(page, selector):
    colour = page.locator(selector).first.evaluate("element => getComputedStyle(element).backgroundColor")
    return sum(float(part) for part in colour.partition("(")[2].rstrip(")").split(",")[:3]) / 3


def test_dark_mode_is_dark(open_upload):
    light, dark = (open_upload(dark=dark).page for dark in (False, True))
    for part in ("#drop", "#name", "#files-button"):
        assert brightness(light, part) > 200, part
        assert brightness(dark, part) < 80, part


@pytest.mark.parametrize("width", [360, 768, 1920])
def test_nothing_is_cut_off_on_a_screen_of_any_width(open_upload, make_files, width):
    upload = open_upload(width=width)
    name = "a recording with a very long name " * 5
    upload.choose(*make_files([f"{name}.mp3", "b.mp4"]))
    main = upload.page.get_by_test_id("stMain")
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    for control in (upload.button("Remove b.mp4"), upload.button("Upload All"), upload.button("Choose a folder")):
        box = control.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_everything_is_reached_by_keyboard_in_the_order_of_the_page(open_upload, make_files):
    upload = open_upload(width=600)  # the options are folded
    upload.choose(*make_files(["a.mp3"]))
    upload.button("Choose files").focus()
    reached = []
    for _ in range(10):
        upload.page.keyboard.press("Tab")
        reached.append(upload.page.evaluate(FOCUSED))
    ways = ["Choose a folder", "Add a link"]
    row, tell = ["Select a.mp3", "Options of a.mp3", "Remove a.mp3"], "Tell me when it is done"
    assert reached == [*ways, "Batch options", "1 file · 1.0 kB", "Files", *row, tell, "Cancel"]


def test_the_keyboard_goes_on_where_an_action_leads_to(open_upload, make_files):
    upload = open_upload()
    page = upload.page
    upload.choose(*make_files(["a.mp3", "b.mp3"]))
    upload.hold("**/api/upload?*b.mp3")
    press = page.keyboard.press
    upload.button("Upload All").focus()
    press("Enter")
    expect(upload.button("Cancel")).to_be_focused()
    expect(upload.row("a.mp3")).to_contain_text("Complete")
    press("Enter")
    expect(upload.button("Upload the Rest")).to_be_focused()
    upload.button("Discard").focus()
    press("Enter")
    expect(upload.button("Keep")).to_be_focused()
    press("Enter")
    expect(upload.button("Discard")).to_be_focused()
    press("Enter")
    press("Shift+Tab")
    expect(upload.button(re.compile("Delete the"))).to_be_focused()
    press("Enter")
    expect(upload.rows).to_have_count(0)
    expect(upload.button("Choose files")).to_be_focused()


def test_whoever_removes_the_last_row_by_keyboard_can_choose_again(open_upload, make_files):
    upload = open_upload()
    upload.choose(*make_files(["a.mp3"]))
    upload.button("Remove a.mp3").focus()
    upload.page.keyboard.press("Enter")
    expect(upload.button("Choose files")).to_be_focused()


def test_choices_are_remembered_but_the_name_only_until_its_batch_starts(open_upload, make_files):
    upload = open_upload()
    page = upload.page
    page.get_by_label("Batch name").fill("Interviews")
    page.get_by_label("Spoken language").select_option("German")
    page.get_by_label("Names and terms that occur").fill("Müller")
    page.reload()
    expect(page.get_by_label("Batch name")).to_have_value("Interviews")
    expect(page.get_by_label("Names and terms that occur")).to_have_value("Müller")
    upload.choose(*make_files(["a.mp3"]))
    upload.button("Upload All").click()
    upload.opened_batch()
    page.get_by_role("link", name="Upload").first.click()
    expect(page.get_by_label("Spoken language")).to_have_value("de")
    expect(page.get_by_label("Batch name")).to_have_value("")


def test_a_name_goes_with_its_batch_even_if_that_starts_while_another_page_is_shown(open_upload, make_files):
    upload = open_upload()
    page = upload.page
    page.get_by_label("Batch name").fill("Interviews")
    upload.choose(*make_files(["a.mp3"]))
    last = upload.hold("**/api/upload?*")
    upload.button("Upload All").click()
    request = last()
    page.get_by_role("link", name="Devices").first.click()
    page.get_by_role("heading", name="Devices", level=1).wait_for()
    request.continue_()
    page.wait_for_function("globalThis.batchscribeUpload.started")
    page.get_by_role("link", name="Upload").first.click()
    expect(page.get_by_label("Batch name")).to_have_value("")


def test_every_language_of_the_model_is_offered_by_its_name(open_upload):
    assert sorted(LANGUAGES) == sorted(_LANGUAGE_CODES)
    offered = open_upload().page.get_by_label("Spoken language").locator("option").all_inner_texts()
    assert len(offered) == 1 + len(LANGUAGES)
    assert not set(offered) & set(LANGUAGES), "a code without a name"


def test_the_way_without_a_browser_is_told(open_upload, stack):
    page = open_upload().page
    page.get_by_text("Upload from a terminal").click()
    expect(page.get_by_text(f"address={stack.address}/api")).to_be_visible()
