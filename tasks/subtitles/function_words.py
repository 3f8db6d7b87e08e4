"""
Function words: the small closed classes of words by which `tasks.subtitles.breaks` tells where a phrase begins.

Compiled from the grammars' closed classes for this purpose; a language without a list is laid out by its punctuation,
pauses, numbers and names alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FunctionWords:
    """One language's words that open a phrase or belong to the word after them, in lower case."""

    conjunctions: frozenset[str] = frozenset()
    prepositions: frozenset[str] = frozenset()
    binding: frozenset[str] = frozenset()
    """Articles, determiners, subject pronouns, auxiliaries, negations: never parted from the word after them."""
    binding_endings: tuple[str, ...] = ()
    """Endings of contracted words that bind likewise: ``'re`` in "they're"."""
    abbreviations: frozenset[str] = frozenset()
    """Words whose point never ends a sentence. Not "etc.", which may: there the next word tells."""

    def binds(self, word: str) -> bool:
        """Return whether *word* (lower case) belongs to the word after it."""
        return word in self.binding or word.endswith(self.binding_endings)


def function_words(language: str) -> FunctionWords:
    """Return the words of *language* (Whisper's code); none for a language without a list."""
    return _BY_LANGUAGE.get(language, _UNLISTED)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_UNLISTED = FunctionWords()

_BY_LANGUAGE = {
    "en": FunctionWords(
        conjunctions=_words(
            "and but or nor so yet because although though while whereas if unless until since when whenever "
            "where wherever that which who whom whose as than whether why how"
        ),
        prepositions=_words(
            "of in on at by for with about against between into through during above below to from up down over "
            "under across behind beyond near without within along among around upon toward towards like per via "
            "despite except onto off before after outside inside"
        ),
        binding=_words(
            "the a an this these those my your his her its our their every each some any no not never very too i "
            "you he she it we they there is am are was were be been being has have had do does did will would "
            "shall should can cannot could may might must mr mrs ms dr prof more most such what"
        ),
        binding_endings=("'m", "'re", "'ve", "'ll", "'d", "'s", "n't"),
        abbreviations=_words(
            "mr. mrs. ms. dr. prof. st. gen. col. sgt. capt. lt. rev. hon. vs. approx. vol. fig. "
            "dept. e.g. i.e. jan. feb. aug. sept. oct. nov. dec."
        ),
    ),
    "de": FunctionWords(
        conjunctions=_words(
            "und oder aber denn sondern doch dass daß weil wenn als ob obwohl während bevor nachdem damit sodass "
            "falls sobald solange bis wie wo weshalb warum sowie indem"
        ),
        prepositions=_words(
            "in im ins an am ans auf aufs aus bei beim mit nach von vom zu zum zur für durch durchs gegen ohne um "
            "über unter vor hinter neben zwischen seit wegen trotz laut ab gegenüber innerhalb außerhalb entlang "
            "statt"
        ),
        binding=_words(
            "der die das den dem des ein eine einen einem einer eines kein keine keinen keinem keiner mein meine "
            "meinen dein deine sein seine seinen ihr ihre ihren unser unsere euer dieser diese dieses diesen "
            "diesem jener jene jeder jede jedes jeden alle viele einige ich du er sie es wir man nicht nie sehr "
            "zu ist bin bist sind war waren hat habe haben hatte hatten wird werden wurde wurden kann können "
            "konnte muss müssen soll sollen will wollen darf dürfen mag möchte herr frau dr prof"
        ),
        abbreviations=_words(
            "hr. fr. dr. prof. dipl. ing. nr. str. bzw. ca. evtl. ggf. inkl. vgl. z.b. d.h. u.a. o.ä. s. st. "
            "mio. mrd. jan. feb. aug. sept. okt. nov. dez. abs. bd. geb. gest. jh. tel."
        ),
    ),
    "fr": FunctionWords(
        conjunctions=_words(
            "et ou mais donc or ni car que qui quand lorsque puisque quoique comme si dont où parce tandis afin "
            "pourquoi"
        ),
        prepositions=_words(
            "à au aux de du des en dans sur sous par pour avec sans chez vers entre contre depuis pendant avant "
            "après devant derrière malgré selon parmi dès jusque jusqu'à"
        ),
        binding=_words(
            "le la les un une ce cet cette ces mon ma mes ton ta tes son sa ses notre nos votre vos leur leurs "
            "quel quelle chaque plusieurs je tu il elle on nous vous ils elles me te se ne pas y est suis es "
            "sommes êtes sont était étaient a ai as avons avez ont avait avaient sera seront très plus moins m "
            "mme mlle dr"
        ),
        abbreviations=_words("mm. mme. mlle. dr. st. ste. p. pp. env. av. apr. cf. janv. févr."),
    ),
    "es": FunctionWords(
        conjunctions=_words(
            "y e o u ni pero sino que porque pues aunque si cuando mientras como donde quien quienes cual cuales cuyo"
        ),
        prepositions=_words(
            "a al ante bajo con contra de del desde durante en entre hacia hasta mediante para por según sin sobre tras"
        ),
        binding=_words(
            "el la los las lo un una unos unas este esta estos estas ese esa esos esas aquel aquella mi mis tu "
            "tus su sus nuestro nuestra cada todo toda todos todas muy más menos no nunca yo él ella nosotros "
            "ellos ellas me te se le les nos es soy eres somos son era eran fue fueron ha he has hemos han había "
            "está están estaba sr sra dr"
        ),
        abbreviations=_words("sr. sra. srta. dr. dra. d. dña. ud. uds. p.ej. núm. pág. av. aprox."),
    ),
    "it": FunctionWords(
        conjunctions=_words(
            "e ed o od ma però che perché poiché se quando mentre come dove né anzi oppure quindi dunque cui "
            "quale quali"
        ),
        prepositions=_words(
            "di a da in con su per tra fra del dello della dei degli delle al allo alla ai agli alle dal dallo "
            "dalla dai dalle nel nello nella nei negli nelle sul sullo sulla sui sulle verso senza sotto sopra "
            "dopo prima contro"
        ),
        binding=_words(
            "il lo la i gli le un uno una questo questa questi queste quel quello quella quei quelle mio mia tuo "
            "tua suo sua nostro nostra loro ogni molto più meno non io tu lui lei noi voi mi ti si ci vi ne è "
            "sono sei siamo era erano ha ho hai abbiamo hanno aveva avevano viene sig dott"
        ),
        abbreviations=_words("sig. sig.ra dott. dott.ssa prof. ing. avv. es. pag. "),
    ),
    "pt": FunctionWords(
        conjunctions=_words("e ou mas nem que porque pois embora se quando enquanto como onde quem cujo cuja porém"),
        prepositions=_words(
            "a ao aos à às ante após até com contra de do da dos das desde em no na nos nas entre para por pelo "
            "pela pelos pelas perante sem sob sobre num numa"
        ),
        binding=_words(
            "o os as um uma uns umas este esta estes estas esse essa isso aquele aquela meu minha teu tua seu sua "
            "nosso nossa cada todo toda todos todas muito mais menos não nunca eu tu ele ela nós eles elas você "
            "vocês me te se lhe é sou são era eram foi foram tem tenho têm tinha está estão estava há vai vão sr "
            "sra dr"
        ),
        abbreviations=_words("sr. sra. dr. dra. prof. pág. av. n.º aprox. p.ex."),
    ),
    "nl": FunctionWords(
        conjunctions=_words(
            "en of maar want dus dat omdat als toen terwijl hoewel zodat indien wanneer waar die wie hoe waarom of"
        ),
        prepositions=_words(
            "aan achter bij boven buiten door in langs met na naar naast om onder op over per sinds te tegen "
            "tijdens tot tussen uit van vanaf voor volgens zonder"
        ),
        binding=_words(
            "de het een deze dit mijn jouw zijn haar ons onze hun elke elk ieder iedere geen niet nooit zeer heel "
            "ik je jij u hij zij ze we wij jullie men is ben bent was waren heb hebt heeft hebben had hadden "
            "wordt worden werd zal zullen zou kan kunnen kon moet moeten mag wil willen dhr mevr dr"
        ),
        abbreviations=_words("dhr. mevr. mw. dr. prof. drs. ir. mr. nr. blz. bijv. o.a. d.w.z. ca. jl."),
    ),
}
