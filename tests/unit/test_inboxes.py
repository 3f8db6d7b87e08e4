"""The definitions of inboxes, their patterns, and what tells one set of options from another."""

import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.errors import InboxInvalid
from tasks.ingest.context import pause_after
from tasks.ingest.inboxes import Inbox, inboxes_of, read_inboxes
from tasks.ingest.patterns import Patterns
from tasks.ingest.records import fingerprint_of
from tasks.ingest.report import IgnoredFiles, InboxReport, WaitingFile
from tasks.ingest.reporting import markdown, summary
from tasks.ingest.sources import numbered
from tasks.options import TranscriptionOptions, WhisperTask
from tasks.settings import Settings

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[inboxes.a", "in.toml is no TOML: "),
        ("[lectures]\npath = '/srv'", "in.toml: lectures is no key. Begin each inbox with a line such as"),
        ("[inboxes.a]\n", "in.toml: inboxes.a.path: Field required. It is "),
        ("[inboxes.a]\npath = 'srv'", "in.toml: inboxes.a.path: srv is no absolute folder"),
        ("[inboxes.a]\npath = '/srv'\nmax_fils = 3", "in.toml: inboxes.a.max_fils is no key."),
        ("[inboxes.a]\npath = '/srv'\nafter = 'burn'", "in.toml: inboxes.a.after: Input should be 'keep', 'move' or"),
        ("[inboxes.a]\npath = '/srv'\noptions = {language = 'German'}", "in.toml: inboxes.a.options.language: "),
        ("[inboxes.a]\npath = '/srv'\nmove_to = '../out'", "in.toml: inboxes.a.move_to: name a folder below the inbox"),
        ("[inboxes.'A b']\npath = '/srv'", "in.toml: inboxes.A b.name: String should match pattern"),
        ("[inboxes.a]\npath = '/srv'\nname = 'b'", "in.toml: inboxes.a.name is no key: its name is a."),
    ],
)
def test_a_fault_in_the_file_is_one_sentence_that_names_the_key(text, said):
    with pytest.raises(InboxInvalid) as fault:
        read_inboxes(text, "in.toml")
    assert str(fault.value).startswith(said)
    assert "\n" not in str(fault.value).rstrip()


def test_the_example_file_is_understood_and_shows_every_key():
    text = (PROJECT / "inboxes.example.toml").read_text(encoding="utf-8")
    lectures, bucket = read_inboxes(text, "inboxes.example.toml")
    assert (lectures.name, lectures.path, bucket.is_bucket) == ("lectures", "/srv/lectures", True)
    keys = (*Inbox.model_fields, *TranscriptionOptions.model_fields)
    assert [key for key in keys if key != "name" and f"{key} = " not in text and f".{key}]" not in text] == []


def test_the_demo_inbox_is_there_unless_it_is_switched_off(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = Settings(_env_file=None, data=tmp_path)
    assert [inbox.path for inbox in inboxes_of(settings)] == [str(tmp_path / "inbox")]
    assert inboxes_of(settings.model_copy(update={"demo_inbox": False})) == ()
    with pytest.raises(InboxInvalid, match="There is no file"):
        inboxes_of(settings.model_copy(update={"inboxes": tmp_path / "missing.toml"}))


def test_a_model_that_there_is_not_is_named_with_its_inbox(tmp_path):
    file = tmp_path / "inboxes.toml"
    file.write_text("[inboxes.talks]\npath = '/srv/talks'\noptions = {model = 'larg-v3'}")
    with pytest.raises(InboxInvalid, match=r"^inboxes\.talks\.options: There is no model larg-v3\. Choose auto or one"):
        inboxes_of(Settings(_env_file=None, data=tmp_path, inboxes=file))


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        (".hidden.mp3", ".*"),
        ("deep/@eaDir", "@eadir"),
        ("A.MP3.PART", "*.part"),
        ("talk_refined.srt", "*_refined.srt"),
        ("talk_refined.mp3", ""),  # somebody's recording, and none of our documents
        ("draft 1.mp3", "Draft*"),
        ("deep/draft 1.mp3", "Draft*"),
        ("raw/a.wav", "raw/*.WAV"),
        ("a.wav", ""),
        (unicodedata.normalize("NFD", "ENTWÜRFE"), "Entwürfe"),
        ("talk.mp3", ""),
    ],
)
def test_a_pattern_fits_a_part_of_a_path_whatever_its_case_and_encoding(path, pattern):
    assert Patterns(("Draft*", "raw/*.WAV", "Entwürfe"), ()).ignoring(path) == pattern


def test_options_that_say_the_same_have_one_fingerprint():
    assert fingerprint_of(TranscriptionOptions(language="auto")) == fingerprint_of(TranscriptionOptions())
    assert fingerprint_of(TranscriptionOptions(speakers="off")) == fingerprint_of(TranscriptionOptions())
    assert fingerprint_of(TranscriptionOptions(speakers=2)) != fingerprint_of(TranscriptionOptions(speakers="auto"))
    assert fingerprint_of(TranscriptionOptions(task=WhisperTask.TRANSLATE)) != fingerprint_of(TranscriptionOptions())


def test_a_name_that_is_taken_is_numbered_before_its_ending():
    assert numbered("talks/a.b.mp3", 1) == "talks/a.b.mp3"
    assert numbered("talks/a.b.mp3", 2) == "talks/a.b (2).mp3"


def test_what_fails_is_tried_again_after_longer_and_longer_pauses_up_to_an_hour():
    assert [pause_after(tries, 60) for tries in (0, 1, 2, 10, 10**6)] == [60, 120, 240, 3600, 3600]


def test_the_report_is_one_line_and_a_table():
    report = InboxReport(
        inbox="lectures",
        location="/srv/lectures",
        scanned_at=datetime(2026, 11, 28, tzinfo=UTC),
        scan_seconds=0.1,
        new=3,
        waiting_total=2,
        waiting=(WaitingFile(path="a|b.mp3", reason="It is empty."),),
        ignored=(IgnoredFiles(pattern=".*", count=14, example=".DS_Store"),),
    )
    assert summary(report) == "3 new, 2 waiting, 14 ignored"
    table = markdown(report)
    assert r"| a\|b.mp3 | It is empty. |" in table
    assert "And 1 more." in table
