"""The stable addresses of documents: what a template may be, and that no two documents get the same."""

import hashlib

import pytest

from tasks.names import DocumentFormat
from tasks.result_template import MAX_ADDRESS_BYTES, BatchLabels, ResultTemplate
from tasks.settings import Settings

DEFAULT = "results/{batch}/{tree}/{name}"
BATCH_ID = "20261122-120000-abcdef"
LABELS = BatchLabels(BATCH_ID, "Vorträge / Woche 1.", "2026-11-22")
FLAT = "results/{batch}/{name}"


def address(template, stem, document_format=DocumentFormat.SRT):
    return ResultTemplate.parse(template).key(LABELS, stem, document_format)


@pytest.mark.parametrize(
    ("template", "stem", "expected"),
    [
        (DEFAULT, "talks/monday/a", f"results/{BATCH_ID}/talks/monday/a_refined.srt"),
        (DEFAULT, "a", f"results/{BATCH_ID}/a_refined.srt"),
        ("out/{format}/date={date}/{batch}/{name}", "talks/a", f"out/srt/date=2026-11-22/{BATCH_ID}/a_refined.srt"),
        ("texts/{date}/{batch}/{tree}/{stem}.{format}", "talks/a", f"texts/2026-11-22/{BATCH_ID}/talks/a.srt"),
    ],
)
def test_placeholders_stand_for_what_they_say(template, stem, expected):
    assert address(template, stem) == expected


def test_a_batch_s_name_is_a_part_that_every_store_can_hold():
    key = address("results/{batch_name} {batch}/{name}", "a")
    assert key.startswith("results/Vorträge _ Woche 1.~")
    assert f" {BATCH_ID}/a_refined.srt" in key
    long = BatchLabels(BATCH_ID, "ü" * 200, "2026-11-22")
    (folder,) = ResultTemplate.parse("results/{batch_name} {batch}/{name}").folders(long)
    assert folder.endswith(f" {BATCH_ID}/")


@pytest.mark.parametrize(
    ("template", "fault"),
    [
        ("results/{tree}/{name}", "batches would write over each other"),
        ("results/{tree}/{batch}/{name}", "batches would write over each other"),
        ("results/{batch}-{name}", "batches would write over each other"),
        ("results/{batch}/{tree}", r"end with \{name\}"),
        ("results/{batch}/x.{format}", r"It must hold \{name\} or \{stem\}"),
        ("results/{batch}/{stem}", r"end with \{name\}"),
        ("results/{batch}/{title}/{name}", r"\{title\} is no placeholder"),
        ("results/{batch}/a{tree}/{name}", "must be a part of its own"),
        ("results/{batch}/{name}/{name}", "can be used once"),
        ("results/{batch/{name}", "A brace"),
        ("batches/{batch}/{name}", "must begin with a folder of its own"),
        ("{batch}/{name}", "must begin with a folder of its own"),
        ("/results/{batch}/{name}", "is empty"),
        ("results/../{batch}/{name}", "is empty, or holds"),
        ("results//{batch}/{name}", "is empty"),
        ("results/a:b/{batch}/{name}", "holds what not every store can keep"),
        ("r" * 90 + "/{batch}/{name}", "more than 100 bytes"),
    ],
)
def test_a_template_that_would_not_do_is_refused_with_the_reason(template, fault):
    with pytest.raises(ValueError, match=fault):
        ResultTemplate.parse(template)
    with pytest.raises(ValueError, match=fault):
        Settings(_env_file=None, results=template)


def test_addresses_can_be_switched_off():
    assert Settings(_env_file=None, results="off").results == ""
    assert Settings(_env_file=None).results == DEFAULT


def test_everything_of_a_batch_is_below_its_folders():
    template = ResultTemplate.parse("out/{format}/{date}/{batch}/{tree}/{name}")
    folders = template.folders(LABELS)
    assert len(folders) == len(DocumentFormat)
    assert all(template.key(LABELS, "talks/a", each).startswith(folders) for each in DocumentFormat)


def test_a_batch_is_known_by_its_folder():
    template = ResultTemplate.parse("out/{date}/{batch_name} {batch}/{name}")
    (folder,) = template.folders(LABELS)
    parts = folder.removesuffix("/").split("/")
    found = [pattern.fullmatch(part) for pattern, part in zip(template.folder_patterns, parts, strict=True)]
    assert all(found)
    assert found[-1]["batch"] == BATCH_ID


def test_jobs_with_equal_addresses_are_numbered():
    assert ResultTemplate.parse(FLAT).stems(["a/x", "b/x", "B/X", "b/y"]) == {"b/x": "b/x (2)", "B/X": "B/X (3)"}
    assert ResultTemplate.parse(DEFAULT).stems(["a/x", "b/x"]) == {}


def test_no_address_is_a_folder_of_another():
    template = ResultTemplate.parse("results/{batch}/{tree}/{stem}.{format}")
    stems = ["a", "a.txt/b"]  # as documents these are a_formatted_refined.txt and a.txt/b…
    assert template.stems(stems) == {"a": "a (2)"}


def test_addresses_that_are_too_long_stay_different():
    stems = ["/".join([f"{letter * 60}"] * 16) + "/talk" for letter in "ab"]
    keys = {address(DEFAULT, stem) for stem in stems}
    assert len(keys) == 2
    assert all(len(key.encode()) <= MAX_ADDRESS_BYTES for key in keys)
    digest = hashlib.sha256("/".join(["a" * 60] * 16).encode()).hexdigest()
    assert f"results/{BATCH_ID}/{digest}/talk_refined.srt" in keys


def test_a_long_name_keeps_its_ending():
    key = address(DEFAULT, "ü" * 300)
    assert key.endswith(".srt")
    assert all(len(part.encode()) <= 200 for part in key.split("/"))
