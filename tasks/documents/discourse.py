"""Discourse markers: words at the start of a sentence that tell whether it opens a topic or goes on with one."""

import re
from collections.abc import Sequence
from functools import cache

_TOPICS = {
    "en": "first|firstly|second|secondly|third|thirdly|finally|next|now|today|meanwhile|another|later|let's"
    "|let us|let me"
    "|in conclusion|to sum up|to begin with|in the end|on the other hand|years later|chapter|part",
    "de": "zunächst|zuerst|erstens|zweitens|drittens|schließlich|nun|heute|inzwischen|unterdessen|später|kommen wir"
    "|zum schluss|zum abschluss|zusammenfassend|auf der anderen seite|eines tages|kapitel|teil",
    "fr": "d'abord|tout d'abord|premièrement|deuxièmement|ensuite|enfin|finalement|maintenant|aujourd'hui"
    "|pendant ce temps"
    "|plus tard|passons|pour conclure|en conclusion|en résumé|d'autre part|par ailleurs|un jour|chapitre|partie",
    "es": "primero|en primer lugar|en segundo lugar|finalmente|por último|ahora|hoy|mientras tanto|más tarde|pasemos"
    "|para concluir|en conclusión|en resumen|por otra parte|por otro lado|un día|capítulo|parte",
    "it": "prima|innanzitutto|in primo luogo|infine|adesso|ora|oggi|nel frattempo|più tardi|passiamo|per concludere"
    "|in conclusione|d'altra parte|un giorno|capitolo|parte",
    "pt": "primeiro|em primeiro lugar|finalmente|por fim|agora|hoje|enquanto isso|mais tarde|vamos|para concluir"
    "|em conclusão|em resumo|por outro lado|um dia|capítulo|parte",
    "nl": "eerst|ten eerste|ten tweede|ten slotte|tenslotte|nu|vandaag|intussen|later|tot slot|kortom"
    "|aan de andere kant"
    "|op een dag|hoofdstuk|deel",
}
_CONNECTORS = {
    "en": "and|but|or|so|because|he|she|it|they|this|that|these|those|his|her|their|its|there|then|also|yet|which",
    "de": "und|aber|oder|denn|er|sie|es|das|dies|dieser|diese|dieses|sein|seine|ihr|ihre|dort|da|dann|auch|doch"
    "|deshalb",
    "fr": "et|mais|ou|car|il|elle|ils|elles|ce|cela|ça|c'est|cette|ces|son|sa|ses|leur|leurs|y|alors|aussi|donc",
    "es": "y|pero|o|porque|él|ella|ellos|ellas|esto|eso|este|esta|estos|su|sus|allí|entonces|también|así",
    "it": "e|ma|o|perché|egli|lui|lei|essi|loro|questo|questa|ciò|suo|sua|lì|allora|anche|così",
    "pt": "e|mas|ou|porque|ele|ela|eles|elas|isto|isso|este|esta|esse|essa|seu|sua|ali|então|também|assim",
    "nl": "en|maar|of|want|hij|zij|ze|het|dit|dat|deze|zijn|haar|hun|daar|toen|dan|ook|dus",
}
_QUOTES = "\"'“‘„‚«‹([{¿¡"  # noqa: RUF001 - quotation marks that look like others


def opens_topic(opening: Sequence[str], language: str) -> bool:
    """Return whether a sentence that begins with the words *opening* says that something else follows."""
    return _begins(opening, _TOPICS.get(language, ""))


def connects(opening: Sequence[str], language: str) -> bool:
    """Return whether a sentence that begins with the words *opening* refers to the one before it."""
    return _begins(opening, _CONNECTORS.get(language, ""))


def _begins(opening: Sequence[str], phrases: str) -> bool:
    text = " ".join(opening).lstrip(_QUOTES).replace("’", "'").casefold()  # noqa: RUF001 - the typesetters' apostrophe
    return bool(phrases) and _pattern(phrases).match(text) is not None


@cache
def _pattern(phrases: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{phrases})(?!\w)")
