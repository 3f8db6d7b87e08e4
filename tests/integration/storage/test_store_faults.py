"""Full disks, missing folders and buckets, wrong secrets and servers that go: each is told as what it is."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.errors import DiskFull, StoreUnavailable
from tasks.storage.base import Store
from tasks.storage.open_store import open_store
from tests.integration.storage.conftest import MIB


def test_a_full_disk_is_called_so(settings_for, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    with contextlib.ExitStack() as stack:
        _mount(disk, stack)
        store = open_store(settings_for(store=str(disk)))
        store.write("a", b"old")
        (tmp_path / "large").write_bytes(b"x" * 2 * MIB)
        with pytest.raises(DiskFull, match=f"disk of the store {disk} is full"):
            store.write("a", b"x" * 2 * MIB)
        with pytest.raises(DiskFull):
            store.put_file("a", tmp_path / "large")
        assert store.read("a") == b"old"
        assert list(store.list("")) == ["a"]
        assert store.sweep(older_than_seconds=-60) == 0
        store.write("b", b"there is room again")


def test_a_full_local_disk_is_no_fault_of_the_store(store, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    store.write("a", b"x" * 2 * MIB)
    with contextlib.ExitStack() as stack:
        _mount(disk, stack)
        with pytest.raises(DiskFull, match=f"disk of {disk} is full"):
            store.fetch("a", disk / "a")
        assert list(disk.iterdir()) == []


def _mount(disk: Path, stack: contextlib.ExitStack) -> None:
    mount = shutil.which("mount")
    if not mount or subprocess.run([mount, "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk], check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs of 1 MiB")
    stack.callback(subprocess.run, ["umount", disk], check=True)


def uses_of(store: Store) -> tuple[Callable[[], object], ...]:
    """Each kind of use of a store that has to be there."""
    return (
        lambda: store.read("a"),
        lambda: store.stat("a"),
        lambda: list(store.list("")),
        lambda: list(store.folders("")),
        lambda: store.write("a", b""),
        store.check,
    )


def test_a_folder_that_went_away_is_not_an_empty_store(settings_for, tmp_path):
    store = open_store(settings_for(store=str(tmp_path / "disk")))
    store.write("a", b"")
    shutil.rmtree(tmp_path / "disk")
    for use in uses_of(store):
        with pytest.raises(StoreUnavailable, match=r"can't be used: No such file or directory\. Check that its disk"):
            use()
    assert not (tmp_path / "disk").exists()


def test_a_folder_that_is_a_file_is_refused(settings_for, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match="can't be used"):
        open_store(settings_for(store=str(tmp_path / "file")))


def test_a_bucket_that_is_missing_is_not_an_empty_store(s3_settings, settings_for):
    store = open_store(settings_for(store="s3://other/prefix", store_endpoint=s3_settings.store_endpoint))
    for use in uses_of(store):
        with pytest.raises(StoreUnavailable, match=r"has no such bucket\. Create the bucket"):
            use()


def test_a_wrong_secret_is_called_so(s3_settings, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not the secret")
    store = open_store(s3_settings)
    with pytest.raises(StoreUnavailable, match=r"refused the credentials \(SignatureDoesNotMatch\)\. Correct"):
        store.check()
    with pytest.raises(StoreUnavailable, match=r"refused HeadObject\. Allow its user to read"):
        store.stat("a")  # the answer to HEAD has no room for a reason


def test_missing_credentials_are_asked_for(s3_settings, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(StoreUnavailable, match=r"needs credentials, and none were found\. Set BATCHSCRIBE"):
        open_store(s3_settings).check()


@pytest.mark.parametrize(
    "address", ["s3://", "s3:///prefix", "s3://bucket/a//b", "s3://bucket/../b", f"s3://b/{'p' * 200}"]
)
def test_an_address_without_a_bucket_or_with_an_odd_prefix_is_refused(settings_for, address):
    with pytest.raises(StoreUnavailable, match="is no address of a store"):
        open_store(settings_for(store=address))


@pytest.mark.usefixtures("credentials")
def test_a_server_that_is_gone_is_missed_soon(settings_for):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        store = open_store(settings_for(store="s3://media/prefix", store_endpoint=endpoint))
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable, match=f"store s3://media/prefix/ at {endpoint} did not answer"):
            store.check()
    assert time.monotonic() - begun < 15


@pytest.mark.usefixtures("credentials")
def test_a_server_that_dies_in_the_middle_of_a_read_breaks_it_off(own_s3_server, settings_for, tmp_path):
    store = open_store(settings_for(store="s3://media/prefix", store_endpoint=own_s3_server.endpoint))
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(64 * MIB)
    store.put_file("a", large)
    chunks = store.read_range("a")
    next(chunks)
    own_s3_server.kill()
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match="did not answer"):
        list(chunks)
    with pytest.raises(StoreUnavailable):
        store.fetch("a", tmp_path / "fetched")
    assert time.monotonic() - begun < 15
    assert not (tmp_path / "fetched").exists()
