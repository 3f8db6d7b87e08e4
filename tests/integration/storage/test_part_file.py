"""Files that are being received, beside sweeps that look for what killed processes left."""

import fcntl
import shutil

from tasks.settings import Settings
from tasks.storage.part_file import PartFile, keeps_videos


def test_a_sweep_that_comes_before_the_file_is_locked_costs_no_upload(tmp_path, monkeypatch):
    lock, swept = fcntl.flock, []

    def swept_first(descriptor, operation):
        if not swept:
            swept.extend(tmp_path.glob("*.part"))
            swept[0].unlink()
        lock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", swept_first)
    part = PartFile(tmp_path, limit_bytes=10)
    part.open(3)
    part.write(b"abc")
    part.complete()
    part.move_to(tmp_path / "job")
    part.close()
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("job", b"abc")]


def test_videos_stay_only_while_a_tenth_of_the_disk_is_free(tmp_path, monkeypatch):
    settings = Settings(_env_file=None, data=tmp_path, disk_reserve_bytes=0)
    disk = shutil.disk_usage(tmp_path)
    for share, stay in ((0.11, True), (0.09, False)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, share=share: disk._replace(free=int(share * disk.total)))
        assert keeps_videos(settings) is stay
    assert not keeps_videos(settings.model_copy(update={"video_retention_hours": 0.0}))
