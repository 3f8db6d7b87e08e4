"""The doctor: what counts as wrong, and what it says of it."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from deployments.doctor.configuration import look_at_names, read_settings
from deployments.doctor.findings import Mark, Report, guarded, notice, right, wrong
from deployments.doctor.machine import look_at_data_folder, look_at_disk, look_at_ports
from deployments.doctor.store import ClockReading, look_at_clock, look_at_store
from deployments.local.data_lock import DataFolder, holder_of
from tasks.settings import Settings
from tasks.storage.s3 import _complaint
from tests.support.processes import free_ports
from tests.support.stack import PROJECT

NOON = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


def settings_in(folder, **more):
    return Settings(data=folder, _env_file=None, **more)


# What is printed


def test_only_what_is_wrong_makes_the_exit_status_1(capsys):
    report = Report(as_json=False)
    report.add([right("Python", "3.11.7"), notice("disk", "soon full")])
    assert report.conclude() == 0
    report.add([wrong("store", "It is away. Bring it back.")])
    assert report.conclude() == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line[0] for line in lines if line[:1] in "✓!✗" and line] == ["✓", "!", "✗"]
    assert "✗ store         It is away. Bring it back." in lines


def test_a_program_gets_one_record(capsys):
    report = Report(as_json=True)
    report.add([wrong("store", "It is away.")])
    report.conclude()
    assert json.loads(capsys.readouterr().out) == {
        "ok": False,
        "findings": [{"subject": "store", "mark": "wrong", "text": "It is away."}],
    }


def test_a_look_that_breaks_off_is_a_finding_and_does_not_end_the_others():
    def look():
        yield right("a", "well")
        msg = "no such thing"
        raise KeyError(msg)

    (found,) = guarded("a", look)
    assert (found.mark, "KeyError" in found.text) == (Mark.WRONG, True)


def test_without_any_package_it_says_what_it_can(tmp_path):
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-S", "-m", "deployments.doctor"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "! packages      Nothing is installed yet" in said.stdout
    assert "ffmpeg" in said.stdout


# Settings


def test_a_misspelt_setting_is_told_with_the_one_that_is_meant(tmp_path):
    (tmp_path / ".env").write_text("BATCHSCRIBE_PROT=8502\nBATCHSCRIBE_MODEL=base\nOTHER=1\n")
    found = list(look_at_names({"BATCHSCRIBE_MODLE": "base"}, str(tmp_path / ".env")))
    assert [one.mark for one in found] == [Mark.WRONG, Mark.WRONG]
    assert "Is BATCHSCRIBE_MODEL meant?" in found[0].text
    assert "Is BATCHSCRIBE_PORT meant?" in found[1].text


def test_names_of_settings_and_of_what_workers_are_told_are_right(tmp_path):
    names = {"batchscribe_port": "1", "BATCHSCRIBE_WARM_UP": "x", "BATCHSCRIBE_DEVICE": "{}", "PATH": "/"}
    (found,) = look_at_names(names, str(tmp_path / "none"))
    assert found.mark is Mark.RIGHT


def test_a_setting_with_a_bad_value_is_wrong_and_ends_the_looks(monkeypatch, capsys):
    monkeypatch.setenv("BATCHSCRIBE_PORT", "eighty")
    report = Report(as_json=False)
    assert read_settings(report, "") is None
    assert "BATCHSCRIBE_PORT" in capsys.readouterr().out


# The machine


def test_a_data_folder_that_is_not_there_is_fine_and_is_not_made(tmp_path):
    (found,) = look_at_data_folder(tmp_path / "a" / "b", running=False)
    assert (found.mark, list(tmp_path.iterdir())) == (Mark.RIGHT, [])


def test_a_full_disk_is_wrong(tmp_path):
    (found,) = look_at_disk(settings_in(tmp_path, disk_reserve_bytes=2**60))
    assert found.mark is Mark.WRONG


def test_a_port_that_is_taken_is_wrong_unless_batchscribe_itself_has_it(tmp_path):
    import socket

    port, other = free_ports(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        found = list(look_at_ports(settings_in(tmp_path, port=port, prefect_port=other), running=False))
    assert [one.mark for one in found] == [Mark.WRONG, Mark.RIGHT]
    assert "BATCHSCRIBE_PORT" in found[0].text


def test_whoever_has_the_data_folder_is_known_without_taking_it(tmp_path):
    assert holder_of(tmp_path) is None
    with DataFolder(tmp_path):
        assert holder_of(tmp_path) == os.getpid()
    (tmp_path / "up.lock").write_text('{"holder": {"pid": 1, "started": "before the last boot"}}')
    assert holder_of(tmp_path) is None


# Store and clocks


def test_a_store_is_left_as_it_was(tmp_path):
    (tmp_path / "store").mkdir()
    found = list(look_at_store(settings_in(tmp_path)))
    assert [one.mark for one in found] == [Mark.RIGHT, Mark.RIGHT]
    assert not [path for path in (tmp_path / "store").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("ahead", "mark"),
    [
        (0.0, Mark.RIGHT),
        (-1.0, Mark.RIGHT),  # times of HTTP and S3 are whole seconds
        (2.0, Mark.RIGHT),
        (20.0, Mark.NOTICE),
        (-20.0, Mark.NOTICE),
        (400.0, Mark.WRONG),
    ],
)
def test_clocks_that_are_apart_are_told(ahead, mark):
    reading = ClockReading(NOON + timedelta(seconds=ahead), NOON, NOON + timedelta(seconds=0.2))
    assert look_at_clock(reading, "The store").mark is mark


def test_a_slow_answer_is_no_sign_of_a_wrong_clock():
    reading = ClockReading(NOON + timedelta(seconds=1), NOON, NOON + timedelta(seconds=30))
    assert look_at_clock(reading, "The store").mark is Mark.RIGHT


@pytest.mark.parametrize(
    ("code", "status", "told"),
    [
        ("SignatureDoesNotMatch", 403, "Correct the access key and its secret"),
        ("RequestTimeTooSkewed", 403, "timedatectl"),
        ("AuthorizationHeaderMalformed", 400, "in another region"),
        ("PermanentRedirect", 301, "AWS_DEFAULT_REGION"),
        ("NoSuchBucket", 404, "Create the bucket"),
    ],
)
def test_a_bucket_says_what_is_wrong_with_credentials_clock_and_region(code, status, told):
    error = ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutObject")
    assert told in _complaint(error)
