"""Parts of the documents to read, Word and Markdown: the facts below the title, text that any file can hold."""

import re

from tasks.documents.material import Material
from tasks.options import WhisperTask
from tasks.transcription.gaps import clock

_NAMES = (
    "af Afrikaans, am Amharic, ar Arabic, as Assamese, az Azerbaijani, ba Bashkir, be Belarusian, bg Bulgarian, "
    "bn Bangla, bo Tibetan, br Breton, bs Bosnian, ca Catalan, cs Czech, cy Welsh, da Danish, de German, el Greek, "
    "en English, es Spanish, et Estonian, eu Basque, fa Persian, fi Finnish, fo Faroese, fr French, gl Galician, "
    "gu Gujarati, ha Hausa, haw Hawaiian, he Hebrew, hi Hindi, hr Croatian, ht Haitian Creole, hu Hungarian, "
    "hy Armenian, id Indonesian, is Icelandic, it Italian, ja Japanese, jw Javanese, ka Georgian, kk Kazakh, km Khmer, "
    "kn Kannada, ko Korean, la Latin, lb Luxembourgish, ln Lingala, lo Lao, lt Lithuanian, lv Latvian, mg Malagasy, "
    "mi Māori, mk Macedonian, ml Malayalam, mn Mongolian, mr Marathi, ms Malay, mt Maltese, my Burmese, ne Nepali, "
    "nl Dutch, nn Norwegian Nynorsk, no Norwegian, oc Occitan, pa Punjabi, pl Polish, ps Pashto, pt Portuguese, "
    "ro Romanian, ru Russian, sa Sanskrit, sd Sindhi, si Sinhala, sk Slovak, sl Slovenian, sn Shona, so Somali, "
    "sq Albanian, sr Serbian, su Sundanese, sv Swedish, sw Swahili, ta Tamil, te Telugu, tg Tajik, th Thai, "
    "tk Turkmen, tl Filipino, tr Turkish, tt Tatar, uk Ukrainian, ur Urdu, uz Uzbek, vi Vietnamese, yi Yiddish, "
    "yo Yoruba, yue Cantonese, zh Chinese"
)
_LANGUAGE_NAMES = dict(entry.split(" ", 1) for entry in _NAMES.split(", "))
_NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def facts(material: Material) -> str:
    """Return the line below the title: duration, language and the day of the transcription (UTC), if it is known."""
    transcript, processing = material.transcript, material.processing
    language = _LANGUAGE_NAMES.get(transcript.language, transcript.language)
    if processing.task is WhisperTask.TRANSLATE:
        language = f"translated from {language} into English"
    when = processing.finished_at
    revised = material.stored.revised_at
    parts = [clock(transcript.audio_seconds), language, f"transcribed on {when:%Y-%m-%d}" if when else ""]
    parts.append(f"corrected on {revised:%Y-%m-%d}" if revised else "")
    return " · ".join(filter(None, parts))


def plain(text: str) -> str:
    """Return *text* on one line, without the control characters that XML cannot hold: names may have some."""
    return " ".join(_NOT_IN_XML.sub("", text).split())
