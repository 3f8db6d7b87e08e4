"""From an upload to a recording: formats, ffmpeg, its log, the plan, validation and the sandbox."""
