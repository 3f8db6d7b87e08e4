"""Choices on the upload page, for `tasks.options.TranscriptionOptions`: models, languages, speakers, audio streams."""

from tasks.options import MOST_SPEAKERS

MODELS = ("tiny", "base", "small", "medium", "large-v3", "large-v3-turbo", "distil-large-v3.5")
"""Whisper models that are offered by name. Any other can be written in."""

SPEAKER_COUNTS = tuple(range(2, MOST_SPEAKERS + 1))
"""Numbers of speakers that are offered beside telling none apart and as many as are found."""

AUDIO_STREAMS = tuple(range(1, 9))
"""Audio streams that are offered by number, of files with several. The API takes any."""

LANGUAGES = (
    *("af", "am", "ar", "as", "az", "ba", "be", "bg", "bn", "bo", "br", "bs", "ca", "cs", "cy", "da", "de", "el"),
    *("en", "es", "et", "eu", "fa", "fi", "fo", "fr", "gl", "gu", "ha", "haw", "he", "hi", "hr", "ht", "hu", "hy"),
    *("id", "is", "it", "ja", "jw", "ka", "kk", "km", "kn", "ko", "la", "lb", "ln", "lo", "lt", "lv", "mg", "mi"),
    *("mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "nn", "no", "oc", "pa", "pl", "ps", "pt", "ro", "ru"),
    *("sa", "sd", "si", "sk", "sl", "sn", "so", "sq", "sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tk", "tl"),
    *("tr", "tt", "uk", "ur", "uz", "vi", "yi", "yo", "yue", "zh"),
)
"""Codes of the languages that Whisper knows; the browser knows their names."""
