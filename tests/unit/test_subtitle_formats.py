import html
import re
from datetime import timedelta

import pysubs2
import pytest
import srt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.subtitles.formats import Cue, compliance, srt_timestamp, to_srt, to_vtt, vtt_timestamp
from tasks.subtitles.standards import SubtitleStandard, standard_for

VTT_TIMING = re.compile(r"(\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3}) --> (\d{2,}):([0-5]\d):([0-5]\d)\.(\d{3})")

LETTERS = "abc XYZ 0189 äß日本語あきはש.,!?'-"
HOSTILE = [*LETTERS, "-->", "&", "<", ">", "<b>", "</i>", "&amp;", "{\\an8}", "\\N", "{", "}", "1984", "NOTE", "WEBVTT"]


def lines_of(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    line = st.lists(pieces, min_size=1, max_size=12).map(lambda found: " ".join("".join(found).split()))
    return line.filter(bool)


@st.composite
def cues_of(draw: st.DrawFn, pieces: st.SearchStrategy[str]) -> tuple[Cue, ...]:
    lasting = draw(st.lists(st.tuples(st.integers(0, 9000), st.integers(1, 7000)), max_size=6))
    made, clock = [], 0
    for number, (pause, length) in enumerate(lasting, start=1):
        start = clock + pause
        clock = start + length
        line = lines_of(pieces)
        lines = draw(st.one_of(st.tuples(line), st.tuples(line, line.filter(lambda text: not text.isdecimal()))))
        made.append(Cue(number=number, start=start / 1000, end=clock / 1000, lines=lines))
    return tuple(made)


def read_vtt(text: str) -> list[tuple[int, int, str]]:
    """Read WebVTT as its specification says, refusing whatever it forbids."""
    assert text.startswith("WEBVTT\n\n")
    found = []
    last_start, identifiers = 0, set()
    for block in filter(None, text.removeprefix("WEBVTT\n\n").rstrip("\n").split("\n\n")):
        identifier, timing, *payload = block.split("\n")
        match = VTT_TIMING.fullmatch(timing)
        assert match is not None
        hours, minutes, seconds, thousandths, *rest = map(int, match.groups())
        start = ((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths
        end = ((rest[0] * 60 + rest[1]) * 60 + rest[2]) * 1000 + rest[3]
        assert last_start <= start < end
        assert "-->" not in identifier
        assert identifier not in identifiers
        assert payload
        assert all(line.strip() and "-->" not in line and "<" not in line for line in payload)
        assert all(
            re.match(r"&(amp|lt|gt);", line[place.start() :]) for line in payload for place in re.finditer("&", line)
        )
        last_start = start
        identifiers.add(identifier)
        found.append((start, end, html.unescape("\n".join(payload))))
    return found


def shown(cues: tuple[Cue, ...]) -> list[tuple[int, int, str]]:
    return [(round(cue.start * 1000), round(cue.end * 1000), cue.text) for cue in cues]


@pytest.mark.parametrize(
    ("seconds", "srt_text", "vtt_text"),
    [
        (0, "00:00:00,000", "00:00:00.000"),
        (1.001, "00:00:01,001", "00:00:01.001"),
        (59.9996, "00:01:00,000", "00:01:00.000"),  # rounding carries over
        (3599.9997, "01:00:00,000", "01:00:00.000"),
        (3723.004, "01:02:03,004", "01:02:03.004"),
        (360_000, "100:00:00,000", "100:00:00.000"),
        (-0.4, "00:00:00,000", "00:00:00.000"),  # before the start
    ],
)
def test_timestamps_are_rounded_once(seconds: float, srt_text: str, vtt_text: str):
    assert srt_timestamp(seconds) == srt_text
    assert vtt_timestamp(seconds) == vtt_text


def test_srt_is_numbered_blocks_with_commas_in_the_times():
    cues = (Cue(1, 0.5, 2.0, ("Good morning,", "everyone.")), Cue(2, 2.083, 3.5, ("Hello.",)))

    assert to_srt(cues) == (
        "1\n00:00:00,500 --> 00:00:02,000\nGood morning,\neveryone.\n\n2\n00:00:02,083 --> 00:00:03,500\nHello.\n"
    )


def test_vtt_is_a_header_and_blocks_with_points_in_the_times():
    assert to_vtt((Cue(1, 0.5, 2.0, ("Hello.",)),)) == "WEBVTT\n\n1\n00:00:00.500 --> 00:00:02.000\nHello.\n"


def test_no_cues_are_an_empty_srt_and_a_vtt_that_is_still_valid():
    assert to_srt(()) == ""
    assert to_vtt(()) == "WEBVTT\n\n"


@pytest.mark.parametrize(
    ("spoken", "in_srt", "in_vtt"),
    [
        ("R&D", "R&D", "R&amp;D"),
        ("3 < 4 > 2", "3 ‹ 4 › 2", "3 &lt; 4 &gt; 2"),  # noqa: RUF001 - what SRT writes for < and >
        ("a --> b", "a → b", "a --&gt; b"),
        ("<b>bold</b>", "‹b›bold‹/b›", "&lt;b&gt;bold&lt;/b&gt;"),  # noqa: RUF001 - what SRT writes for < and >
        (r"{\an8}top", "｛＼an8｝top", r"{\an8}top"),  # noqa: RUF001 - what SRT writes for braces
        ("&amp;", "&amp;", "&amp;amp;"),
    ],
)
def test_signs_with_a_meaning_in_the_format_are_not_taken_for_it(spoken: str, in_srt: str, in_vtt: str):
    cues = (Cue(1, 0, 1, (spoken,)),)

    assert to_srt(cues).splitlines()[2] == in_srt
    assert to_vtt(cues).splitlines()[4] == in_vtt


@settings(max_examples=50)
@given(cues_of(st.sampled_from(HOSTILE)))
def test_vtt_keeps_to_the_specification_and_loses_nothing(cues: tuple[Cue, ...]):
    assert read_vtt(to_vtt(cues)) == shown(cues)


@settings(max_examples=50)
@given(cues_of(st.sampled_from(HOSTILE).filter(lambda text: not {"{", "}", "\\"} & set(text))))
def test_other_programs_read_our_vtt_as_we_meant_it(cues: tuple[Cue, ...]):
    # Neither library resolves &lt; and the like, and pysubs2 takes braces for ASS commands; players of WebVTT don't.
    text = to_vtt(cues)

    by_webvtt = [(caption.start, caption.end, html.unescape(caption.text)) for caption in webvtt.from_string(text)]
    assert by_webvtt == [(vtt_timestamp(cue.start), vtt_timestamp(cue.end), cue.text) for cue in cues]
    by_pysubs2 = pysubs2.SSAFile.from_string(text, format_="vtt")
    assert [(event.start, event.end, html.unescape(event.plaintext)) for event in by_pysubs2] == shown(cues)


@settings(max_examples=50)
@given(cues_of(st.sampled_from(LETTERS)))
def test_other_programs_read_our_srt_as_we_meant_it(cues: tuple[Cue, ...]):
    text = to_srt(cues)

    by_srt = [(cue.start, cue.end, cue.content) for cue in srt.parse(text)]
    assert by_srt == [
        (timedelta(milliseconds=start), timedelta(milliseconds=end), content) for start, end, content in shown(cues)
    ]
    by_pysubs2 = pysubs2.SSAFile.from_string(text, format_="srt")
    assert [(event.start, event.end, event.plaintext) for event in by_pysubs2] == shown(cues)


@settings(max_examples=50)
@given(cues_of(st.sampled_from(HOSTILE)))
def test_hostile_words_in_srt_change_their_signs_but_no_reader_drops_them(cues: tuple[Cue, ...]):
    def letters(text: str) -> str:
        return "".join(filter(str.isalnum, text))

    text = to_srt(cues)
    spoken = [letters(cue.text) for cue in cues]
    assert [letters(cue.content) for cue in srt.parse(text)] == spoken
    assert [letters(event.plaintext) for event in pysubs2.SSAFile.from_string(text, format_="srt")] == spoken


@pytest.mark.parametrize(
    ("cue", "broken"),
    [
        (Cue(1, 0, 2, ("A cue that keeps to every rule.",)), None),
        (Cue(1, 0, 1, ("Twenty-one characters",)), "within_reading_speed"),
        (Cue(1, 0, 7, ("x" * 43,)), "within_line_length"),
        (Cue(1, 0, 2, ("one", "two", "three")), "within_line_count"),
        (Cue(1, 0, 0.833, ("Short.",)), "within_min_duration"),  # 5/6 s is a third of a millisecond more
        (Cue(1, 0, 7.001, ("Long.",)), "within_max_duration"),
    ],
)
def test_compliance_names_the_rule_that_a_cue_breaks(cue: Cue, broken: str | None):
    figures = compliance([cue], SubtitleStandard()).model_dump()

    failed = {name for name, count in figures.items() if name.startswith("within_") and count == 0}
    assert failed == ({broken, "within_all"} if broken else set())


def test_compliance_measures_the_gap_to_the_next_cue():
    cues = [Cue(1, 0, 2, ("One.",)), Cue(2, 2.083, 4, ("Two.",)), Cue(3, 4.082, 6, ("Three.",))]

    figures = compliance(cues, SubtitleStandard())

    assert (figures.cues, figures.within_gap, figures.within_all) == (3, 2, 2)
    assert figures.percent_within_all == pytest.approx(66.67)


def test_compliance_counts_full_width_characters_where_the_standard_does():
    figures = compliance([Cue(1, 0, 1, ("日本語です",))], standard_for("ja"))

    assert figures.highest_characters_per_second == 5.0


def test_no_cues_break_no_rule():
    assert compliance([], SubtitleStandard()).percent_within_all == 100
