"""A zoo of media files, made by ffmpeg when a test asks for one, and both kinds of ffmpeg to read them."""

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import pytest

from tasks.media.ffmpeg import convert_file
from tasks.media.plan import Conversion, ConversionLimits

TOLERANCE_SECONDS = 0.1
BEEP = (
    *("-f", "lavfi", "-i", "sine=frequency=440:duration=8"),
    *("-af", "volume=volume='if(between(t,6,7),1,0.02)':eval=frame,aresample=44100"),
)
"""Eight seconds, loud only from 6 to 7 s."""


@dataclass(frozen=True)
class Zoo:
    """Makes files: ``tone`` is a source of five seconds, ``film`` one of eight."""

    folder: Path
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:duration=5")
    film = ("-f", "lavfi", "-i", "testsrc=size=160x120:rate=10:duration=8")

    def make(self, name: str, *arguments: str) -> Path:
        """Return the file that the packaged ffmpeg, which has all the encoders, makes with *arguments*."""
        path = self.folder / name
        program = imageio_ffmpeg.get_ffmpeg_exe()
        subprocess.run([program, "-v", "error", "-nostdin", "-y", *arguments, f"file:{path}"], check=True)
        return path

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        return path

    def cut_off(self, path: Path, share: float) -> Path:
        content = path.read_bytes()
        return self.write(f"cut {path.name}", content[: int(len(content) * share)])

    def overwritten(self, path: Path, at: float, count: int) -> Path:
        """Return a copy with *count* wrong bytes at that share of the file, as from one lost packet."""
        content = bytearray(path.read_bytes())
        start = int(len(content) * at)
        content[start : start + count] = bytes(byte ^ 0x5A for byte in content[start : start + count])
        return self.write(f"scratched {path.name}", bytes(content))

    def damaged(self, path: Path) -> Path:
        """Return a copy with zeros from 40 to 60 % of its bytes, as from a bad disk."""
        content = bytearray(path.read_bytes())
        start, stop = len(content) * 4 // 10, len(content) * 6 // 10
        content[start:stop] = bytes(stop - start)
        return self.write(f"damaged {path.name}", bytes(content))


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    folder = tmp_path / "zoo"
    folder.mkdir()
    return Zoo(folder)


@pytest.fixture(params=["system", "packaged"])
def ffmpeg(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The ffmpeg that converts: the system's, or where it has none the one that comes as a Python package."""
    if request.param == "packaged":
        monkeypatch.setenv("PATH", str(tmp_path))
    elif shutil.which("ffmpeg") is None:
        pytest.skip("this system has no ffmpeg")
    return str(request.param)


@dataclass(frozen=True)
class Work:
    """The folder for recordings."""

    folder: Path

    @property
    def target(self) -> Path:
        return self.folder / "recording.mp3"

    def convert(
        self,
        upload: Path,
        *,
        name: str = "",
        max_audio_seconds: float = 3600.0,
        audio_stream: int = 0,
        refuse_damaged: bool = False,
        measure_channels: bool = False,
    ) -> Conversion:
        return convert_file(
            upload,
            name=name or upload.name,
            target=self.target,
            limits=ConversionLimits(max_audio_seconds),
            audio_stream=audio_stream,
            refuse_damaged=refuse_damaged,
            measure_channels=measure_channels,
        )

    @property
    def contents(self) -> list[str]:
        return sorted(path.name for path in self.folder.rglob("*"))


@pytest.fixture
def work(tmp_path: Path, ffmpeg: str) -> Work:  # noqa: ARG001 - it sets the PATH
    folder = tmp_path / "work"
    folder.mkdir()
    return Work(folder)


@pytest.fixture
def level_of() -> Callable[..., float]:
    """Return the mean level of a file between two times, in decibels against full scale."""

    def level(path: Path, start: float = 0.0, seconds: float = 3600.0) -> float:
        program = imageio_ffmpeg.get_ffmpeg_exe()
        listing = subprocess.run(
            [program, "-ss", str(start), "-t", str(seconds), "-i", path, "-af", "volumedetect", "-f", "null", "-"],
            stdin=subprocess.DEVNULL,
            check=True,
            capture_output=True,
            text=True,
        ).stderr
        return float(listing.split("mean_volume: ")[1].split(" dB")[0])

    return level


def gaps_of(conversion: Conversion) -> list[tuple[float, float]]:
    """Return the stretches whose sound is lost."""
    return [(gap.start, gap.end) for gap in conversion.gaps]


def near(*stretches: tuple[float, float], within: float = 0.3) -> list[object]:
    """Return what equals stretches that begin and end near these."""
    return [pytest.approx(stretch, abs=within) for stretch in stretches]
