import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.batches import Batch, Job, Manifest, Upload, batch_id_of, job_id_for, manifest_of, new_batch_id
from tasks.errors import NotFound, UploadRejected
from tasks.names import DocumentFormat, DocumentNames, clean_path, document_name, document_stems
from tasks.options import JobOptions, TranscriptionOptions
from tasks.storage.keys import BatchKeys, attempt_token, result_key

NOON = datetime(2026, 1, 2, 12, 30, 59, tzinfo=UTC)
BATCH_ID = new_batch_id(NOON, b"\0\1\2\3")
TOKEN = attempt_token("0b9f5d80-64a1-4d5e-8f0f-0a5a1f6f2c11", 12)

names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=40).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)


def job_named(path: str) -> Job:
    return Job(
        job_id=job_id_for(BATCH_ID, path),
        path=path,
        size=1,
        sha256="0" * 64,
        document_stem=document_stems([path])[path],
    )


@pytest.mark.parametrize(
    "path",
    [
        "a.mp3",
        "talks/day 1/a.mp3",
        "-i.mp3",
        'it\'s "quoted".mp3',
        "line\nbreak.mp3",
        "🎙️ интервью.mp3",
        "…/..a.mp3",
        "a" * 300 + ".mp3",
        "http:name.mp3",
    ],
)
def test_any_name_a_file_can_have_is_kept(path):
    assert clean_path(path) == path


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("", "has no name"),
        ("talks/", "names no file"),
        ("../a.mp3", "not a path below"),
        ("/etc/a.mp3", "not a path below"),
        ("a//b.mp3", "not a path below"),
        ("a/./b.mp3", "not a path below"),
        ("nul\0.mp3", "no file name can have"),
        ("half\ud800.mp3", "no file name can have"),
        ("a" * 1025, "1025 characters"),
        ("d/" * 16 + "a.mp3", "17 folders deep"),
    ],
)
def test_what_is_not_a_path_below_the_folder_is_refused(path, reason):
    with pytest.raises(UploadRejected, match=reason):
        clean_path(path)


def test_a_refused_name_is_shown_on_one_line_and_shortened():
    with pytest.raises(UploadRejected) as refusal:
        clean_path("../\n" + "x" * 500)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250


def test_the_two_ways_to_write_an_accent_are_one_path():
    composed, decomposed = "café.mp3", unicodedata.normalize("NFD", "café.mp3")
    assert clean_path(composed) == clean_path(decomposed)


def test_batch_ids_sort_by_time_and_jobs_name_their_batch():
    later = new_batch_id(NOON.replace(minute=31), b"\0\0\0\0")
    assert BATCH_ID.startswith("20260102-123059-")
    assert later > BATCH_ID
    assert batch_id_of(job_id_for(BATCH_ID, "a.mp3")) == BATCH_ID


@pytest.mark.parametrize("job_id", ["", "x", BATCH_ID, f"{BATCH_ID}-../../..", f"{BATCH_ID}-AAAAAAAAAA"])
def test_what_is_no_job_id_is_not_found(job_id):
    with pytest.raises(NotFound):
        batch_id_of(job_id)


def test_the_same_path_is_the_same_job_however_often_it_is_sent():
    assert job_id_for(BATCH_ID, "a.mp3") == job_id_for(BATCH_ID, "a.mp3")
    assert job_id_for(BATCH_ID, "a.mp3") != job_id_for(BATCH_ID, "b/a.mp3")


@pytest.mark.parametrize(
    ("uploads", "stems"),
    [
        (["..mp3", "a/...wav"], {"..mp3": "..mp3", "a/...wav": "a/...wav"}),  # nothing but dots would be left
        (["talks/a.mp3"], {"talks/a.mp3": "talks/a"}),
        (["a/x.mp3", "b/x.mp3"], {"a/x.mp3": "a/x", "b/x.mp3": "b/x"}),
        # Files that differ only in their ending keep it.
        (["x.mp3", "x.wav"], {"x.mp3": "x.mp3", "x.wav": "x.wav"}),
        # Unpacked on a file system that ignores case these would overwrite each other.
        (["X.mp3", "x.mp3"], {"X.mp3": "X.mp3", "x.mp3": "x.mp3 (2)"}),
        # The name that a clash falls back to may be somebody's own.
        (["x.mp3", "x.wav", "x.mp3.ogg"], {"x.mp3": "x.mp3 (2)", "x.wav": "x.wav", "x.mp3.ogg": "x.mp3"}),
        # A file system holds either a file or a folder x.json, whatever its case.
        (["x.mp3", "X.json/y.mp3"], {"x.mp3": "x.mp3", "X.json/y.mp3": "X.json/y"}),
        ([".mp3"], {".mp3": ".mp3"}),
        (["v1.2.mp3"], {"v1.2.mp3": "v1.2"}),
    ],
)
def test_each_upload_has_documents_of_its_own(uploads, stems):
    assert document_stems(uploads) == stems


@given(st.lists(paths, unique=True, max_size=12), st.sampled_from(DocumentNames))
def test_no_two_documents_share_a_name_or_a_key(uploads, names):
    stems = document_stems(uploads, names)
    jobs = [
        Job(job_id=job_id_for(BATCH_ID, path), path=path, size=0, sha256="", document_stem=stem, names=names)
        for path, stem in stems.items()
    ]
    wanted = [(job, document_format) for job in jobs for document_format in DocumentFormat]
    assert len({document_name(job.document_stem, form, names).casefold() for job, form in wanted}) == len(wanted)
    assert len({BatchKeys.of(BATCH_ID).document(job, form, TOKEN) for job, form in wanted}) == len(wanted)


@given(paths)
def test_keys_are_what_every_store_can_hold(path):
    key = BatchKeys.of(BATCH_ID).document(job_named(clean_path(path)), DocumentFormat.TXT, TOKEN)
    parts = key.split("/")
    assert all(0 < len(part.encode()) <= 200 and part.isprintable() and part not in (".", "..") for part in parts)


def test_a_deep_tree_with_long_names_fits_into_a_key():
    long = "/".join(["ü" * 60] * 15)
    keys = {
        BatchKeys.of(BATCH_ID).document(job_named(f"{folder}{long}/a.mp3"), DocumentFormat.TXT, TOKEN)
        for folder in ("", "b")
    }
    assert len(keys) == 2
    assert all(len(key.encode()) <= 900 for key in keys)


@pytest.mark.parametrize("batch_id", ["", "..", "x/../y", "20260102-123059-AAAAAA", BATCH_ID + "\n"])
def test_what_is_no_batch_id_names_no_folder(batch_id):
    with pytest.raises(NotFound):
        BatchKeys.of(batch_id)


def test_a_batch_of_plain_names_has_them_everywhere():
    batch = Batch(
        batch_id=BATCH_ID, name="talks", created_at=NOON, names="plain", results="results/{batch}/{tree}/{name}"
    )
    uploads = [
        Upload(job_id=job_id_for(BATCH_ID, path), path=path, size=3, sha256="ab", uploaded_at=NOON)
        for path in ("a/c.mp3", "b.mp3", "b.srt/d.mp3")
    ]
    manifest = Manifest.model_validate_json(manifest_of(batch, uploads, started_at=NOON).model_dump_json())

    assert [
        result_key(batch, job, DocumentFormat.SRT).removeprefix(f"results/{BATCH_ID}/") for job in manifest.jobs
    ] == [
        "a/c.srt",
        "b.mp3.srt",  # b.srt is a folder
        "b.srt/d.srt",
    ]
    keys = {
        BatchKeys.of(BATCH_ID).document(manifest.jobs[0], each, TOKEN).rpartition("/")[2] for each in DocumentFormat
    }
    assert keys == {"c.txt", "c.srt", "c.vtt", "c.json", "c.docx", "c.md"}


def test_a_record_of_before_has_the_names_of_before():
    batch = Batch.model_validate({"batch_id": BATCH_ID, "name": "talks", "created_at": NOON})
    job = Job.model_validate(job_named("a.mp3").model_dump(exclude={"names"}))

    assert (batch.names, job.names) == (DocumentNames.REFINED, DocumentNames.REFINED)


def test_word_and_markdown_are_made_on_request():
    assert TranscriptionOptions().formats == ("txt", "srt", "vtt", "json")
    assert TranscriptionOptions.model_validate({"formats": ["docx", "md"]}).formats == ("docx", "md")


def test_a_manifest_lists_the_uploads_by_path():
    batch = Batch(batch_id=BATCH_ID, name="talks", created_at=NOON)
    uploads = [
        Upload(job_id=job_id_for(BATCH_ID, path), path=path, size=3, sha256="ab", uploaded_at=NOON)
        for path in ("b.mp3", "a/c.mp3")
    ]
    manifest = manifest_of(batch, uploads, started_at=NOON)
    assert [(job.path, job.document_stem) for job in manifest.jobs] == [("a/c.mp3", "a/c"), ("b.mp3", "b")]


@pytest.mark.parametrize(
    "options",
    [{"language": "english"}, {"model": "a b"}, {"formats": []}, {"unknown": 1}, {"audio_stream": -1}]
    + [
        {"speakers": wrong}
        for wrong in (0, 21, -1, 2.5, True, "many", "", None, "02", "\uff12", "\N{SUPERSCRIPT TWO}", " 2", "21")
    ],
)
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ValueError, match="validation error"):
        TranscriptionOptions.model_validate(options)


def test_the_audio_stream_is_a_number_or_auto():
    chosen = [TranscriptionOptions.model_validate({"audio_stream": stream}).audio_stream for stream in ("auto", 0, 2)]
    assert chosen == [0, 0, 2]


def test_speakers_are_told_apart_on_request_as_many_as_are_found_or_so_many():
    chosen = [TranscriptionOptions.model_validate({"speakers": given}).speakers for given in ("off", "auto", 2, "20")]
    assert (TranscriptionOptions().speakers, chosen) == ("off", ["off", "auto", 2, 20])


def test_no_two_attempts_share_a_key():
    keys, job = BatchKeys.of(BATCH_ID), job_named("talks/a.mp3")
    tokens = {attempt_token(run, attempt) for run in ("run-1", "run-11") for attempt in (1, 11)}
    assert len({keys.document(job, DocumentFormat.SRT, token) for token in tokens}) == 4


def test_an_upload_may_have_options_of_its_own():
    usual = TranscriptionOptions(language="de", speakers="auto", vocabulary=("Whisper",))
    own = JobOptions(language="de", speakers=2, audio_stream=0).differing_from(usual)
    assert own.model_dump() == {"speakers": 2}
    assert own.applied_to(usual) == TranscriptionOptions(language="de", speakers=2, vocabulary=("Whisper",))
