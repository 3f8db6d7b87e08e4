"""Chosen and dropped files and folders become a list of media files."""

import os

from playwright.sync_api import expect

TREE = ("talks/b.MP3", "talks/day 1/a.wav", "talks/day 1/10.mkv", "talks/day 1/2.mkv", "talks/day 1/Ü/ä.m4a")
SORTED_TREE = ["talks/b.MP3", "talks/day 1/2.mkv", "talks/day 1/10.mkv", "talks/day 1/a.wav", "talks/day 1/Ü/ä.m4a"]
OTHERS = ("talks/notes.txt", "talks/day 1/slides.pdf", "talks/._b.MP3", "talks/.DS_Store", "talks/.cache/c.mp3")


def test_picked_files_are_listed_with_their_size(open_upload, make_files):
    upload = open_upload()
    upload.choose(*make_files(["a.mp3", "b.mp4"], size=2_345_678))
    assert upload.names() == ["a.mp3", "b.mp4"]
    expect(upload.row("a.mp3")).to_contain_text("2.3 MB")
    expect(upload.row("a.mp3")).to_contain_text("Pending")
    expect(upload.page.get_by_text("2 files · 4.7 MB")).to_be_visible()
    assert upload.page.evaluate("globalThis.batchscribeUpload.guard && !globalThis.batchscribeUpload.busy")


def test_a_picked_folder_keeps_its_tree_and_leaves_out_what_is_no_recording(open_upload, make_files, tmp_path):
    make_files(TREE + OTHERS)
    upload = open_upload()
    upload.choose_folder(tmp_path / "talks")
    expect(upload.rows).to_have_count(5)
    assert sorted(upload.names()) == sorted(SORTED_TREE)
    upload.page.get_by_text("5 files left out").click()
    expect(upload.page.get_by_text("talks/notes.txt (not audio or video)")).to_be_visible()
    expect(upload.page.get_by_text("talks/._b.MP3 (hidden)")).to_be_visible()


def test_a_dropped_folder_is_searched_through(open_upload, make_files, tmp_path):
    make_files(TREE + OTHERS)
    (single,) = make_files(["single.flac"])
    upload = open_upload()
    upload.drop(tmp_path / "talks", single)
    expect(upload.rows).to_have_count(6)
    assert upload.names() == ["single.flac", *SORTED_TREE]
    expect(upload.page.get_by_text("5 files left out: 2 not audio or video, 3 hidden")).to_be_visible()


def test_a_dropped_folder_of_many_files_is_read_to_its_end(open_upload, make_files, tmp_path):
    make_files([f"many/{number}.mp3" for number in range(230)])  # a browser hands out a hundred at a time
    upload = open_upload()
    upload.drop(tmp_path / "many")
    expect(upload.rows).to_have_count(230)
    looking = upload.page.locator("#looking")  # it is too fast here to be seen
    expect(looking).to_have_text("Looking through folders: 200 files so far.")
    expect(looking).to_be_hidden()


def test_the_same_file_is_listed_once_and_another_of_its_name_gets_a_number(open_upload, make_files):
    first, other = make_files(["one/a.mp3", "two/a.mp3"])
    os.utime(other, (10**9, 10**9))
    upload = open_upload()
    for file in (first, other, first, other):
        upload.choose(file)
    expect(upload.page.get_by_text("2 files left out: 2 already listed")).to_be_visible()
    assert upload.names() == ["a.mp3", "a (2).mp3"]


def test_a_name_is_text_and_never_markup(open_upload, make_files):
    name = "<img src=x onerror=alert(1)> & “x”.mp3"
    upload = open_upload()
    upload.choose(*make_files([name]))
    assert upload.names() == [name]
    assert upload.rows.locator("img").count() == 0


def test_removing_by_keyboard_goes_on_to_the_next_row(open_upload, make_files):
    upload = open_upload()
    upload.choose(*make_files(["a.mp3", "b.mp3", "c.mp3"]))
    upload.button("Remove b.mp3").focus()
    upload.page.keyboard.press("Enter")
    expect(upload.rows).to_have_count(2)
    assert upload.names() == ["a.mp3", "c.mp3"]
    expect(upload.button("Remove c.mp3")).to_be_focused()
    upload.button("Cancel").click()
    expect(upload.rows).to_have_count(0)
    expect(upload.button("Upload All")).to_be_hidden()


def test_two_thousand_files_are_listed_counted_and_cleared(open_upload, make_files, tmp_path):
    make_files([f"archive/{number // 100}/{number}.mp3" for number in range(2000)])
    upload = open_upload()
    upload.choose_folder(tmp_path / "archive")
    page = upload.page
    rows = page.locator(".row")  # roles of so many are slow to work out
    expect(rows).to_have_count(2000)
    assert page.locator("#toggle").inner_text() == "2,000 files · 2.0 MB"
    rows.nth(7).locator(".remove").click()
    expect(rows).to_have_count(1999)
    assert page.locator("#toggle").inner_text() == "1,999 files · 2.0 MB"
    page.locator("#clear").click()
    expect(rows).to_have_count(0)
