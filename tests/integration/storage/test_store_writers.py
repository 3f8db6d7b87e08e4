"""Several writers and readers of one object: one creates, and what is read is whole, also after a kill."""

import threading
from concurrent.futures import ThreadPoolExecutor

from tests.integration.storage.conftest import MIB
from tests.support.waiting import wait_until


def test_one_of_many_threads_creates(store):
    for number in range(2):
        barrier = threading.Barrier(16)

        def create(writer, key=f"locks/{number}", barrier=barrier):
            barrier.wait()
            return store.create(key, b"%d" % writer)

        with ThreadPoolExecutor(16) as pool:
            won = list(pool.map(create, range(16)))
        assert won.count(True) == 1
        assert store.read(f"locks/{number}") == b"%d" % won.index(True)


def test_one_of_several_processes_creates(store, started):
    program = """
while store.stat("go") is None: pass
print(sum(store.create(f"locks/{number}", b"x") for number in range(20)))
"""
    processes = [started(program) for _ in range(4)]
    store.write("go", b"")
    won = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(won) == 20


def test_create_leaves_what_is_there(store):
    store.write("a", b"old")
    assert store.create("a", b"new") is False
    assert store.read("a") == b"old"
    store.delete("a")
    assert store.create("a", b"new") is True


def test_a_reader_never_sees_half_a_file(store, tmp_path):
    contents = [bytes([letter]) * MIB for letter in b"ab"]
    source = tmp_path / "source"
    store.write("a", contents[0])
    seen, done = set(), threading.Event()

    def read():
        while not done.is_set():
            content = store.read("a")
            seen.add((content[:1], content.count(content[:1]), len(content)))

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for number in range(40):
            store.write("a", contents[number % 2])
            source.write_bytes(contents[number % 2])
            store.put_file("a", source)
        done.set()
        for reader in readers:
            reader.result()
    assert seen <= {(b"a", MIB, MIB), (b"b", MIB, MIB)}


def test_writing_and_deleting_in_one_folder_do_not_disturb_each_other(store):
    def write_and_delete(writer):
        for _ in range(50):
            store.write(f"a/b/{writer}", b"x")
            store.delete(f"a/b/{writer}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write_and_delete, range(4)))
    assert list(store.list("")) == []


def test_a_killed_writer_leaves_the_old_content_and_nothing_that_is_listed(store, started, unfinished_writes, tmp_path):
    store.write("recordings/a.mp3", b"old")
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(400 * MIB)
    writer = started(f"store.put_file('recordings/a.mp3', Path({str(large)!r}))")
    wait_until(lambda: unfinished_writes() > 0, "a write under way", longest_pause=0.02)
    writer.kill()
    writer.wait()
    assert unfinished_writes() == 1
    assert store.read("recordings/a.mp3") == b"old"
    assert list(store.list("")) == ["recordings/a.mp3"]
    assert list(store.folders("")) == ["recordings"]
    assert list(store.unfinished(older_than_seconds=3600)) == []
    assert len(list(store.unfinished(older_than_seconds=-60))) == 1
    assert store.sweep(older_than_seconds=3600) == 0
    assert store.sweep(older_than_seconds=-60) == 1  # a minute ahead, since the server has a clock of its own
    assert unfinished_writes() == 0
