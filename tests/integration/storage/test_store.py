"""A folder and a bucket keep the promises of `tasks.storage.base` in the same way."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tasks.errors import NotFound
from tasks.storage.base import CHUNK_BYTES
from tasks.storage.open_store import open_store

ODD_KEYS = [
    "batches/20261122-101500-abcdef/batch.json",
    "Vorträge/Prüfung №1 — Teil ②.txt",
    "講義/第一回.srt",
    "👩‍👩‍👧/🎙️.vtt",
    " leading and trailing spaces /x",
    "100%/%41%2F+a&b=c;d#e?f.json",
    "quotes'\"<>|*:/x",
    "dots/..two/.hidden/...",
    "tab\tand\nline/x",
    "e\u0301",  # e + combining accent, which a store may not turn into é
    "p" * 255,
    "ü" * 127,
    "/".join(["d" * 99] * 9),
]


def test_what_was_written_is_read_back(store):
    store.write("talks/a.txt", b"first")
    store.write("talks/a.txt", b"second")
    store.write("talks/empty.txt", b"")
    assert store.read("talks/a.txt") == b"second"
    assert store.read("talks/empty.txt") == b""


@pytest.mark.parametrize("key", ODD_KEYS)
def test_odd_names_survive(store, key):
    store.write(key, key.encode())
    assert store.read(key) == key.encode()
    assert list(store.list("")) == [key]
    assert store.stat(key).size == len(key.encode())
    store.delete(key)
    assert list(store.list("")) == []


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../a",
        "a/../../b",
        "a//b",
        "a/",
        "./a",
        "a/.",
        "nul\0",
        "back\\slash",
        "p" * 256,
        "d/" * 500 + "d",
        "\ud800",
    ],
)
def test_a_key_that_leads_out_of_the_store_is_a_mistake_of_the_caller(store, key, tmp_path):
    source = tmp_path / "source"
    source.touch()
    for use in (
        store.read,
        store.stat,
        store.delete,
        store.read_range,
        lambda key: store.write(key, b""),
        lambda key: store.create(key, b""),
        lambda key: store.put_file(key, source),
    ):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever it says: it is for programmers
            use(key)


def test_the_place_of_unfinished_writes_is_no_key(store):
    with pytest.raises(ValueError, match="is no key"):
        store.write(".unfinished/a", b"")


@pytest.mark.parametrize("prefix", ["talks", "../", "/"])
def test_a_prefix_is_a_whole_folder(store, prefix):
    with pytest.raises(ValueError, match="is no"):
        list(store.list(prefix))


def test_the_whole_store_is_never_deleted(store):
    with pytest.raises(ValueError, match="whole store"):
        store.delete_all("")


def test_an_object_knows_its_size_and_its_time(store):
    store.write("a", b"12345")
    stored = store.stat("a")
    assert (stored.key, stored.size) == ("a", 5)
    assert abs(stored.modified - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_is_missing_is_named(store, tmp_path):
    store.write("folder/a", b"")
    for missing in ("b", "folder", "folder/b", "folder/a/b"):
        assert store.stat(missing) is None
        store.delete(missing)
        with pytest.raises(NotFound, match=f"holds no {missing}:"):
            store.read(missing)
        with pytest.raises(NotFound):  # at once: a response's status goes out before its first byte
            store.read_range(missing, 0, 10)
        with pytest.raises(NotFound):
            store.fetch(missing, tmp_path / "fetched")
    assert store.read("folder/a") == b""
    assert list(tmp_path.glob("*fetched*")) == []


def test_files_travel_through_the_store(store, tmp_path):
    source = tmp_path / "recording.mp3"
    content = b"".join(hashlib.sha256(bytes([n % 251, n // 251])).digest() * 1024 for n in range(1280))  # 40 MiB
    source.write_bytes(content)
    store.put_file("recordings/a.mp3", source)
    assert store.stat("recordings/a.mp3").size == len(content)
    store.fetch("recordings/a.mp3", tmp_path / "fetched.mp3")
    assert (tmp_path / "fetched.mp3").read_bytes() == content


def test_a_fetched_file_belongs_to_who_fetched_it(store, tmp_path):
    store.write("a", b"kept")
    store.fetch("a", tmp_path / "a")
    with (tmp_path / "a").open("ab") as file:
        file.write(b" and changed")
    assert store.read("a") == b"kept"


def test_a_local_file_that_is_missing_is_no_fault_of_the_store(store, tmp_path):
    with pytest.raises(FileNotFoundError):
        store.put_file("a", tmp_path / "missing")


RANGE_BYTES = bytes(range(256)) * 4096  # 1 MiB


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (0, None),
        (0, 1),
        (0, 0),
        (5, 5),
        (1000, CHUNK_BYTES + 1000),
        (len(RANGE_BYTES) - 3, None),
        (len(RANGE_BYTES) - 3, len(RANGE_BYTES) + 100),
        (len(RANGE_BYTES), None),  # HTTP would answer 416
        (len(RANGE_BYTES) + 5, len(RANGE_BYTES) + 9),
    ],
)
def test_a_range_is_a_slice(store, start, stop):
    store.write("a", RANGE_BYTES)
    chunks = list(store.read_range("a", start, stop))
    assert b"".join(chunks) == RANGE_BYTES[start:stop]
    assert all(0 < len(chunk) <= CHUNK_BYTES for chunk in chunks)


def test_a_range_of_an_empty_object_is_empty(store):
    store.write("a", b"")
    assert list(store.read_range("a")) == list(store.read_range("a", 0, 10)) == []


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (5, 4)])
def test_a_range_runs_forward(store, start, stop):
    store.write("a", b"123456")
    with pytest.raises(ValueError, match="no range"):
        store.read_range("a", start, stop)


def test_a_reader_may_leave_in_the_middle(store):
    store.write("a", RANGE_BYTES)
    for _ in range(100):  # more than there are connections
        chunks = store.read_range("a")
        next(chunks)
        chunks.close()
    assert store.read("a") == RANGE_BYTES


TREE = ["a.txt", "a/1", "a/b/2", "a/b/3", "a-b/4", "b/5", "b.c/6", "Z/7", "é/8"]


def test_keys_are_listed_in_order(store):
    for key in TREE:
        store.write(key, b"")
    assert list(store.list("")) == sorted(TREE)
    assert list(store.list("a/")) == ["a/1", "a/b/2", "a/b/3"]
    assert list(store.list("nothing/")) == []


def test_folders_are_listed_without_their_content(store):
    for key in TREE:
        store.write(key, b"")
    assert list(store.folders("")) == ["Z", "a", "a-b", "b", "b.c", "é"]
    assert list(store.folders("a/")) == ["b"]
    assert list(store.folders("nothing/")) == []


def test_a_folder_goes_with_its_last_object(settings_for, tmp_path):
    store = open_store(settings_for(store=str(tmp_path / "disk")))
    store.write("a/b/c", b"")
    store.write("a/d", b"")
    store.delete("a/b/c")
    assert list(store.folders("a/")) == []
    store.delete("a/d")
    assert list(store.folders("")) == []


def test_a_folder_that_a_killed_writer_made_is_not_listed(settings_for, tmp_path):
    store = open_store(settings_for(store=str(tmp_path / "disk")))
    (tmp_path / "disk/batches/1/documents").mkdir(parents=True)
    assert list(store.folders("")) == []
    store.write("batches/1/a", b"")
    assert list(store.folders("batches/1/")) == []


def test_a_prefix_is_deleted_without_its_neighbours(store):
    for key in ("batches/1/a", "batches/1/b/c", "batches/10/a", "batches/1.json"):
        store.write(key, b"")
    assert store.delete_all("batches/1/") == 2
    assert store.delete_all("batches/1/") == 0
    assert list(store.list("")) == ["batches/1.json", "batches/10/a"]


def test_more_objects_than_one_request_can_name_are_listed_and_deleted(store):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: store.write(f"many/{number:04}/x", b""), range(1005)))
    assert len(list(store.list("many/"))) == len(list(store.folders("many/"))) == 1005
    assert store.delete_all("many/") == 1005
    assert list(store.list("many/")) == []


def test_a_store_that_works_passes_its_check(store):
    store.check()
    store.check()


@pytest.mark.usefixtures("credentials")
def test_a_bucket_without_a_prefix_is_a_store(s3_server, settings_for):
    store = open_store(settings_for(store="s3://media", store_endpoint=s3_server.endpoint))
    store.write("unprefixed/a", b"x")
    assert list(store.list("unprefixed/")) == ["unprefixed/a"]
    assert "unprefixed" in store.folders("")
    assert store.delete_all("unprefixed/") == 1
