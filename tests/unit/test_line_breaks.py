"""The breaks of whole texts, compared with a hand's marks: ``_`` joins words that no line or cue may part."""

import pytest

from tasks.subtitles.layout import lay_out
from tasks.subtitles.standards import standard_for
from tasks.transcription.transcript import Word

MARKED = {
    "en": """
Last week we talked about Dr._Edward_Jenner and what he_had_noticed about the_milkmaids of_his_village. Today I_want
to_tell you what happened next, because the_story is more complicated than_people think. Professor_Mary_Collins
from_New_York has_argued that the_number of_cases had already fallen by_more_than_half before anybody was_vaccinated.
Other historians do_not_agree with_her, and they_have good reasons. In_the_spring of_1798 there_were at_least
20_doctors in_London who_had_tried the_new method, and most_of_them wrote letters to_each_other. One_of_them,
a_certain John_Williams, complained that he_had_paid 12_pounds for_his_first samples. If you_look at_his_accounts,
you_will_find that the_price rose to_nearly 40_pounds within three_months. That is more_than a_farm worker would_earn
in_a_whole year. So it_should_not surprise us that poor families were often left_out. The_government did nothing
until 1840, when a_law was_passed in_Parliament. From then on_the_vaccine was free for_everybody. In_my_opinion this
was one_of_the_most important decisions of_the_whole century, rather_than a_mere detail of_administration. Next time
we_will_look at_how_the_law was_enforced, and at_those_who refused to_obey it. There_is a_page on_the_website of_the
museum with all of_the_letters, including those_that were written by_women. Please read at_least five_of_them before
we_meet again on_Monday. And if you_do_not_understand a_word, write it down, so_that we_can_talk about_it. Thank_you
very_much for_your_attention, and have_a_nice weekend.
""",
    "de": """
Letzte Woche haben wir über_Dr._Edward_Jenner gesprochen und darüber, was er_in_seinem_Dorf beobachtet_hatte. Heute
möchte_ich Ihnen erzählen, wie es_danach weiterging, denn die_Geschichte ist_nicht so einfach, wie viele_Menschen
glauben. Professor_Anna_Schmidt aus_New_York hat gezeigt, dass die_Zahl der_Fälle schon vor_der_ersten Impfung
um_mehr_als die_Hälfte gefallen_war. Andere sind_nicht_ihrer_Meinung, und sie_haben gute Gründe dafür. Im_Frühjahr
1798 gab_es in_London mindestens 20_Ärzte, die_das_neue Verfahren ausprobiert_hatten, und innerhalb_von_10_Tagen
kamen mehr_als_500_Menschen zu_ihnen. Einer von_ihnen, ein_gewisser Johann_Weber, beklagte_sich, dass er
für_seine_ersten Proben 12_Pfund bezahlt_habe. Wenn man_seine_Bücher liest, sieht_man, dass der_Preis innerhalb
weniger_Monate auf_fast 40_Pfund stieg. Das ist_mehr, als ein_Knecht auf_dem_Land in_einem ganzen Jahr verdienen
konnte. Es darf uns also nicht wundern, dass arme Familien oft leer_ausgingen. Die_Regierung unternahm nichts, bis
im_Jahr_1840 ein_Gesetz verabschiedet_wurde. Von da_an war die_Impfung für_alle kostenlos. Meiner Meinung nach war
das eine_der_wichtigsten Entscheidungen des_ganzen Jahrhunderts. Herr_Peter_Müller und Frau_Maria_Huber werden
in_der_nächsten Stunde darüber berichten, wie das_Gesetz durchgesetzt_wurde. Auf_der_Seite des_Museums stehen
alle_Briefe, auch diejenigen, die von_Frauen geschrieben_wurden. Bitte lesen_Sie bis_zum_Montag wenigstens
fünf_davon. Die_Fahrt dorthin dauert länger_als zwei_Stunden und kostet weniger_als 10_Euro. Vielen_Dank für_Ihre
Aufmerksamkeit und ein_schönes Wochenende.
""",
    "fr": """
La_semaine dernière, nous_avons_parlé du_docteur_Edward_Jenner et de_ce_qu'il avait_observé dans_son_village.
Aujourd'hui, je_voudrais vous_raconter ce_qui s'est_passé ensuite, parce_que l'histoire est plus_compliquée qu'on
ne_le_pense. Le_professeur_Marie_Colin a_montré que le_nombre de_cas avait déjà baissé de_plus_de_la_moitié avant
les_premières vaccinations. D'autres historiens ne_sont_pas_d'accord avec_elle, et ils_ont de_bonnes raisons.
Au_printemps de_1798, il_y_avait à_Londres au_moins 20_médecins qui_avaient_essayé la_nouvelle méthode, et l'un_d'eux
se_plaignait d'avoir_payé 12_livres pour_ses_premiers échantillons. Si vous_regardez ses_comptes, vous_verrez que
le_prix est_monté à_près_de 40_livres en_trois_mois. C'est plus_que ce_qu'un ouvrier gagnait dans_toute_une_année.
Il ne_faut_donc pas_s'étonner que les_familles pauvres soient souvent restées sans_protection. En_dix_jours,
cela tua plus_de_500_personnes dans_la_ville. Le_gouvernement n'a_rien_fait jusqu'en_1840, quand une_loi a_été_votée
par_le_Parlement. À_mon_avis, c'était l'une_des_décisions les_plus_importantes du_siècle. Madame_Anne_Martin répondra
à_vos_questions la_semaine prochaine, et nous_verrons comment cette_loi a_été_appliquée. Sur_le_site du_musée,
vous_trouverez toutes_les_lettres, même celles_qui ont_été_écrites par_des_femmes. Lisez_en au_moins cinq avant_lundi,
s'il_vous_plaît. Le_voyage dure moins_de deux_heures et coûte plus_de 10_euros. Merci_beaucoup de_votre_attention,
et bonne_fin_de_semaine à_tous.
""",
}


def breaks_of(language: str, *, characters_per_second: float) -> tuple[list[str], int]:
    """Return the breaks of the marked text that stand where none may be, and the number of all."""
    marked = MARKED[language].split()
    words, joined, clock = [], [], 0.0
    for group in marked:
        texts = group.split("_")
        joined += [True] * (len(texts) - 1) + [False]
        for text in texts:
            length = (len(text) + 1) / characters_per_second
            words.append(Word(text=f" {text}", start=clock, end=clock + length, probability=1))
            clock += length + (0.4 if text[-1] in ".?!" and len(text) > 3 else 0.15 if text[-1] == "," else 0)
    forbidden, count, place = [], 0, 0
    for line in (line for cue in lay_out(words, standard_for(language)) for line in cue.lines):
        place += len(line.split())
        count += 1
        if joined[place - 1]:
            forbidden.append(f"{line} | {words[place].text.strip()}")
    return forbidden, count


@pytest.mark.parametrize("language", sorted(MARKED))
@pytest.mark.parametrize("speed", [10, 14, 18])
def test_words_that_belong_together_are_not_parted(language: str, speed: int):
    forbidden, _ = breaks_of(language, characters_per_second=speed)

    assert forbidden == []
