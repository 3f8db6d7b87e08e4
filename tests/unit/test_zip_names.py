import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.services.zip_names import member_stems
from tasks.batches import Job, job_id_for
from tasks.names import MAX_PATH_CHARACTERS, DocumentFormat, clean_path, document_name, document_stems

BATCH_ID = "20261122-120000-abcdef"
LETTERS = st.sampled_from(
    ["a", "A", "ß", "é", "漢", "👩‍👧", " ", ".", "con", "NUL", "com1", "lpt³", ":", "?", "\\", "~", "(2)", "x" * 90]
)
PARTS = st.lists(LETTERS, min_size=1, max_size=6).map("".join)
PATHS = st.lists(PARTS, min_size=1, max_size=16).map("/".join).filter(lambda path: len(path) <= MAX_PATH_CHARACTERS)
DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"}


def stems_of(*paths: str) -> list[str]:
    """Return the paths in the ZIP of the documents of uploads with these *paths*, in their order."""
    stems = document_stems(paths)
    jobs = [
        Job(job_id=job_id_for(BATCH_ID, path), path=path, size=1, sha256="", document_stem=stems[path])
        for path in paths
    ]
    found = member_stems(jobs)
    return [found[job.job_id] for job in jobs]


@pytest.mark.parametrize(
    ("path", "stem"),
    [
        ("talks/Gespräch 1.mp3", "talks/Gespräch 1"),
        ("CON.mp3", "CON_"),
        ("aux.mp3", "aux_"),
        ("lpt1.foo.mp3", "lpt1_.foo"),  # a device whatever follows the first dot
        ("NUL .tar.mp3", "NUL _.tar"),  # Windows drops the space
        ("a/COM1.mp3", "a/COM1_"),
        ("nul/x.mp3", "nul_/x"),
        ("com².x/y.mp3", "com²_.x/y"),
        ("conin$.mp3", "conin$_"),
        ("console.mp3", "console"),
        ("COM10.mp3", "COM10"),
        ("folder. ./a.mp3", "folder/a"),
        ("what? no: yes.mp3", "what_ no_ yes"),
        ("two\nlines/talk\u202e3pm.mp3", "two_lines/talk_3pm"),  # it would look like an mp3 whatever its ending
        ("👩\u200d💻 work.mp3", "👩\u200d💻 work"),
    ],
)
def test_a_name_can_be_unpacked_everywhere(path: str, stem: str):
    assert stems_of(path) == [stem]


@pytest.mark.parametrize("letter", ["a", "漢", "👩"])
def test_what_a_long_name_begins_and_ends_with_stays(letter: str):
    first, second = stems_of(letter * 180 + " part 1.mp3", letter * 180 + " part 2.mp3")

    assert (first[-7:], second[-7:]) == (" part 1", " part 2")
    assert first.startswith(letter * 20)
    assert first.count("~") == 1


def test_long_names_that_become_equal_are_numbered():
    first, second = stems_of("a" * 100 + "b" + "a" * 150 + ".mp3", "a" * 100 + "c" + "a" * 150 + ".mp3")

    assert second == f"{first} (2)"


def test_files_of_one_folder_stay_in_one_folder_when_a_path_is_too_long():
    deep = "/".join(f"folder {number:02} {'x' * 30}" for number in range(12))
    stems = stems_of(f"{deep}/short.mp3", f"{deep}/{'long ' * 40}.mp3", "other/folder 00 x/a.mp3")

    assert stems[0].rpartition("/")[0] == stems[1].rpartition("/")[0]
    assert stems[0].startswith("folder~xxxxx/")
    assert stems[2] == "other/folder 00 x/a"  # its names are as they were


@given(st.lists(PATHS, min_size=1, max_size=6, unique=True))
def test_whatever_the_names_each_document_can_be_unpacked_beside_the_others(raw: list[str]):
    paths = []
    for path in raw:
        parts = [part if part.strip(" .") else "x" for part in path.split("/")]
        paths.append(clean_path("/".join(parts)))
    members = [document_name(stem, each) for stem in stems_of(*dict.fromkeys(paths)) for each in DocumentFormat]

    assert len({member.casefold() for member in [*members, "manifest.json"]}) == len(members) + 1
    folders = {
        "/".join(member.split("/")[:depth]).casefold()
        for member in members
        for depth in range(1, member.count("/") + 1)
    }
    assert folders.isdisjoint(member.casefold() for member in members)
    for member in members:
        assert len(member.encode("utf-16-le")) <= 2 * 200
        for part in member.split("/"):
            assert len(part.encode()) <= 255
            assert part.partition(".")[0].rstrip(" ").casefold() not in DEVICES
            assert part[-1] not in " ."
            assert not set(part) & set('\\:*?"<>|')
