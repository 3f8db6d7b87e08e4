"""
Chinese in one script: Whisper writes simplified characters now and traditional ones then, within one recording.

OpenCC converts with the words around in mind (头发 and 发现 are 頭髮 and 發現), to the usual forms of Taiwan, or of
Hong Kong for Cantonese. Each word keeps its time.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from itertools import accumulate, pairwise

import opencc

from tasks.options import ChineseScript
from tasks.transcription.transcript import Segment, Transcript

CANTONESE = "yue"
CHINESE = frozenset(("zh", CANTONESE))
_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3041-\u30ff]")
_OTHERS = {ChineseScript.SIMPLIFIED: ("big5", b"\xc9", "s2t"), ChineseScript.TRADITIONAL: ("gb2312", b"\xd8", "tw2s")}
"""
For each script the character set of the other one, where its rare characters begin in it, and the conversion.

后 and 干 are common in both scripts and tell nothing; 气 is in both, but rare in traditional text.
"""


def in_one_script(transcript: Transcript, wanted: ChineseScript) -> Transcript:
    """
    Return the transcript with its Chinese in one script: the *wanted* one, or the one that most of it is in.

    Other languages stay as they are; Japanese also where the model took it for Chinese.
    """
    if wanted is ChineseScript.OFF:
        return transcript
    spoken = (one.text for one in transcript.segments if _is_chinese(one.language, one.text, transcript))
    script = _main_script(spoken) if wanted is ChineseScript.AUTO else wanted
    if script is None:
        return transcript

    def converted(language: str, pieces: Sequence[str]) -> Sequence[str]:
        text = "".join(pieces)
        is_chinese = _is_chinese(language, text, transcript)
        return _in_script(pieces, script, language or transcript.language) if is_chinese else pieces

    return transcript.model_copy(
        update={
            "segments": tuple(_converted(segment, converted) for segment in transcript.segments),
            "removed": tuple(
                removed.model_copy(update={"text": converted("", (removed.text,))[0]}) for removed in transcript.removed
            ),
        }
    )


def _is_chinese(language: str, text: str, transcript: Transcript) -> bool:
    return (language or transcript.language) in CHINESE and _KANA.search(text) is None


def _converted(segment: Segment, converted: Callable[[str, Sequence[str]], Sequence[str]]) -> Segment:
    texts = converted(segment.language, [word.text for word in segment.words])
    words = (word.model_copy(update={"text": text}) for word, text in zip(segment.words, texts, strict=True))
    text = converted(segment.language, (segment.text,))[0]
    return segment.model_copy(update={"words": tuple(words), "text": text})


def _main_script(texts: Iterable[str]) -> ChineseScript | None:
    """Return the script that more of the *texts*' characters are in; None if they are not in both."""
    counts = dict.fromkeys(_OTHERS, 0)
    for text in texts:
        for script in counts:
            counts[script] += _telling(text, script)
    if not all(counts.values()):
        return None
    return max(counts, key=lambda script: counts[script])


def _telling(text: str, script: ChineseScript) -> int:
    """Return how many characters of *text* only this script has."""
    return sum(_tells(character, script) for character in _HAN.findall(text))


@cache
def _tells(character: str, script: ChineseScript) -> bool:
    other, rare_from, conversion = _OTHERS[script]
    encoded = character.encode(other, errors="ignore")
    is_common = bool(encoded) and encoded < rare_from
    return not is_common and bool(_converter(conversion).convert(character) != character)


def _in_script(pieces: Sequence[str], script: ChineseScript, language: str) -> Sequence[str]:
    """Return the *pieces* of a text in that script, each as long as before."""
    text = "".join(pieces)
    if script is ChineseScript.SIMPLIFIED:
        written = _converter("tw2s").convert(text)
    elif _telling(text, ChineseScript.TRADITIONAL) and not _telling(text, ChineseScript.SIMPLIFIED):
        return pieces  # it is in it: read as simplified, 干擾 would become 幹擾
    else:
        written = _converter("s2hk" if language == CANTONESE else "s2tw").convert(_converter("tw2s").convert(text))
    if len(written) != len(text):
        return pieces if len(pieces) == 1 else [_in_script((piece,), script, language)[0] for piece in pieces]
    borders = accumulate(map(len, pieces), initial=0)
    return [written[start:end] for start, end in pairwise(borders)]


@cache
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)
