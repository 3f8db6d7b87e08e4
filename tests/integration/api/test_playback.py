"""The recording as the player gets it: an MP4 with the same sound, of which any part can be asked for."""

import io
import shutil

import av
import numpy as np
import pytest

from tasks.media.ffmpeg import convert_file
from tasks.media.plan import ConversionLimits


@pytest.fixture(scope="module")
def recording(clips, tmp_path_factory):
    """A recording as the conversion makes it."""
    folder = tmp_path_factory.mktemp("recording")
    upload = folder / "upload"
    shutil.copy(clips["garden-podcast.mp3"].path, upload)
    limits = ConversionLimits(max_audio_seconds=60)
    convert_file(upload, name="garden-podcast.mp3", target=folder / "recording.mp3", limits=limits)
    return (folder / "recording.mp3").read_bytes()


@pytest.fixture(scope="module")
def job_id(dashboard, publish, recording):
    batch_id = dashboard.make_batch(name="Listening")
    job = dashboard.upload(batch_id, "garden.mp3").json()["job_id"]
    dashboard.start(batch_id)
    publish(dashboard, batch_id, job, sound=recording)
    return job


@pytest.fixture(scope="module")
def mp4(dashboard, job_id):
    answer = dashboard.http.get(f"api/jobs/{job_id}/audio.mp4")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "audio/mp4")
    return answer.content


def samples(content):
    with av.open(io.BytesIO(content)) as media:
        return np.concatenate([frame.to_ndarray().ravel() for frame in media.decode(audio=0)])


def test_the_mp4_sounds_like_the_recording_from_the_first_sample_on(recording, mp4):
    original, same = samples(recording), samples(mp4)
    assert 0 <= len(same) - len(original) < 1152  # what fills the last frame is not cut off
    assert np.array_equal(original, same[: len(original)])


def test_the_mp4_leads_to_every_moment(mp4):
    with av.open(io.BytesIO(mp4)) as media:
        for seconds in (8.0, 0.5, 4.25):
            media.seek(int(seconds * av.time_base))
            assert next(media.decode(audio=0)).time == pytest.approx(seconds, abs=0.15)


def test_parts_of_the_mp4_are_those_of_the_whole(dashboard, job_id, mp4, recording):
    border = len(mp4) - mp4[::-1].index(b"tadm")  # where the header ends and the frames begin
    assert recording.endswith(mp4[border:])
    parts = [
        (0, 9),
        (border - 5, border + 5),
        (border, border + 99),
        (border - 9, border - 1),
        (len(mp4) - 1, len(mp4)),
    ]
    for start, last in parts:
        answer = dashboard.http.get(f"api/jobs/{job_id}/audio.mp4", headers={"Range": f"bytes={start}-{last}"})
        assert (answer.status_code, answer.content) == (206, mp4[start : last + 1])
        assert answer.headers["content-range"].endswith(f"/{len(mp4)}")


def test_a_recording_that_is_no_mp3_has_no_mp4(dashboard, publish):
    batch_id = dashboard.make_batch(name="Noise")
    job = dashboard.upload(batch_id, "noise.mp3").json()["job_id"]
    dashboard.start(batch_id)
    publish(dashboard, batch_id, job, sound=b"no sound at all")
    answer = dashboard.http.get(f"api/jobs/{job}/audio.mp4")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is no MP4 of job")


def test_the_upload_of_a_video_is_watched_while_it_is_kept(dashboard, publish, job_id):
    batch_id = dashboard.make_batch(name="Watching")
    film = dashboard.upload(batch_id, "film.MP4", bytes(range(256)) * 4000).json()["job_id"]
    dashboard.start(batch_id)
    publish(dashboard, batch_id, film)
    part = dashboard.http.get(f"api/jobs/{film}/video", headers={"Range": "bytes=510-513"})
    assert (part.status_code, part.content, part.headers["content-type"]) == (206, b"\xfe\xff\x00\x01", "video/mp4")
    whole = dashboard.http.get(f"api/jobs/{film}/video")
    assert (whole.status_code, len(whole.content)) == (200, 1_024_000)
    (dashboard.data / "uploads" / batch_id / film).unlink()
    for gone in (film, job_id):  # the other one is sound
        answer = dashboard.http.get(f"api/jobs/{gone}/video")
        assert (answer.status_code, "There is no video" in answer.json()["detail"]) == (404, True)


@pytest.mark.parametrize(
    ("name", "video_type"), [("interview", "video/webm"), ("film.mp3", "video/mp4"), ("sound.mp4", "")]
)
def test_an_upload_is_a_video_by_what_it_is_and_not_by_its_name(dashboard, publish, record, name, video_type):
    batch_id = dashboard.make_batch(name="Watching")
    job = dashboard.upload(batch_id, name, b"ID3" + bytes(500)).json()["job_id"]
    dashboard.start(batch_id)
    publish(dashboard, batch_id, job)
    record(dashboard, batch_id, job, video_type=video_type)
    answer = dashboard.http.get(f"api/jobs/{job}/video")
    expected = (200, video_type) if video_type else (404, "application/json")
    assert (answer.status_code, answer.headers["content-type"]) == expected
