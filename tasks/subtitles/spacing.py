"""
Spaces that are missing between sentences: the model glues some together, as in "correspondante.en" and "today?今天".

What has a sign inside on purpose stays: addresses, domains and file names, numbers, abbreviations, dots in a row.
"""

# ruff: noqa: RUF001 - the signs of many scripts are meant

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise

from tasks.transcription.transcript import Word

SPACELESS = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff00-\uffef\U00020000-\U0003ffff]"
)
"""A character of a script without spaces: Thai, Lao, Tibetan, Burmese, Khmer, kana, Han and their punctuation."""

_BORDER = re.compile(r"(?<=[^\W_])(?:[?!؟।]+|\.)[\"'”’»)\]]*(?=[\"'“«(\[¿¡]*[^\W_])")
"""A sentence's sign between a letter or digit and a letter or digit, with the quotation marks that go with it."""

_TOKEN = re.compile(r"\S+")
_TECHNICAL = re.compile(r"[@/\\_=&#]|www\.", re.IGNORECASE)
_CHAIN = re.compile(r"[\w-]+(?:\.[\w-]+)+")
_WORD_BEFORE = re.compile(r"[^\W\d_]+$")
_NUMBER_BEFORE = re.compile(r"(?:^|[^\w.])\d+$")
_INITIALS_BEFORE = re.compile(r"\.[^\W\d_]$")
_WORD_AFTER = re.compile(r"[\"'“«(\[¿¡]*([^\W\d_]+(?:['’][^\W\d_]+)*)")
_ONE_LETTER_WORDS = frozenset("IAÀYEÈOÉ")
# Domains of countries, then the usual general ones.
_DOMAINS = """
ac ad ae af ag ai al am ao ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw by bz ca cc cd cf cg
ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg er es et eu fi fj fm fo fr ga gd ge gf gg gh gi
gl gm gn gp gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr
kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne
nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sk
sl sm sn so sr ss st su sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi
vn vu wf ws ye yt za zm zw app biz blog cat cloud club com dev edu fm gov info int mil museum name net news online org
page shop site store tech travel website wiki world xyz
"""
_FILE_ENDINGS = """
aac avi bat bin bmp cfg conf cpp css csv dll doc docx epub exe flac gif gz html htm ini ipynb iso jar java jpg jpeg js
json jsx log lock m4a mkv mov mp3 mp4 ods odt ogg opus pdf php png ppt pptx ps1 rar rb rst rtf sh sql srt svg sys tar
tex tiff toml ts tsv tsx txt vtt wav webm webp xls xlsx xml yaml yml zip
"""
_NAMES_AFTER_A_DOT = frozenset((*_DOMAINS.split(), *_FILE_ENDINGS.split()))


def text_length(text: str) -> str:
    """Return the length of *text* as told: "120 words", or "312 characters" where no spaces are between words."""
    characters = sum(sign.isalpha() for sign in SPACELESS.findall(text))
    words = sum(any(map(str.isalnum, word)) for word in SPACELESS.sub(" ", text).split())
    parts = [f"{words} word{'s' * (words != 1)}"] if words or not characters else []
    if characters:
        parts.append(f"{characters} character{'s' * (characters != 1)}")
    return ", ".join(parts)


def spaced_sentences(words: Sequence[Word]) -> tuple[Word, ...]:
    """
    Return *words* with a space where two sentences are glued together, within a word or between two.

    A word that holds the end of one sentence and the start of the next becomes two, which share its time in proportion
    to their characters.
    """
    text = "".join(word.text for word in words)
    cuts = missing_spaces(text)
    if not cuts:
        return tuple(words)
    starts = list(accumulate((len(word.text) for word in words), initial=0))
    mended: list[Word] = []
    for word, (start, end) in zip(words, pairwise(starts), strict=True):
        for piece, opens_sentence in _pieces(word, [cut - start for cut in cuts if start <= cut < end]):
            if opens_sentence:
                mended.append(piece.model_copy(update={"text": f" {piece.text}"}))
            elif mended and not any(map(str.isalnum, piece.text)) and piece.text != word.text:
                mended[-1] = mended[-1].model_copy(update={"text": mended[-1].text + piece.text})
            else:
                mended.append(piece)
    return tuple(mended)


def _pieces(word: Word, cuts: Sequence[int]) -> Iterator[tuple[Word, bool]]:
    """Yield the parts of *word* between the cuts, each with whether a sentence begins with it."""
    if cuts in ([], [0]):
        yield word, bool(cuts)
        return
    seconds_per_letter = (word.end - word.start) / len(word.text)
    for first, after in pairwise(sorted({0, *cuts, len(word.text)})):
        times = {
            "start": round(word.start + first * seconds_per_letter, 3),
            "end": round(word.start + after * seconds_per_letter, 3),
        }
        yield word.model_copy(update={"text": word.text[first:after], **times}), first in cuts


def missing_spaces(text: str) -> tuple[int, ...]:
    """Return the positions in *text* before which a space is missing."""
    return tuple(_missing_spaces(text))


def _missing_spaces(text: str) -> Iterator[int]:
    for token in _TOKEN.finditer(text):
        if _TECHNICAL.search(token[0]):
            continue
        names = list(_names_with_dots(token[0]))
        for border in _BORDER.finditer(token[0]):
            before, after = token[0][: border.start()], token[0][border.end() :]
            if SPACELESS.match(before[-1]) and SPACELESS.match(after[0]):
                continue
            in_name = any(start < border.start() < end for start, end in names)
            if border[0][0] != "." or (not in_name and _ends_sentence(before, after)):
                yield token.start() + border.end()


def _names_with_dots(token: str) -> Iterator[tuple[int, int]]:
    """Yield the spans of the domains, names of files and paths of names in *token*: "example.com", "os.path.join"."""
    for chain in _CHAIN.finditer(token):
        labels = chain[0].split(".")
        ends = list(accumulate((len(label) + 1 for label in labels), initial=chain.start() - 1))
        known = [count for count in range(2, len(labels) + 1) if _may_follow_a_dot(labels[count - 1])]
        if known:
            yield chain.start(), ends[known[-1]]
        elif len(labels) > 2 and chain[0].islower():  # noqa: PLR2004 - two may be words of two sentences
            yield chain.span()


def _may_follow_a_dot(label: str) -> bool:
    is_written_so = label.islower() or label.isupper() or len(label) > 2  # noqa: PLR2004 - ".So" begins a sentence
    return is_written_so and label.casefold() in _NAMES_AFTER_A_DOT


def _ends_sentence(before: str, after: str) -> bool:
    """Return whether the full stop between the two ends a sentence: it does not in "z.B.", "U.S.A", "3.x", "Ph.D"."""
    found, left = _WORD_AFTER.match(after), _WORD_BEFORE.search(before)
    if found is None:
        return False
    right = found[1]
    is_capitalised = right[0].isupper() and right[1:2].islower()
    if left is None:
        return is_capitalised and _NUMBER_BEFORE.search(before) is not None
    if len(left[0]) == 1:
        return is_capitalised and _INITIALS_BEFORE.search(before) is not None
    if len(right) == 1:
        return right in _ONE_LETTER_WORDS and len(after) == found.end()
    return is_capitalised or "'" in right or "’" in right or not right[0].isupper()
