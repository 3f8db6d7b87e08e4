"""Choices on the upload page, for `tasks.options.TranscriptionOptions`: models, speakers, audio streams."""

from tasks.options import MOST_SPEAKERS

MODELS = ("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo", "distil-large-v3.5")
"""Whisper models that are offered by name. Any other can be written in."""

SPEAKER_COUNTS = tuple(range(2, MOST_SPEAKERS + 1))
"""Numbers of speakers that are offered beside telling none apart and as many as are found."""

AUDIO_STREAMS = tuple(range(1, 9))
"""Audio streams that are offered by number, of files with several. The API takes any."""
