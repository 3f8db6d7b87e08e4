"""A link leads to the public internet, or where the operator allows; its recording is named like a file."""

import subprocess
import sys

import pytest

from dashboard.links.guard import Guard
from dashboard.links.protocol import LinkedRecording
from dashboard.links.service import name_of
from tasks.names import clean_path

PUBLIC = ["93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.20.0.1",
    "192.168.0.1",
    "169.254.169.254",  # metadata of clouds
    "100.64.0.1",
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "255.255.255.255",
    "224.0.0.251",
    "::1",
    "::",
    "fe80::1%eth0",
    "fd00::1",
    "ff02::fb",
    "::ffff:127.0.0.1",  # IPv4 within IPv6, in each of its forms
    "64:ff9b::a00:1",
    "64:ff9b:1::a00:1",
    "fec0::1",
    "::127.0.0.1",
    "2002:7f00:1::",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_link_may_lead_to_the_public_internet(address):
    assert Guard([]).allows(address)


@pytest.mark.parametrize("address", [*PRIVATE, "localhost", "metadata.internal", ""])
def test_a_link_may_not_lead_into_the_network_of_the_machine(address):
    assert not Guard([]).allows(address)


def test_an_operator_can_allow_networks():
    guard = Guard(["10.1.0.0/16", "fd00::/8"])
    assert [guard.allows(address) for address in ("10.1.2.3", "10.2.0.1", "fd00::1", "fe80::1")] == [True, False] * 2
    assert guard.allows("::ffff:10.1.2.3")


def test_nothing_is_loaded_whose_connections_no_guard_sees(tmp_path):
    (tmp_path / "curl_cffi.py").write_text("raise SystemExit('loaded')")
    load = [sys.executable, "-c", "import dashboard.links.reader"]
    subprocess.run(load, env={"PYTHONPATH": str(tmp_path)}, check=True, timeout=60)


NAMES = [
    ("A talk", "m4a", "", "A talk.m4a"),
    ("Part 1/2: who?", "mp3", "", "Part 1-2: who?.mp3"),
    ("talk.mp3", "mp3", "", "talk.mp3"),
    (" .. ", "mp3", "", "recording.mp3"),
    ("", "webm", "https://example.org/a/caf%C3%A9.webm?x=1", "café.webm"),
    ("", "", "https://example.org/", "recording"),
    ("A talk", "unknown_video", "", "A talk"),
    ("x" * 400, "mp3", "", "x" * 150 + ".mp3"),
    ("line\nbreak\0", "mp3", "", "line break.mp3"),
]


@pytest.mark.parametrize(("title", "ending", "link", "name"), NAMES)
def test_a_recording_is_called_by_its_title(title, ending, link, name):
    assert name_of(LinkedRecording(link=link, title=title, ending=ending)) == name
    assert clean_path(name) == name
