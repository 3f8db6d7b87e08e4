import pytest

from tasks.subtitles.breaks import Border, borders
from tasks.subtitles.standards import standard_for
from tasks.subtitles.tokens import units_of
from tasks.transcription.transcript import Word


def border_at(text: str, language: str) -> Border:
    """Return the border at the bar in *text*, whose other words are separated as they are written."""
    left, right = text.split("|")
    # The unspaced scripts come character by character, as the model gives them.
    spaced = language not in ("ja", "zh", "th")
    pieces = [f" {word}" for word in f"{left} {right}".split()] if spaced else [*left, *right]
    words = [Word(text=piece, start=place, end=place + 1, probability=1) for place, piece in enumerate(pieces)]
    units = units_of(words, standard_for(language))
    before, length = 0, len(left.replace(" ", ""))
    while length > 0:
        length -= len(units[before].text.replace(" ", ""))
        before += 1
    return borders(units, language)[before]


@pytest.mark.parametrize(
    ("text", "language", "border"),
    [
        ("That is all. | Now", "en", Border.SENTENCE),
        ("Is it? | Yes", "en", Border.SENTENCE),
        ('he said "no." | Then', "en", Border.SENTENCE),  # the sign is inside the quotation
        ('"Why?" | he asked', "en", Border.CLAUSE),
        ("well... | maybe", "en", Border.CLAUSE),
        ("first, | second", "en", Border.CLAUSE),
        ("Dr. | Smith", "en", Border.BOUND),
        ("J. R. | Smith", "en", Border.BOUND),
        ("in the U.S. | army", "en", Border.BOUND),
        ("apples, pears etc. | Then", "en", Border.SENTENCE),
        ("apples, pears etc. | and", "en", Border.CLAUSE),
        ("at 5 p.m. | Then", "en", Border.SENTENCE),
        ("z.B. | Hunde", "de", Border.BOUND),
        ("we stayed | because it rained", "en", Border.CONJUNCTION),
        ("we stayed | in the house", "en", Border.PHRASE),
        ("the large | house", "en", Border.CLOSE),
        ("houses | everywhere", "en", Border.NONE),
        ("into the | house", "en", Border.BOUND),
        ("into | the house", "en", Border.BOUND),
        ("and | then", "en", Border.BOUND),
        ("they're | late", "en", Border.BOUND),
        ("they’re | late", "en", Border.BOUND),  # noqa: RUF001 - the apostrophe of typesetters
        ("about 20 | percent", "en", Border.BOUND),
        ("see Chapter | 4", "en", Border.BOUND),
        ("with Jane | Austen", "en", Border.BOUND),
        ("end. Yesterday | Jane came", "en", Border.NONE),  # its capital is the sentence's
        ("gave it | to them", "en", Border.PHRASE),  # an object, although "it" can be a subject
        ("am 3. | Mai", "de", Border.BOUND),
        ("im Jahr 1984. | Danach", "de", Border.SENTENCE),
        ("Häuser sah | Hans", "de", Border.NONE),
        ("der Vater | Staat", "de", Border.CLOSE),  # German nouns are no names
        ("über Dr. Edward | Jenner", "de", Border.BOUND),  # but what follows a title is
        ("dort hat Johann | Weber", "de", Border.BOUND),  # and what follows a given name
        ("Frau | Merkel", "de", Border.BOUND),
        ("die alten | Häuser", "de", Border.BOUND),
        ("kamen mehr | als 500", "de", Border.BOUND),
        ("dauert länger | als", "de", Border.BOUND),
        ("innerhalb | von 10 Tagen", "de", Border.BOUND),
        ("innerhalb von 10 | Tagen", "de", Border.BOUND),
        ("innerhalb weniger | Jahre", "de", Border.BOUND),
        ("gekommen | ist", "de", Border.CLOSE),
        ("by more | than half", "en", Border.BOUND),
        ("larger | than", "en", Border.BOUND),
        ("this was one | of them", "en", Border.BOUND),
        ("the number | had fallen", "en", Border.CLOSE),
        ("President | Lincoln", "en", Border.BOUND),
        ("cela tua plus | de 500", "fr", Border.BOUND),
        ("plus | d'un", "fr", Border.BOUND),
        ("voir ce | qui se passe", "fr", Border.BOUND),
        ("n'a | rien", "fr", Border.BOUND),
        ("jusqu'en | 1840", "fr", Border.BOUND),
        ("répond à vos | besoins", "fr", Border.BOUND),
        ("أكثر | من 500", "ar", Border.BOUND),
        ("في | البيت", "ar", Border.BOUND),
        ("עד | יום", "he", Border.BOUND),
        ("ich weiß, | dass", "de", Border.CLAUSE),
        ("elle est | venue", "fr", Border.BOUND),
        ("Quoi ? | Oui", "fr", Border.SENTENCE),  # the sign set apart belongs to its word
        ("la casa | de mi madre", "es", Border.PHRASE),
        ("mi mówią | dom", "pl", Border.NONE),  # no list of words: nothing is known
        ("東京です。|次は", "ja", Border.SENTENCE),
        ("東京に|行く", "ja", Border.PHRASE),
        ("東京|に行く", "ja", Border.BOUND),
        ("お話し|します", "ja", Border.BOUND),
        ("我们|的", "zh", Border.BOUND),
        ("今天|我们", "zh", Border.NONE),
        ("在|北京", "zh", Border.BOUND),
        ("เรา|จะพูด", "th", Border.NONE),
        ("你好，|再见", "zh", Border.CLAUSE),  # noqa: RUF001 - the full-width comma is meant
    ],
)
def test_border_between_two_words(text: str, language: str, border: Border):
    assert border_at(text, language) is border


def test_a_text_begins_and_ends_with_the_border_of_a_sentence():
    units = units_of([Word(text=" hello", start=0, end=1, probability=1)], standard_for("en"))

    assert borders(units, "en") == (Border.SENTENCE, Border.SENTENCE)
    assert borders((), "en") == ()
