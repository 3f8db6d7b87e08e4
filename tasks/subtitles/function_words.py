"""
Function words: the small closed classes of words by which `tasks.subtitles.breaks` tells where a phrase begins.

Compiled from the grammars' closed classes for this purpose; a language without a list is laid out by its punctuation,
pauses, numbers and names alone.
"""

# ruff: noqa: RUF001 - words of many scripts

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FunctionWords:
    """One language's words that open a phrase or belong to the word after them, in lower case."""

    conjunctions: frozenset[str] = frozenset()
    prepositions: frozenset[str] = frozenset()
    binding: frozenset[str] = frozenset()
    """Articles, determiners, subject pronouns, negations: never parted from the word after them."""
    binding_endings: tuple[str, ...] = ()
    """Endings of contracted words that bind likewise: ``'re`` in "they're"."""
    auxiliaries: frozenset[str] = frozenset()
    """Finite auxiliaries: they bind like articles, and follow their subject or participle closely."""
    numbers: frozenset[str] = frozenset()
    """Numbers in letters, which belong to what is counted."""
    pairs: frozenset[tuple[str, str]] = frozenset()
    """Two words that are never parted, though the second opens a phrase elsewhere: "more than", "one of"."""
    comparative: tuple[str, str] = ("", "")
    """Ending of comparatives and the word that follows them: "larger than"."""
    titles: frozenset[str] = frozenset()
    """Forms of address, which belong to the name after them."""
    abbreviations: frozenset[str] = frozenset()
    """Words whose point never ends a sentence. Not "etc.", which may: there the next word tells."""

    def binds(self, word: str) -> bool:
        """Return whether *word* (lower case) belongs to the word after it."""
        return word in self.binding or word in self.auxiliaries or word.endswith(self.binding_endings)

    def pairs_up(self, word: str, following: str) -> bool:
        """Return whether the two words (lower case) belong together as a pair; "plus" and "d'un" do as "plus de"."""
        elided = following.partition("'")[0] + "'"
        ending, particle = self.comparative
        is_compared = following == particle and word.endswith(ending) and bool(ending)
        return is_compared or (word, following) in self.pairs or (word, elided) in self.pairs


def function_words(language: str) -> FunctionWords:
    """Return the words of *language* (Whisper's code); none for a language without a list."""
    return _BY_LANGUAGE.get(language, _UNLISTED)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _pairs(*texts: str) -> frozenset[tuple[str, str]]:
    """Return all pairs of texts such as "more/less than": each of the words before with each of those after."""
    sides = [text.split(" ") for text in texts]
    return frozenset((word, after) for left, right in sides for word in left.split("/") for after in right.split("/"))


_UNLISTED = FunctionWords()

GIVEN_NAMES = _words(
    "adam albert alexander alfred alice amelia andrea andreas angela anna anne annette anton antoine antonio arthur "
    "astrid barbara beate benjamin bernd bernhard bertha birgit brigitte bruno camille carl carla carlos caroline "
    "catherine charles charlotte chloe christa christian christiane christina christine christoph christopher claire "
    "claudia claus daniela david denise dennis dieter dirk dominik doris dorothea eduard edward elena "
    "elisabeth elizabeth ella elke ellen emily emma emil emmanuel erich erika ernst eva ferdinand florian frances "
    "francesco françois franz franziska frederick friedrich fritz gabriele georg george gerd gerhard gertrud giovanni "
    "giuseppe gisela guido gustav günter günther hannah hans harald hartmut heike heinrich heinz helen helene helga "
    "helmut henri henry herbert hermann hilde holger horst hugo ines ingeborg ingo ingrid irene isaac isabelle jacob "
    "jacques jakob james jan jane janet jean jennifer jens jessica joachim joe joanna johann johanna johannes john "
    "jonas jonathan jörg josé josef joseph juan judith jules julia julie jürgen karin karl karla katharina katja "
    "katrin kevin klaus konrad kurt lars laura lea lena leo leon leonardo leonie lisa lothar louis louise lucas lucy "
    "ludwig luis luise lukas magdalena manfred manuel manuela marco margaret margarete maria marianne marie mario "
    "marion markus martha martin martina mary matthew matthias max maximilian melanie michael michel michelle monika "
    "moritz nadine nicolas nicole niklas nina norbert olaf oliver oscar oskar otto pascal patricia patrick paul paula "
    "pedro peter petra philip philipp philippe pierre rachel rainer ralf rebecca regina reinhard renate richard robert "
    "roberto rolf rudolf ruth sabine samuel sandra sara sarah sebastian sigmund silke silvia simon simone sofia sonja "
    "sophia sophie stefan stefanie stephan stephen steven susan susanne sylvia theodor theresa thomas thorsten tim "
    "tobias tom torsten udo ulrich ulrike ursula ute uwe vera verena victor victoria viktor vincent virginia walter "
    "waltraud werner wilhelm william wolfgang yvonne"
)
"""Given names that are no common words: what follows them with a capital is their surname, in German too."""

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
            "you he she it we they there be been being more most such what several both all another"
        ),
        binding_endings=("'m", "'re", "'ve", "'ll", "'d", "'s", "n't"),
        auxiliaries=_words(
            "is am are was were has have had do does did will would shall should can cannot could may might must"
        ),
        numbers=_words(
            "two three four five six seven eight nine ten eleven twelve fifteen twenty thirty forty fifty hundred "
            "thousand million billion dozen half"
        ),
        pairs=_pairs(
            "more/less/fewer/rather/other/worse than",
            "one/some/most/many/much/any/none/all/each/both/part/half/few/lot/lots/kind/sort/number/out/because/"
            "instead/ahead/couple/plenty/series/majority of",
            "those/these/anyone/everyone/someone/anybody/everybody/somebody/all/everything/something/one "
            "who/that/which/whose",
            "such/well/far/soon/long/much/many/same as",
            "so/now/given/provided/except that",
            "according/due/thanks/next/close/going/have/has/had/want/wants/wanted/need/needs/used/able/about to",
            "even if/though/when",
            "is/was/are/were/that's why/how/what/where/when/who/that/because",
            "how/too/so/as/very much/many/long/far/often",
            "each/one other/another",
            "left/carry/carried/find/found/point/pointed/turn/turned/go/went/set out/up/off/on",
        ),
        comparative=("er", "than"),
        titles=_words(
            "mr mrs ms miss mister madam sir dr doctor prof professor president senator judge captain general king "
            "queen prince princess pope saint mr. mrs. ms. dr. prof. gen. col. sgt. capt. lt. rev. hon. st."
        ),
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
            "diesem jener jene jeder jede jedes jeden alle aller viele vieler wenige weniger einige einiger mehrere "
            "mehrerer beide beider ich du er sie es wir man nicht nie sehr zu unserem unseren ihrem ihren ihrer "
            "seinem seiner meinem meiner eurem eure"
        ),
        auxiliaries=_words(
            "ist bin bist sind war waren hat habe haben hatte hatten wird werden wurde wurden würde würden kann "
            "können konnte konnten muss müssen musste mussten soll sollen sollte sollten will wollen wollte wollten "
            "darf dürfen durfte mag möchte möchten sei seien worden"
        ),
        numbers=_words(
            "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig vierzig fünfzig hundert "
            "hunderte tausend tausende million millionen milliarde milliarden dutzend"
        ),
        pairs=_pairs(
            "mehr/weniger/anders/so/sowohl als",
            "so/sowohl/ebenso wie",
            "einer/eine/eines/einem/einen/viele/einige/keiner/keine der/von/dieser/unserer/ihrer",
            "innerhalb/außerhalb/anstelle/aufgrund von",
            "bis zu/zum/zur/in/ins/an/auf/nach",
            "derjenige/diejenige/diejenigen die/der",
            "von an/aus",
            "new/los/san/sankt/bad york/orleans/angeles/francisco/diego",
        ),
        comparative=("er", "als"),
        titles=_words(
            "herr herrn frau fräulein dr prof dr. prof. hr. fr. doktor professor professorin präsident präsidentin "
            "kanzler kanzlerin bundeskanzler bundeskanzlerin minister ministerin könig königin kaiser kaiserin papst "
            "prinz prinzessin graf general pfarrer schwester bruder onkel tante st. sankt"
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
            "quel quelle chaque plusieurs tout toute tous toutes aucun aucune quelques je tu il elle on nous vous "
            "ils elles me te se ne pas y très plus moins"
        ),
        auxiliaries=_words(
            "est suis es sommes êtes sont était étaient a ai as avons avez ont avait avaient sera seront serait aura "
            "auront aurait fut été peut peuvent doit doivent"
        ),
        numbers=_words(
            "deux trois quatre cinq six sept huit neuf dix onze douze quinze vingt trente quarante cinquante cent "
            "cents mille million millions milliard milliards"
        ),
        pairs=_pairs(
            "plus/moins/autant/tant/mieux/pire/meilleur/meilleure/aussi que/qu'",
            "plus/moins/autant/tant/beaucoup/peu/assez/trop/près/loin/lors/afin/avant/hors/moitié/nombre/plupart "
            "de/des/du/d'",
            "ce/celui/celle/ceux/celles/tout qui/que/qu'/dont/où",
            "l'un/l'une/un/une/chacun/chacune/certains/certaines/plusieurs/aucun/aucune de/des/du/d'",
            "parce/pour/sans/avant/alors/tandis/bien/ainsi/dès/depuis/afin que/qu'",
            "est/était/c'est pourquoi/que/qu'/qui/parce/quand/comme",
            "grâce/jusqu'/quant/face à/au/aux",
            "à/au/aux/du/par/en cause/lieu/cours/moins",
        ),
        titles=_words(
            "m mme mlle dr monsieur madame mademoiselle docteur professeur président présidente ministre roi reine "
            "prince princesse saint sainte général maître m. mm. mme. mlle. dr. st. ste."
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
            "ellos ellas me te se le les nos"
        ),
        auxiliaries=_words(
            "es soy eres somos son era eran fue fueron ha he has hemos han había habían está están estaba"
        ),
        numbers=_words(
            "dos tres cuatro cinco seis siete ocho nueve diez once doce veinte treinta cien cientos mil millones"
        ),
        pairs=_pairs(
            "más/menos/mejor/peor/mayor/menor de/que/del",
            "uno/una/unos/unas/cada/alguno/alguna/algunos/algunas/muchos/muchas/la/el/lo/los/las de/del/que/cual",
            "antes/después/dentro/fuera/cerca/lejos/además/acerca/encima/debajo/detrás/delante de/del/que",
            "para/por/sin/hasta/desde/ya/así que",
        ),
        titles=_words(
            "sr sra srta dr dra sr. sra. srta. dr. dra. don doña señor señora doctor doctora profesor profesora "
            "presidente presidenta rey reina san santa"
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
            "tua suo sua nostro nostra loro ogni molto più meno non io tu lui lei noi voi mi ti si ci vi ne"
        ),
        auxiliaries=_words("è sono sei siamo era erano ha ho hai abbiamo hanno aveva avevano viene sarà sarebbe"),
        numbers=_words(
            "due tre quattro cinque sette otto nove dieci undici dodici venti trenta cento mille mila milioni"
        ),
        pairs=_pairs(
            "più/meno/meglio/peggio/maggiore/minore di/del/della/dei/degli/delle/che",
            "uno/una/ognuno/alcuni/alcune/molti/molte/parte di/dei/degli/delle/del",
            "quello/quella/quelli/quelle/ciò/tutto che",
            "prima/invece/fuori/oltre/dopo di/del/della/che",
        ),
        titles=_words(
            "sig dott sig. sig.ra dott. dott.ssa signor signora dottor dottoressa professor professoressa presidente "
            "re regina san santa"
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
            "vocês me te se lhe"
        ),
        auxiliaries=_words(
            "é sou são era eram foi foram tem tenho têm tinha tinham está estão estava há vai vão será seria"
        ),
        numbers=_words("dois duas três quatro cinco seis sete oito nove dez onze doze vinte trinta cem mil milhões"),
        pairs=_pairs(
            "mais/menos/melhor/pior/maior/menor de/que/do",
            "um/uma/alguns/algumas/muitos/muitas/cada/parte de/do/da/dos/das",
            "o/a/os/as/aquele/aquela/aqueles/tudo que",
            "antes/depois/dentro/fora/perto/longe/além/através de/do/da/dos/das",
            "para/sem/desde/já que",
        ),
        titles=_words(
            "sr sra dr sr. sra. dr. dra. senhor senhora doutor doutora professor professora presidente rei rainha "
            "são santa dom dona"
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
            "ik je jij u hij zij ze we wij jullie men"
        ),
        auxiliaries=_words(
            "is ben bent was waren heb hebt heeft hebben had hadden wordt worden werd werden zal zullen zou zouden kan "
            "kunnen kon moet moeten mag wil willen"
        ),
        numbers=_words(
            "twee drie vier vijf zes zeven acht negen tien elf twaalf twintig dertig honderd duizend miljoen"
        ),
        pairs=_pairs(
            "meer/minder/anders dan",
            "een/veel/sommige/enkele van",
            "degene/degenen/alles/iets die/dat/wat",
        ),
        comparative=("er", "dan"),
        titles=_words(
            "dhr mevr dr dhr. mevr. mw. dr. prof. meneer mevrouw dokter professor koning koningin prins minister"
        ),
        abbreviations=_words("dhr. mevr. mw. dr. prof. drs. ir. mr. nr. blz. bijv. o.a. d.w.z. ca. jl."),
    ),
    "ru": FunctionWords(
        conjunctions=_words(
            "и а но или либо что чтобы если когда потому поэтому который которая которое которые где как"
        ),
        prepositions=_words(
            "в во на с со к ко у о об от до из за по для без через при про над под между перед после около против"
        ),
        binding=_words(
            "не ни очень самый самая этот эта это эти тот та те мой моя его её их наш наша я ты он она мы вы они"
        ),
        auxiliaries=_words("был была было были будет будут"),
        numbers=_words("два две три четыре пять шесть семь восемь девять десять сто тысяч тысячи миллионов"),
        pairs=_pairs("больше/меньше/лучше/хуже/более/менее чем", "один/одна/одно/одним из", "потому/так/то что"),
        abbreviations=_words("г. гг. т.е. т.к. т.д. им. ул. стр. см. проф."),
    ),
    "ar": FunctionWords(
        conjunctions=_words("أو ثم لكن ولكن لأن إذا عندما حيث بينما كما حتى التي الذي الذين"),
        prepositions=_words("في من إلى على عن مع بعد قبل بين منذ خلال عند تحت فوق دون حول ضد نحو لدى وفي ومن وعلى"),
        binding=_words("هذا هذه ذلك تلك هؤلاء كل بعض غير أي لا لم لن ما قد سوف هو هي هم أنا نحن أن إن كان كانت"),
        pairs=_pairs("أكثر/أقل/أكبر/أصغر/أفضل/أحد/واحد/العديد/الكثير من", "على/من الرغم/أجل"),
    ),
    "he": FunctionWords(
        conjunctions=_words("או אבל כי אם כאשר כש לכן אלא ש אשר"),
        prepositions=_words("של על עם אל מן את בין עד לפני אחרי אצל כמו ללא בלי תחת מעל נגד לפי"),
        binding=_words("לא אין יש זה זאת זו הוא היא הם הן אני אתה את אנחנו כל כמה מאוד היה היתה היו"),
        pairs=_pairs("יותר/פחות/אחד/אחת/חלק/רבים מ/מן", "לא/רק רק/אם"),
    ),
}
