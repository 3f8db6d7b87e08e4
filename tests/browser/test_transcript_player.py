"""The player of the transcript page: the recording, the words that follow it, and the keys that steer it."""

import json
import subprocess

import imageio_ffmpeg
import pytest
from playwright.sync_api import expect

from tests.support.looks import barriers

LECTURE = "talks/week 1/lecture-subtitles.opus"


@pytest.fixture
def words(read_batch):
    """The words of the lecture, as its JSON document has them."""
    segments = json.loads(read_batch.document(LECTURE, "json"))["segments"]
    return [word for segment in segments for word in segment["words"]]


def seconds(page):
    return page.locator("audio").evaluate("audio => audio.currentTime")


def reach(page, expected):
    """Wait until the recording has come and stands at a time: before it comes, it says so of any time it is sent to."""
    page.wait_for_function(
        "([audio, seconds]) => audio.readyState > 0 && !audio.seeking && Math.abs(audio.currentTime - seconds) < 0.05",
        arg=[page.locator("audio").element_handle(), expected],
    )


def current_word(page):
    return page.locator(".word.now").evaluate_all("words => words.map(word => Number(word.dataset.word))")


def test_a_click_on_a_word_goes_there(open_transcript, words):
    page = open_transcript()
    page.locator(".word").nth(60).click()
    reach(page, words[60]["start"])
    expect(page.locator(".word.now")).to_have_text(words[60]["text"].strip())
    page.locator(".paragraph .time").nth(2).click()
    first = int(page.locator(".paragraph").nth(2).locator(".word").first.get_attribute("data-word"))
    reach(page, words[first]["start"])
    assert current_word(page) == [first]


def test_a_word_is_gone_to_before_its_sound_has_come(open_page, stack, read_batch, words):
    page, held, may_come = open_page("/gpus"), [], False
    page.route("**/audio.mp4*", lambda route: route.continue_() if may_come else held.append(route))
    page.goto(f"{stack.address}/transcript?job={read_batch.job_ids[LECTURE]}")
    page.locator(".player[data-state=ready]").wait_for()
    page.locator(".word").nth(60).click()
    assert current_word(page) == [60]
    page.keyboard.press("ArrowRight")
    assert current_word(page) > [60]
    page.keyboard.press("ArrowLeft")
    may_come = True
    for route in held:
        route.continue_()
    reach(page, words[60]["start"])
    assert current_word(page) == [60]


def test_the_recording_is_played_in_the_form_in_which_every_moment_is_found(open_transcript):
    audio = open_transcript().locator("audio")
    audio.page.wait_for_function("audio => audio.duration > 63 && audio.duration < 63.3", arg=audio.element_handle())
    assert audio.evaluate("audio => audio.currentSrc").endswith("/audio.mp4")


def test_a_recording_that_breaks_off_goes_on_where_it_was(open_transcript, words):
    page = open_transcript()
    audio = page.locator("audio").element_handle()
    page.get_by_label("Playback speed").select_option("2")
    page.locator(".word").nth(60).click()
    page.keyboard.press("Space")
    page.wait_for_function("([audio, at]) => audio.currentTime > at", arg=[audio, words[60]["start"]])
    audio.evaluate("audio => audio.dispatchEvent(new Event('error'))")
    page.wait_for_function(
        "([audio, at]) => audio.currentSrc.endsWith('/audio') && !audio.paused && audio.currentTime > at",
        arg=[audio, words[60]["start"] + 1],
    )
    expect(page.locator("audio")).to_have_js_property("playbackRate", 2)


def test_sound_that_begins_later_than_its_upload_is_found_where_it_is(open_transcript, stack, read_batch, words):
    [record] = (stack.data / "store").rglob(f"recordings/{read_batch.job_ids[LECTURE]}.json")
    as_it_was = record.read_text()
    try:
        record.write_text(json.dumps(json.loads(as_it_was) | {"offset_seconds": 2.0}))
        page = open_transcript()
        page.locator(".word").nth(60).click()
        reach(page, words[60]["start"] - 2.0)
        assert current_word(page) == [60]
    finally:
        record.write_text(as_it_was)


def test_the_spoken_word_moves_on_and_playback_survives_a_rerun_of_the_page(open_transcript):
    page = open_transcript()
    page.keyboard.press("Space")
    moved = "at => Number([...document.querySelectorAll('*')].map(one => one.shadowRoot?.querySelector('.word.now'))"
    moved += ".find(Boolean)?.dataset.word ?? -1) > at"
    page.wait_for_function(moved, arg=1)
    page.keyboard.press("r")  # Streamlit's own key for running the script again
    at = current_word(page)[0]
    page.wait_for_function(moved, arg=at + 3)
    page.keyboard.press("Space")
    expect(page.locator("audio")).to_have_js_property("paused", True)
    assert len(current_word(page)) == 1


def test_the_page_follows_until_the_reader_scrolls(open_transcript):
    page = open_transcript(width=360, height=500)
    follow = page.get_by_role("button", name="Follow")
    page.locator(".word").nth(100).evaluate("word => word.click()")
    page.keyboard.press("Space")
    expect(page.locator(".word.now")).to_be_in_viewport()
    expect(follow).to_have_attribute("aria-pressed", "true")
    page.mouse.move(180, 400)
    page.mouse.wheel(0, -4000)
    expect(follow).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".word.now")).not_to_be_in_viewport()
    follow.click()
    expect(page.locator(".word.now")).to_be_in_viewport()


def test_the_recording_is_let_go_when_the_reader_leaves(open_transcript):
    page = open_transcript()
    page.keyboard.press("Space")
    audio = page.locator("audio").element_handle()
    page.wait_for_function("audio => audio.currentTime > 0", arg=audio)
    page.get_by_role("link", name="Devices").first.click()
    page.get_by_role("heading", name="Devices", level=1).wait_for()
    page.wait_for_function("audio => audio.paused && !audio.hasAttribute('src')", arg=audio)


def test_keys_steer_the_recording_except_while_somebody_types(open_transcript, words):
    page = open_transcript()
    page.locator(".word").nth(60).click()
    at = words[60]["start"]
    reach(page, at)
    page.keyboard.press("ArrowRight")
    reach(page, at + 5)
    page.keyboard.press("ArrowLeft")
    reach(page, at)
    page.keyboard.press(".")
    reach(page, at + 1)
    page.keyboard.press(",")
    reach(page, at)
    page.keyboard.press(">")
    expect(page.get_by_label("Playback speed")).to_have_value("1.1")
    page.keyboard.press("<")
    expect(page.locator("audio")).to_have_js_property("playbackRate", 1)
    firsts = [int(one) for one in page.locator(".paragraph .time").evaluate_all("all => all.map(t => t.dataset.word)")]
    page.keyboard.press("j")
    reach(page, words[firsts[2]]["start"])  # word 60 is in the second paragraph
    page.keyboard.press("ArrowUp")
    reach(page, words[firsts[1]]["start"])
    page.keyboard.press("/")
    search = page.get_by_label("Search the transcript")
    expect(search).to_be_focused()
    page.keyboard.type("j k")
    expect(search).to_have_value("j k")
    page.keyboard.press("ArrowLeft")
    reach(page, words[firsts[1]]["start"])
    expect(page.locator("audio")).to_have_js_property("paused", True)


def test_a_word_is_chosen_by_keys_alone(open_transcript, words):
    page = open_transcript()
    page.locator(".word[tabindex='0']").focus()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".word").nth(4)).to_be_focused()
    page.keyboard.press("Enter")
    reach(page, words[4]["start"])
    expect(page.locator(".word[tabindex='0']")).to_have_count(1)


def test_a_search_counts_and_goes_from_match_to_match(open_transcript, words):
    page = open_transcript()
    text = " ".join(word["text"].strip() for word in words).lower()
    search, count = page.get_by_label("Search the transcript"), page.locator(".count")
    search.fill("SUBTÍTLE")
    found = text.count("subtitle")
    assert found > 1
    expect(count).to_have_text(f"1 of {found}")
    first = page.locator(".word.found").get_attribute("data-word")
    search.press("Enter")
    expect(count).to_have_text(f"2 of {found}")
    assert page.locator(".word.found").get_attribute("data-word") != first
    search.press("Shift+Enter")
    search.press("Shift+Enter")
    expect(count).to_have_text(f"{found} of {found}")
    assert page.evaluate("CSS.highlights.get('transcript-match').size") == found
    search.fill("two  short lines")
    expect(page.locator(".word.found")).to_have_text(["two", "short", "lines"])
    page.get_by_role("button", name="Next match").click()
    expect(count).to_have_text("1 of 1")
    search.fill("xylophone")
    expect(count).to_have_text("0 of 0")
    expect(page.get_by_role("button", name="Next match")).to_be_disabled()
    search.press("Escape")
    expect(search).to_have_value("")


def test_a_search_finds_what_is_written_with_accents(open_transcript, read_batch):
    document = json.loads(read_batch.document(LECTURE, "json"))
    texts = [" Das", " Cafe\u0301", " an", " der", " Straße,", " naïve", " İstanbul"]
    spoken = [{"text": text, "start": at, "end": at + 1, "probability": 0.9} for at, text in enumerate(texts)]
    segment = {**document["segments"][0], "text": "".join(texts), "words": spoken}
    page = open_transcript(document={**document, "segments": [segment], "text": "".join(texts).strip()})
    painted = "[...CSS.highlights.get('transcript-match')].map(m => m.startContainer === m.endContainer"
    painted += " ? m.startContainer.data.slice(m.startOffset, m.endOffset) : '…')"
    for query, match in {"cafe": "Cafe\u0301", "STRASSE": "Straße", "naïve": "naïve", "istan": "İstan"}.items():
        page.get_by_label("Search the transcript").fill(query)
        expect(page.locator(".count")).to_have_text("1 of 1")
        assert page.evaluate(painted) == [match]


def test_three_hours_are_searched_and_read_like_three_minutes(open_transcript, read_batch):
    document = json.loads(read_batch.document(LECTURE, "json"))
    spoken = [
        {"text": f" word{at}", "start": at * 0.36, "end": at * 0.36 + 0.3, "probability": 0.9} for at in range(30_000)
    ]
    parts = [spoken[at : at + 80] for at in range(0, 30_000, 80)]
    segments = [
        {**document["segments"][0], "text": "", "words": part, "start": part[0]["start"], "end": part[-1]["end"]}
        for part in parts
    ]
    text = "\n\n".join("".join(word["text"] for word in part).strip() for part in parts)
    page = open_transcript(document={**document, "segments": segments, "text": text, "audio_seconds": 10_800})
    expect(page.locator(".word")).to_have_count(30_000)
    expect(page.locator(".paragraph .time").last).to_have_text("2:59:31")
    skipped = "all => all.filter(one => !one.checkVisibility({ contentVisibilityAuto: true })).length"
    assert page.locator(".paragraph .words").evaluate_all(skipped) > 300, "what is far away is not laid out"
    page.get_by_label("Search the transcript").fill("word29999")
    expect(page.locator(".word.found")).to_be_in_viewport()
    expect(page.locator(".count")).to_have_text("1 of 1")
    page.get_by_label("Search the transcript").fill("word")
    expect(page.locator(".count")).to_have_text("1 of 30000")
    expect(page.locator(".word").first).to_be_in_viewport()


def focused(page):
    """The word that has the focus, or the tag of what has it."""
    return page.evaluate(
        "() => { let it = document.activeElement;"
        " while (it.shadowRoot?.activeElement) it = it.shadowRoot.activeElement;"
        " return it.dataset.word ?? it.tagName; }"
    )


def test_a_clicked_word_has_the_focus_and_the_keys_go_on_from_it(open_transcript, words):
    page = open_transcript()
    page.locator(".word").nth(60).click()
    reach(page, words[60]["start"])
    assert focused(page) == "60"
    page.keyboard.press("Shift+ArrowRight")
    assert focused(page) == "61"
    page.keyboard.press("Enter")
    reach(page, words[61]["start"])
    page.keyboard.press("/")
    page.keyboard.type("lecture")
    page.keyboard.press("Escape")
    assert focused(page).isdigit(), "the search field keeps no keys for itself"
    page.keyboard.press("Space")
    expect(page.locator("audio")).to_have_js_property("paused", False)
    expect(page.get_by_label("Search the transcript")).to_have_value("")


def test_a_reload_keeps_the_place_and_the_speed(open_transcript, words):
    page = open_transcript()
    page.get_by_label("Playback speed").select_option("1.5")
    page.locator(".word").nth(60).click()
    reach(page, words[60]["start"])
    page.wait_for_function("() => localStorage.getItem('batchscribe.places') !== null")
    page.reload()
    expect(page.locator(".word.now")).to_have_text(words[60]["text"].strip())
    reach(page, words[60]["start"])
    expect(page.get_by_label("Playback speed")).to_have_value("1.5")
    expect(page.locator("audio")).to_have_js_property("playbackRate", 1.5)


@pytest.fixture(scope="module")
def film_job(stack, new_batch, clips, tmp_path_factory):
    """The job of a video that is transcribed, and whose upload is still kept."""
    film = tmp_path_factory.mktemp("film") / "film.webm"
    picture = ("-f", "lavfi", "-i", "testsrc=s=320x180:r=10")
    codecs = ("-c:v", "libvpx", "-b:v", "200k", "-deadline", "realtime", "-c:a", "libopus", "-shortest")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *picture, "-i", clips["short-answer.mp3"].path, *codecs]
    subprocess.run([*command, film], check=True)
    batch = new_batch(stack, "Watching")
    batch.upload("film", film.read_bytes())  # it is a video by its content
    batch.start()
    assert batch.finished()["state"] == "completed"
    return batch.job_ids["film"]


SHOWN = "video => video.videoWidth === 320 && video.textTracks[0]?.cues?.length > 0"
CORRECTED = "video => [...video.textTracks[0]?.cues ?? []].some(cue => cue.text.includes('Corrected'))"


def test_a_video_is_watched_with_its_subtitles_which_follow_corrections(open_page, film_job):
    page = open_page(f"/transcript?job={film_job}", width=360, dark=True)
    video = page.locator("video")
    page.wait_for_function(SHOWN, arg=video.element_handle())
    assert video.evaluate("video => video.textTracks[0].mode") == "showing"
    box = video.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 360
    assert box["height"] > 100
    assert barriers(page) == []
    page.locator(".word").first.click()
    page.keyboard.press("Space")
    page.wait_for_function("video => !video.paused && video.currentTime > 0", arg=video.element_handle())
    page.keyboard.press("Space")
    page.keyboard.press("e")
    page.locator(".player[data-state=editing]").wait_for()
    page.wait_for_function(SHOWN, arg=video.element_handle())
    page.keyboard.press("Control+Home")
    page.keyboard.type("Corrected: ")
    page.keyboard.press("Control+s")
    page.keyboard.type("Grace Hopper")
    page.keyboard.press("Enter")
    page.wait_for_function(CORRECTED, arg=video.element_handle())


def test_a_video_that_the_browser_cannot_play_is_heard_and_the_page_says_so(open_page, stack, film_job):
    page = open_page("/gpus")
    page.route("**/video", lambda route: route.fulfill(body=b"no film", content_type="video/webm"))
    page.goto(f"{stack.address}/transcript?job={film_job}")
    expect(page.get_by_text("This browser cannot play the video as it was uploaded: only its sound")).to_be_visible()
    video = page.locator("video")
    page.wait_for_function("video => video.duration > 0", arg=video.element_handle())
    assert video.evaluate("video => video.currentSrc").endswith("/audio.mp4")
    box = video.bounding_box()
    assert box is not None
    assert box["height"] < 60
