"""Chinese in one script: which one, what is left alone, and that words keep their times."""

import pytest

from tasks.options import ChineseScript
from tasks.transcription.chinese import in_one_script
from tasks.transcription.transcript import RemovedText, Segment, Transcript, Word

SIMPLIFIED = "上个星期我们谈到了头发的历史。"
TRADITIONAL = "今天天氣怎麼樣?我們發現皇后在這裡。"


def segment(text: str, language: str = "") -> Segment:
    """A word for every two characters, as Whisper's tokens come."""
    words = [
        Word(text=text[place : place + 2], start=place, end=place + 1.5, probability=0.5)
        for place in range(0, len(text), 2)
    ]
    return Segment(start=0, end=len(text), text=text, words=tuple(words), language=language)


def transcript(*segments: Segment, language: str = "zh", removed: str = "") -> Transcript:
    return Transcript(
        segments=segments,
        language=language,
        language_probability=1,
        model="base",
        audio_seconds=60,
        removed=(RemovedText(start=0, end=1, text=removed, reason="repeated"),) if removed else (),
    )


def texts(transcript: Transcript) -> list[str]:
    assert ["".join(word.text for word in one.words) for one in transcript.segments] == [
        one.text for one in transcript.segments
    ]
    return [one.text for one in transcript.segments]


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ((SIMPLIFIED, SIMPLIFIED, "天氣"), (SIMPLIFIED, SIMPLIFIED, "天气")),
        ((TRADITIONAL, "谈到了头发和发现"), (TRADITIONAL, "談到了頭髮和發現")),
        (("气氣氣象和這個",), ("氣氣氣象和這個",)),  # within one segment
        ((TRADITIONAL, "受到干擾", "皇后说"), (TRADITIONAL, "受到干擾", "皇后說")),  # 干 and 后 are in both
        ((SIMPLIFIED, "乾隆和著名的"), (SIMPLIFIED, "乾隆和著名的")),  # 乾 and 著, too
        (("今天三月五日",), ("今天三月五日",)),
        (("OK AI", "2026"), ("OK AI", "2026")),
    ],
)
def test_a_recording_keeps_the_script_that_most_of_it_is_in(spoken, written):
    assert tuple(texts(in_one_script(transcript(*map(segment, spoken)), ChineseScript.AUTO))) == written


@pytest.mark.parametrize(
    ("script", "written"),
    [
        ("simplified", "今天天气怎么样?我们发现皇后在这里。"),
        ("traditional", TRADITIONAL),
        ("off", "今天天气怎麼样?我們發現皇后在這里。"),
    ],
)
def test_the_script_can_be_chosen(script, written):
    mixed = "今天天气怎麼样?我們發現皇后在這里。"
    assert texts(in_one_script(transcript(segment(mixed)), ChineseScript(script))) == [written]


def test_cantonese_is_written_as_in_hong_kong():
    assert texts(in_one_script(transcript(segment("呢里边"), language="yue"), ChineseScript.TRADITIONAL)) == ["呢裏邊"]


def test_other_languages_stay():
    japanese, korean, unsure = segment("学校の図書館", "ja"), segment("學校에서", "ko"), segment("学校へ行く", "zh")
    spoken = transcript(japanese, korean, unsure, segment(SIMPLIFIED), segment(TRADITIONAL, "ja"))
    assert texts(in_one_script(spoken, ChineseScript.TRADITIONAL))[:3] == ["学校の図書館", "學校에서", "学校へ行く"]
    assert texts(in_one_script(spoken, ChineseScript.SIMPLIFIED))[3:] == [SIMPLIFIED, TRADITIONAL]
    of_japanese = transcript(segment(TRADITIONAL), segment(SIMPLIFIED, "zh"), language="ja")
    assert texts(in_one_script(of_japanese, ChineseScript.SIMPLIFIED)) == [TRADITIONAL, SIMPLIFIED]


def test_words_keep_their_times_and_removed_text_follows():
    spoken = transcript(segment(SIMPLIFIED), segment("天氣"), removed="這個這個")
    written = in_one_script(spoken, ChineseScript.AUTO)
    assert [(word.start, word.end) for word in written.words] == [(word.start, word.end) for word in spoken.words]
    assert written.removed[0].text == "这个这个"
