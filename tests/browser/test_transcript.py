"""The transcript page: what it shows of a job, and what it says where there is nothing to show."""

import copy
import io
import json
import re
import zipfile
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.support.browsers import only_in_chromium
from tests.support.looks import barriers

LECTURE = "talks/week 1/lecture-subtitles.opus"
PODCAST = "garden-podcast.mp3"
UNKNOWN = "20260101-000000-aaaaaa-aaaaaaaaaa"
MARKUP = "**bold** [link](https://example.org)"


@pytest.fixture
def document(read_batch):
    """The JSON document of the lecture, to be changed."""
    return json.loads(read_batch.document(LECTURE, "json"))


def shown_paragraphs(page):
    return page.locator(".paragraph .words").all_text_contents()


def test_the_text_is_that_of_the_document(open_transcript, read_batch, document):
    page = open_transcript()
    assert shown_paragraphs(page) == document["text"].split("\n\n")
    assert "\n\n".join(shown_paragraphs(page)) == read_batch.document(LECTURE, "txt").decode().strip()
    expect(page.get_by_role("heading", level=1)).to_have_text("lecture-subtitles.opus")
    expect(page.locator(".folder")).to_have_text("talks / week 1")
    facts = page.locator(".facts li").all_text_contents()
    assert facts[:4] == ["English", "1:03", "176 words", "Model tiny.en"]
    seconds = document["real_time_factor"] * document["audio_seconds"]
    assert facts[4:] == [f"Transcribed in {seconds:.0f} s"]
    assert page.locator(".paragraph .time").first.text_content() == "0:00"


def test_downloads_are_the_documents(open_transcript, read_batch):
    page = open_transcript()
    for name, document_format in {"Text": "txt", "SRT": "srt", "VTT": "vtt", "JSON": "json"}.items():
        with page.expect_download() as started:
            page.get_by_role("link", name=name, exact=True).click()
        with started.value.path().open("rb") as saved:
            assert saved.read() == read_batch.document(LECTURE, document_format)


def test_every_format_can_be_downloaded_whatever_its_batch_was_started_with(open_transcript):
    page = open_transcript()
    saved = {}
    for name in ("Word", "Markdown"):
        with page.expect_download() as started:
            page.get_by_role("link", name=name, exact=True).click()
        saved[name] = started.value.path().read_bytes()
    assert "Good morning" in saved["Markdown"].decode()
    with zipfile.ZipFile(io.BytesIO(saved["Word"])) as document:
        assert "Good morning" in document.read("word/document.xml").decode()


def test_the_text_can_be_copied(open_transcript, document):
    only_in_chromium()
    page = open_transcript(own_profile=True)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy text").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == document["text"]


def test_a_stretch_without_words_is_marked_where_it_is(open_transcript, document):
    document["gaps"] = [{"start": 16.0, "end": 21.5, "reason": "not understood"}]
    gap = open_transcript(document=document).locator(".gap")
    expect(gap).to_contain_text("[0:16\N{EN DASH}0:21 heard, not understood]")
    assert gap.evaluate("block => block.previousElementSibling.querySelector('.time').textContent") == "0:15"


def test_removed_text_is_shown_on_demand_where_it_stood(open_transcript, document):
    reason = "the same words again and again"
    document["removed"] = [{"start": 16.0, "end": 21.5, "text": "again <b>and</b> again", "reason": reason}]
    page = open_transcript(document=document)
    removed = page.locator(".removed")
    expect(removed).to_be_hidden()
    page.get_by_role("button", name="Removed text (1)").click()
    expect(removed).to_be_visible()
    expect(removed).to_contain_text(f"Removed, 0:16\N{EN DASH}0:21: {reason}")
    expect(removed.locator("del")).to_have_text("again <b>and</b> again")
    assert removed.evaluate("block => block.previousElementSibling.querySelector('.time').textContent") == "0:15"


def test_doubtful_words_are_marked_on_demand(open_transcript, document):
    words = [word for segment in document["segments"] for word in segment["words"]]
    for word in words:
        word["probability"] = 0.99
    words[3]["probability"], words[5]["probability"] = 0.55, 0.25
    page = open_transcript(document=document)
    page.get_by_role("button", name="Mark uncertain words").click()
    doubted, unlikely = page.locator(".word.doubted"), page.locator(".word.unlikely")
    expect(doubted).to_have_text(words[3]["text"].strip())
    expect(doubted).to_have_attribute("title", "55 % sure")
    expect(unlikely).to_have_text(words[5]["text"].strip())
    styles = [one.evaluate("word => getComputedStyle(word).textDecorationStyle") for one in (doubted, unlikely)]
    assert styles == ["dotted", "wavy"], "not by colour alone"
    page.locator(".word[tabindex='0']").focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(doubted).to_be_focused()
    shown = doubted.evaluate("word => getComputedStyle(word, '::after').content")
    assert shown in ('"55 % sure"', "attr(title)"), "by keys alone, too"  # as Chromium and Firefox tell it
    expect(page.locator(".legend")).to_contain_text(f"2 of {len(words)} words")
    page.get_by_role("button", name="Mark uncertain words").click()
    expect(page.locator(".paragraph [title]")).to_have_count(0)


def test_a_translation_is_labelled_and_other_scripts_keep_their_direction(open_transcript, document):
    arabic = [" صباح", " الخير", " شكرا"]
    words = [{"text": text, "start": at, "end": at + 1, "probability": 0.9} for at, text in enumerate(arabic)]
    segment = {**document["segments"][0], "text": "".join(arabic), "words": words, "language": "ar"}
    document |= {"language": "ar", "languages": {"ar": 3.0}, "segments": [segment], "text": "".join(arabic).strip()}
    page = open_transcript(document=document)
    assert shown_paragraphs(page) == ["صباح الخير شكرا"]
    assert page.locator(".paragraph .words").evaluate("text => getComputedStyle(text).direction") == "rtl"
    expect(page.locator(".facts li").first).to_have_text("Arabic")
    document["processing"]["task"] = "translate"
    page.reload()
    expect(page.locator(".facts li").first).to_have_text("Translated from Arabic into English")


def test_words_without_times_of_their_own_are_shown_as_they_are_written(open_transcript, document):
    plain = copy.deepcopy(document["segments"][0]) | {"text": " No word has a time here.", "words": []}
    document |= {"segments": [plain], "text": "No word has a time here."}
    assert shown_paragraphs(open_transcript(document=document)) == ["No word has a time here."]


def test_without_a_recording_the_text_is_there_and_the_page_says_why_it_is_silent(open_transcript, stack, read_batch):
    assert stack.api.get(f"/jobs/{read_batch.job_ids[PODCAST]}/audio").is_success
    for path in (stack.data / "store").rglob(f"recordings/{read_batch.job_ids[PODCAST]}*"):
        path.unlink()
    assert stack.api.get(f"/jobs/{read_batch.job_ids[PODCAST]}/audio").status_code == 404
    page = open_transcript(PODCAST)
    expect(page.get_by_text("The recording is no longer kept")).to_be_visible()
    expect(page.locator("audio")).to_be_hidden()
    expect(page.locator(".paragraph").first).to_contain_text("Every garden begins with the soil.")
    page.locator(".word").nth(3).click()  # does nothing, and breaks nothing


def test_without_a_recording_the_keys_that_play_it_are_left_to_the_page(open_transcript):
    page = open_transcript(silent=True)
    expect(page.get_by_text("The recording is no longer kept")).to_be_visible()
    page.evaluate("addEventListener('keydown', event => (window.left = !event.defaultPrevented))")
    for key in ("Space", "ArrowLeft", "ArrowRight"):
        page.keyboard.press(key)
        assert page.evaluate("window.left"), key
    page.keyboard.press("j")
    assert not page.evaluate("window.left"), "paragraphs are still gone to"


def test_a_recording_that_goes_while_the_page_is_open_is_missed_in_words(open_transcript):
    page = open_transcript(silent=True)
    expect(page.get_by_text("The recording is no longer kept")).to_be_visible()
    expect(page.locator("audio")).to_be_hidden()


def test_a_job_that_is_not_done_says_where_it_is_and_leads_to_its_batch(open_page, stack, new_batch, clips):
    batch = new_batch(stack, "Not started", formats=["srt"])
    batch.upload("short-answer.mp3", clips["short-answer.mp3"].path.read_bytes())
    page = open_page(f"/transcript?job={batch.job_ids['short-answer.mp3']}")
    expect(page.get_by_text("It is uploaded and waits")).to_be_visible()
    to_batch = page.get_by_role("link", name="Not started")
    expect(to_batch).to_have_js_property("href", f"{stack.address}/batches?batch={batch.batch_id}")
    batch.start()
    batch.finished()
    page.locator(".player[data-state=ready]").wait_for()  # without a reload
    assert "Yes, the recording is running" in shown_paragraphs(page)[0], "whatever formats were asked for"
    expect(page.get_by_role("button", name="Edit")).to_be_visible()


@pytest.mark.parametrize("job_id", [UNKNOWN, "no-job-at-all"])
def test_an_unknown_job_is_told_and_leads_to_the_batches(open_page, stack, job_id):
    page = open_page(f"/transcript?job={job_id}")
    expect(page.get_by_text(f"There is no {'batch' if job_id == UNKNOWN else 'job'}")).to_be_visible()
    expect(page.get_by_role("link", name="All batches")).to_have_js_property("href", f"{stack.address}/batches")


def test_an_address_is_shown_as_text_and_never_as_markup(open_page):
    page = open_page(f"/transcript?job={quote(MARKUP)}")
    expect(page.get_by_test_id("stAlert")).to_contain_text(MARKUP)


def test_a_transcript_that_breaks_off_on_its_way_opens_as_soon_as_it_arrives(open_page, stack, read_batch):
    page = open_page("/gpus")
    page.route("**/documents/json", lambda route: route.fulfill(body='{"text": "Every gar', content_type="text/json"))
    page.goto(f"{stack.address}/transcript?job={read_batch.job_ids[PODCAST]}")
    expect(page.get_by_text("The transcript opens as soon as it does.")).to_be_visible()
    page.unroute("**/documents/json")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".paragraph").first).to_contain_text("Every garden begins with the soil.")


@pytest.mark.usefixtures("read_batch", "damaged_batch")
def test_a_batch_whose_record_is_damaged_hides_no_transcript(open_page):
    page = open_page("/transcript")
    expect(page.get_by_role("link", name=f"{LECTURE} (1:03)").first).to_be_visible()


@pytest.mark.usefixtures("read_batch")
def test_without_a_job_the_newest_transcripts_are_offered(open_page):
    page = open_page("/transcript")
    expect(page.get_by_role("heading", name="Interviews *2026* [draft]").first).to_be_visible()
    page.get_by_role("link", name=f"{LECTURE} (1:03)").first.click()
    page.locator(".player[data-state=ready]").wait_for()
    page.wait_for_url(re.compile(r"/transcript\?job=.*-.*"))
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("lecture-subtitles.opus")
    page.get_by_role("link", name="Interviews *2026* [draft]").click()
    page.wait_for_url(re.compile(r"/batches\?batch=.*-.*"))


@pytest.mark.parametrize("looks", [{"width": 1280}, {"width": 360, "height": 740, "dark": True}], ids=str)
def test_everybody_can_use_it(open_transcript, document, looks):
    document["removed"] = [{"start": 16.0, "end": 21.5, "text": "again and again", "reason": "it repeats itself"}]
    page = open_transcript(document=document, **looks)
    page.get_by_role("button", name="Mark uncertain words").click()
    page.get_by_role("button", name="Removed text (1)").click()
    page.get_by_label("Search the transcript").fill("the")
    page.locator(".word").nth(20).click()
    expect(page.locator(".word.now")).to_be_visible()
    width = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert width <= looks["width"], "nothing has to be scrolled sideways"
    assert barriers(page) == []


def test_a_recording_is_given_a_title_where_its_name_stands(open_transcript, read_batch):
    page = open_transcript()
    page.get_by_role("button", name="Rename the recording").click()
    page.keyboard.type("Opening lecture")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Opening lecture", level=1)).to_be_visible()
    expect(page.get_by_text("talks / week 1 / lecture-subtitles.opus")).to_be_visible()
    assert barriers(page) == []
    page.get_by_role("button", name="Rename the recording").click()
    page.get_by_role("textbox", name="Name of the recording").fill("")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="lecture-subtitles.opus", level=1)).to_be_visible()
    assert {job["title"] for job in read_batch.jobs().values()} == {""}
