"""Files that are being received, beside sweeps that look for what killed processes left."""

import fcntl

from tasks.storage.part_file import PartFile


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
