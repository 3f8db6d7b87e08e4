"""The editor of the transcript page: the text corrected in place, kept, saved, compared and restored."""

import io
import re
from zipfile import ZipFile

import pytest
from playwright.sync_api import expect

from tests.support.browsers import only_in_chromium
from tests.support.looks import barriers

CLIP = "lecture-welcome.mp3"
FORMATS = ["txt", "srt", "vtt", "json", "docx"]


@pytest.fixture(scope="module")
def edited_batch(stack, new_batch, clips):
    """A batch with one transcript that is edited."""
    batch = new_batch(stack, "Corrections", formats=FORMATS)
    batch.upload(CLIP, clips[CLIP].path.read_bytes())
    batch.start()
    assert batch.finished()["state"] == "completed"
    return batch


@pytest.fixture
def transcript(stack, edited_batch):
    """Reads a revision of the transcript, the newest if none is named."""

    def read(number=None):
        query = {} if number is None else {"revision": number}
        answer = stack.api.get(f"/jobs/{edited_batch.job_ids[CLIP]}/transcript", params=query)
        assert answer.is_success, answer.text
        return answer.json()

    return read


@pytest.fixture
def open_editor(open_page, stack, edited_batch):
    """Opens the transcript for editing; *answer* changes what the API says it is."""

    def visit(*, answer=None, **looks):
        page = open_page("/gpus" if answer else address(edited_batch), **looks)
        if answer:
            page.route("**/api/jobs/*/transcript*", lambda route: route.fulfill(json=answer))
            page.goto(f"{stack.address}{address(edited_batch)}")
        edit(page)
        return page

    return visit


def address(batch):
    return f"/transcript?job={batch.job_ids[CLIP]}"


def edit(page):
    page.locator(".player[data-state=ready]").wait_for()
    page.keyboard.press("e")
    page.locator(".player[data-state=editing]").wait_for()


def texts(page):
    return page.get_by_role("region", name="Transcript").get_by_role("textbox")


def said(content):
    return "".join(word["text"] for paragraph in content["paragraphs"] for word in paragraph["words"]).strip()


def save(page, name):
    page.keyboard.press("Control+s")
    page.keyboard.type(name)
    page.keyboard.press("Enter")


def selected(page):
    return page.locator(".player").evaluate(
        "player => (player.getRootNode().getSelection?.() ?? document.getSelection()).toString()"  # as in Firefox
    )


def test_a_word_is_corrected_by_keys_alone_and_is_in_every_document(open_editor, stack, edited_batch, transcript):
    heard = transcript(0)
    page = open_editor()
    page.keyboard.press("Control+Home")
    page.keyboard.type("Indeed, ")
    expect(page.get_by_text("Not saved yet; a draft is kept in this browser.")).to_be_visible()
    save(page, "Grace Hopper")
    expect(page.get_by_text(re.compile(r"Saved as revision \d+"))).to_be_visible()
    expect(page.locator(".revisions li").first).to_contain_text("Grace Hopper")
    page.keyboard.type("yes, ")  # the caret is where it was, also after a question that is not answered
    page.keyboard.press("Control+Shift+s")
    page.keyboard.press("Escape")
    page.keyboard.type("no, ")
    expect(texts(page).first).to_contain_text("Indeed, yes, no, ")
    for _ in "yes, no, ":
        page.keyboard.press("Backspace")
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    saved = transcript()
    assert said(saved) == f"Indeed, {said(heard)}"
    words = [word for paragraph in saved["paragraphs"] for word in paragraph["words"]]
    before = [word for paragraph in heard["paragraphs"] for word in paragraph["words"]]
    assert [(word["start"], word["end"]) for word in words[1:]] == [(word["start"], word["end"]) for word in before]
    assert said(transcript(0)) == said(heard), "the machine's transcript stays"
    job = f"/jobs/{edited_batch.job_ids[CLIP]}/documents"
    assert "Indeed, " in stack.api.get(f"{job}/srt").text
    with ZipFile(io.BytesIO(stack.api.get(f"{job}/docx").content)) as document:
        assert "Indeed," in document.read("word/document.xml").decode()
    page.get_by_role("button", name="Done").click()
    expect(page.locator(".paragraph").first).to_contain_text("Indeed, ")
    page.reload()
    expect(page.locator(".paragraph").first).to_contain_text("Indeed, ")


def test_paragraphs_are_split_and_joined_and_every_step_can_be_taken_back(open_editor):
    page = open_editor()
    first = texts(page).first
    whole, count = first.text_content(), texts(page).count()
    page.keyboard.press("Control+Home")
    for _ in range(whole.index(" ")):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(texts(page)).to_have_count(count + 1)
    assert [first.text_content(), texts(page).nth(1).text_content()] == whole.split(" ", 1)
    expect(texts(page).nth(1)).to_be_focused()
    page.keyboard.press("Backspace")
    expect(texts(page)).to_have_count(count)
    page.keyboard.press("Control+f")
    page.keyboard.type("E")
    letters = len(re.findall("e", "".join(texts(page).all_text_contents()), re.IGNORECASE))
    expect(page.locator(".find-bar .count")).to_have_text(f"1 of {letters}")
    page.get_by_label("Replace with").fill("ø")
    page.get_by_role("button", name="Replace all").click()
    expect(page.locator(".find-bar .count")).to_have_text(f"{letters} replaced")
    assert "e" not in first.text_content().lower()
    page.get_by_label("Replace with").press("Escape")
    page.keyboard.press("Control+z")
    expect(first).to_have_text(whole)  # all of it in one step
    page.keyboard.press("Control+Shift+z")
    assert "ø" in first.text_content()
    for _ in range(3):
        page.keyboard.press("Control+z")
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    expect(first).to_have_text(whole)


def test_a_draft_survives_a_reload_and_can_be_thrown_away(open_editor, transcript):
    page = open_editor()
    page.keyboard.press("Control+Home")
    page.keyboard.type("Unfinished ")
    page.wait_for_function("Object.keys(localStorage).some(name => name.startsWith('batchscribe.draft.'))")
    page.reload()
    expect(page.get_by_text("You have an unsaved draft from")).to_be_visible()
    assert "Unfinished" not in page.locator(".paragraph").first.text_content()
    page.get_by_role("button", name="Continue").click()
    expect(texts(page).first).to_contain_text("Unfinished ")
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Throw away").click()
    page.locator(".player[data-state=ready]").wait_for()
    expect(page.get_by_text("You have an unsaved draft from")).to_be_hidden()
    assert "Unfinished" not in said(transcript())


def test_of_two_at_once_the_second_is_told_and_loses_nothing(open_editor, transcript):
    mine, theirs = open_editor(), open_editor()
    for page, word in ((theirs, "Theirs "), (mine, "Mine ")):
        page.keyboard.press("Control+Home")
        page.keyboard.type(word)
        save(page, word.strip())
        if page is theirs:
            expect(page.get_by_text(re.compile(r"Saved as revision \d+"))).to_be_visible()
    expect(mine.get_by_role("button", name="Save mine on top")).to_be_visible()
    mine.get_by_role("button", name="See the other version").click()
    expect(mine.locator("dialog ins")).to_contain_text("Mine")
    expect(mine.locator("dialog del")).to_contain_text("Theirs")
    mine.keyboard.press("Escape")
    expect(texts(mine).first).to_contain_text("Mine ")
    mine.get_by_role("button", name="Save mine on top").click()
    expect(mine.get_by_text(re.compile(r"Saved as revision \d+"))).to_be_visible()
    assert said(transcript()).startswith("Mine ")
    mine.get_by_role("button", name="Restore: The machine").click()
    mine.get_by_role("dialog").get_by_role("button", name="Restore").click()
    expect(texts(mine).first).not_to_contain_text("Mine ")
    assert said(transcript()) == said(transcript(0))
    assert said(transcript(transcript()["latest"] - 1)).startswith("Mine ")


def test_speakers_are_named_given_and_made_one_by_keys_alone(open_editor, transcript):
    content = transcript(0)
    content["speakers"] = [{"id": "S1", "name": "Ada"}, {"id": "S2", "name": ""}]
    for paragraph in content["paragraphs"]:
        for word in paragraph["words"]:
            word["speaker"] = "S1"
    page = open_editor(answer=content)
    names, given = page.locator(".speakers input"), page.get_by_label("Speaker", exact=True).first
    names.nth(1).focus()
    page.keyboard.type("Grace")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Grace is the same as")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(names).to_have_count(2)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(names).to_have_count(1)
    expect(names).to_be_focused()
    page.get_by_role("button", name="Undo").click()
    expect(names.nth(1)).to_have_value("Grace")
    given.focus()
    page.keyboard.press("ArrowDown")
    expect(given).to_have_value("S2")
    expect(texts(page).first).to_have_accessible_name(re.compile("Ada"))
    page.keyboard.press("Enter")
    expect(texts(page).first).to_have_accessible_name(re.compile("Grace"))
    expect(texts(page).first).to_be_focused()
    given.focus()
    page.keyboard.press("End")  # a new speaker
    page.keyboard.press("Escape")
    expect(given).to_have_value("S2")
    expect(names).to_have_count(2)


@pytest.mark.parametrize("looks", [{"width": 1280}, {"width": 360, "height": 740, "dark": True}], ids=str)
def test_doubtful_words_are_gone_to_with_the_sound_and_everybody_can_use_it(open_editor, transcript, looks):
    only_in_chromium()  # Firefox plays nothing for long on a machine without a sound card
    content = transcript(0)
    content["gaps"] = [{"start": 6.0, "end": 6.5, "reason": "not understood"}]
    content["removed"] = [{"start": 1.0, "end": 1.5, "text": "again", "reason": "the same words again and again"}]
    content["speakers"] = [{"id": "S1", "name": "Ada"}, {"id": "S2", "name": ""}]
    words = [word for paragraph in content["paragraphs"] for word in paragraph["words"]]
    for word in words:
        word |= {"probability": 0.99, "speaker": "S1"}
    words[2]["probability"], words[5]["probability"] = 0.55, 0.25
    page = open_editor(answer=content, **looks)
    audio = page.locator("audio")
    page.keyboard.press("Control+Home")
    page.keyboard.press("F8")
    assert selected(page) == words[2]["text"].strip()
    expect(audio).to_have_js_property("paused", False)
    page.keyboard.press("F8")
    assert selected(page) == words[5]["text"].strip()
    page.wait_for_function(
        "([audio, at]) => audio.currentTime > at", arg=[audio.element_handle(), words[5]["start"] + 1.2]
    )
    page.keyboard.press("Escape")
    expect(audio).to_have_js_property("paused", True)
    page.keyboard.press("F4")
    expect(audio).to_have_js_property("playbackRate", 1.1)
    page.keyboard.press("Alt+2")
    expect(page.get_by_label("Speaker", exact=True).first).to_have_value("S2")
    page.keyboard.press("Control+f")
    page.keyboard.type("the")
    width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= looks["width"], "nothing has to be scrolled sideways"
    assert barriers(page) == []
    page.get_by_role("button", name="Write what is said here").click()
    page.keyboard.type("Hm")
    expect(page.locator(".paragraph.edited", has_text="Hm").locator(".time")).to_have_text("0:06")
