import pytest

from deployments.local.console import Level, LogLine, console_line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "12:00:01.123 | INFO    | Flow run 'talks/a.mp3' - 9.7 s of audio in 1.4 s",
            LogLine(Level.INFO, "talks/a.mp3: 9.7 s of audio in 1.4 s"),
        ),
        (
            "12:00:01.123 | ERROR   | Task run 'convert-3' - a.txt has no audio stream",
            LogLine(Level.ERROR, "convert-3: a.txt has no audio stream"),
        ),
        (
            "12:00:01.123 | WARNING | prefect.server.services - something slow",
            LogLine(Level.WARNING, "prefect.server.services - something slow"),
        ),
        (
            "12:00:01.123 | WARNING | prefect.workers.warm.gpu-0 - a.mp3 was left behind",
            LogLine(Level.WARNING, "a.mp3 was left behind"),
        ),
        (
            "2026-01-01 12:00:01,123 INFO dashboard.services.uploads: removed 2 unfinished uploads",
            LogLine(Level.INFO, "dashboard.services.uploads: removed 2 unfinished uploads"),
        ),
        ("ERROR:    Exception in ASGI application", LogLine(Level.ERROR, "Exception in ASGI application")),
    ],
)
def test_runs_and_warnings_are_shown_without_the_time_and_level_in_front(line, expected):
    assert console_line(line) == expected


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Check out the dashboard at http://127.0.0.1:4200",
        "12:00:01.123 | INFO    | prefect.worker - Worker 'gpu-0' polling",
        "12:00:01.123 | DEBUG   | Flow run 'calm-fox' - heartbeat",
        "12:00:01.123 | INFO    | Flow run 'calm-fox' - Beginning flow run 'calm-fox' for flow 'transcribe-batch'",
        'INFO:     127.0.0.1:51000 - "GET /api/health HTTP/1.1" 200 OK',
        "2026-01-01 12:00:01,123 INFO httpx: HTTP Request: GET /health",
        "12:00:01.123 | INFO    | Task run 'publish-299' - Finished in state Completed()",
        '  File "x.py", line 3, in f',
    ],
)
def test_banners_access_logs_and_housekeeping_are_not(line):
    assert console_line(line) is None
