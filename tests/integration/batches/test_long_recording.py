"""A long recording is heard by both devices of a stack, and comes out whole, in order and once."""

import json
import shutil
import subprocess
from itertools import pairwise

import imageio_ffmpeg
import jiwer
from whisper_normalizer.english import EnglishTextNormalizer

WORDS = EnglishTextNormalizer()
MINUTES = 6
"""The stack takes a recording of five minutes for a long one."""


def test_two_devices_hear_a_long_recording_and_its_words_are_in_order(stack, clips, new_batch, tmp_path):
    clip = clips["library-tour.mp3"]
    ffmpeg = shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()
    target = tmp_path / "lecture.mp3"
    loop = ["-stream_loop", "-1", "-i", str(clip.path), "-t", str(60 * MINUTES), "-c", "copy"]
    subprocess.run([ffmpeg, "-nostdin", "-loglevel", "error", *loop, str(target)], check=True)
    batch = new_batch(stack, "one long recording")
    batch.upload("lecture.mp3", target.read_bytes())
    batch.start()
    (job,) = batch.finished(500)["jobs"]

    assert (job["stage"], job["attempt"], job["note"]) == ("done", 1, "")
    assert [helper["work_pool"] for helper in job["helpers"]] != []
    assert job["work_pool"] not in {helper["work_pool"] for helper in job["helpers"]}
    record = json.loads(batch.document("lecture.mp3", "json"))
    words = [word for segment in record["segments"] for word in segment["words"]]
    assert all(earlier["end"] <= later["start"] + 0.001 for earlier, later in pairwise(words))
    assert 60 * MINUTES - 10 < words[-1]["end"] <= 60 * MINUTES + 1
    text = WORDS(batch.document("lecture.mp3", "txt").decode())
    said = WORDS(clip.text)
    repeats = round(len(text.split()) / len(said.split()))
    assert jiwer.wer(" ".join([said] * repeats), text) <= 0.1
    assert list((stack.data / "store").rglob(f"parts/{job['job_id']}/*")) == []
