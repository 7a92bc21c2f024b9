"""Cards about a draft: antithrombin, warfarin, combinations, raises (clinical logic 5)."""

import re
from dataclasses import replace

from cds_service.assessment.model.verdict import Evidence
from cds_service.chart.facts import Problem, Route, Use
from tests.builders import (
    MINUTE,
    ago,
    cards_of,
    choosing,
    condition,
    deleted,
    draft,
    due,
    failed,
    failing,
    given,
    heparin,
    item,
    judge_chart,
    lab,
    offered_tests,
    order,
    ordered_test,
    procedure,
    protocol,
    raised,
    recommended,
    running,
    spec,
    starts,
    stopped,
    topics,
    unreadable,
    weight,
    why,
)

MONTH = 365 * 24 / 12
KG = weight(70)
AT50 = lab("antithrombin", 50)  # at 70 kg the predicted level is 50 + IU / 50


def at(units, unit="[IU]", **parts):
    return draft("antithrombin", dose=units, unit=unit, **parts)


@spec(
    "facts, indicator",
    ("predicted 120 %", (AT50, KG, at(3500)), None),
    ("predicted just above 120 %", (AT50, KG, at(3510)), "warning"),
    ("predicted 150 %", (AT50, KG, at(5000)), "warning"),
    ("predicted just above 150 %", (AT50, KG, at(5010)), "critical"),
    ("75 IU/kg, predicted 135 %", (lab("antithrombin", 30), KG, at(5250)), "warning"),
    ("75 IU/kg with a level of 1 %", (lab("antithrombin", 1), KG, at(5250)), None),
    ("just above 75 IU/kg", (lab("antithrombin", 1), KG, at(5260)), "critical"),
    ("75 IU/kg by weight, weight unknown", (AT50, at(75, "[IU]/kg")), None),
    ("just above, weight unknown", (AT50, at(75.1, "[IU]/kg")), "critical"),
    ("IU/kg with a weight", (AT50, KG, at(60, "[IU]/kg")), "warning"),
    ("level unknown, usual dose", (KG, at(2500)), None),
    ("weight unknown, any units", (AT50, at(9000)), None),
    ("in HIT", (AT50, KG, at(1000), condition("hit")), "critical"),
    ("a dose that cannot be read", (AT50, KG, at(9000, problem=Problem.TEXT_ONLY)), None),
    ("a draft that stops it", (AT50, KG, at(9000, status="stopped")), None),
)
def test_antithrombin_overdose(facts, indicator):
    found = item(judge_chart(*facts), "antithrombinOverdose")
    assert (found.indicator.value if found else None) == indicator


@spec(
    "level, after, speaks",
    ("just above 150 % after a dose", 150.1, True, True),
    ("150 % after a dose", 150, True, False),
    ("above 150 % without a dose", 160, False, False),
)
def test_a_measured_level_beyond_150_after_a_dose(level, after, speaks):
    dose = (given("antithrombin", 10, 3000),) if after else ()
    found = item(
        judge_chart(*running(), lab("antithrombin", level), KG, raised(1700), *dose),
        "antithrombinOverdose",
    )
    assert (found is not None) is speaks
    if found:
        assert (found.indicator.value, found.summary) == ("critical", "measured")


def test_an_overdose_is_deleted_and_replaced_only_where_a_dose_is_due():
    over = at(5040)
    card = due(judge_chart(*failing(lab("antithrombin", 55), over)), "antithrombinOverdose")
    assert deleted(card) == {"MedicationRequest/draft-antithrombin"}
    assert starts(card) == {"antithrombin": 2571}
    assert recommended(card) == set()
    assert len(card.choices) == 2
    assert "overdose.multiplied" in card.notes


@spec(
    "facts",
    ("heparin does not fail", (*running(900), lab("anti_xa", 0.5), KG, AT50, at(5000))),
    ("the level needs none", (*failing(lab("antithrombin", 85), kg=70), at(5000))),
    ("HIT", (*failing(AT50, kg=70), at(5000), condition("hit"))),
    ("bleeding", (*failing(AT50, kg=70), at(5000), condition("bleeding", 5))),
    ("the problem list failed", (*failing(AT50, kg=70), at(5000), failed("conditions"))),
    ("the level is a day and a half old", (*failing(lab("antithrombin", 50, 36), kg=70), at(5000))),
)
def test_an_overdose_is_only_deleted(facts):
    card = due(judge_chart(*facts), "antithrombinOverdose")
    assert deleted(card) == {"MedicationRequest/draft-antithrombin"}
    assert starts(card) == {}


@spec(
    "facts, told",
    (
        "by the level",
        (AT50, KG, at(5000)),
        "Antithrombin 5000 IU drafted: predicted level 150 %, above 120 %",
    ),
    ("by weight alone", (at(80, "[IU]/kg"),), "Antithrombin 80 IU/kg drafted: more than 75 IU/kg"),
    ("in HIT", (KG, at(1400), condition("hit")), "Antithrombin drafted in HIT"),
)
def test_an_overdose_is_judged_by_what_is_known_of_it(facts, told):
    cards = {card.topic: card.summary for card in cards_of(judge_chart(*facts))}
    assert cards["antithrombinOverdose"].startswith(told)


def test_an_overdose_names_the_gate_that_is_in_doubt():
    card = due(judge_chart(AT50, KG, at(5000), failed("allergies")), "antithrombinOverdose")
    assert why(card.open) == {"allergies: failed"}


@spec(
    "facts, written, indicator",
    ("each right alone", (at(2500, name="one"), at(2500, name="two")), "2500 + 2500", "warning"),
    ("together too heavy", (at(2600, name="one"), at(2700, name="two")), "2600 + 2700", "critical"),
    (
        "by weight, weight known",
        (at(40, "[IU]/kg", name="one"), at(2500, name="two")),
        "40 + 2500",
        "critical",
    ),
)
def test_drafts_of_one_signing_are_judged_together_and_all_deleted(facts, written, indicator):
    card = due(judge_chart(*failing(AT50, kg=70), *facts), "antithrombinOverdose")
    assert card.indicator.value == indicator
    assert deleted(card) == {"MedicationRequest/one", "MedicationRequest/two"}
    assert starts(card) == {"antithrombin": 2500}
    assert re.sub(r" *\[IU\](/kg)?", "", card.values["drafted"]) == written


@spec(
    "facts, speaks",
    ("40 and 36 IU/kg, weight unknown", (at(40, "[IU]/kg"), at(36, "[IU]/kg", name="b")), True),
    ("40 and 35 IU/kg, weight unknown", (at(40, "[IU]/kg"), at(35, "[IU]/kg", name="b")), False),
    ("one cannot be read", (KG, at(2500), at(2500, problem=Problem.TEXT_ONLY, name="b")), False),
    ("one is a stop", (KG, at(2500), at(2500, status="stopped", name="b")), False),
)
def test_what_drafts_come_to_together(facts, speaks):
    found = item(judge_chart(AT50, *facts), "antithrombinOverdose")
    assert (found is not None) is speaks


def test_one_of_two_drafts_that_is_the_multiplied_figure_is_named_as_that_error():
    two = (at(4900, name="one"), at(1000, name="two"))
    card = due(judge_chart(*failing(AT50, kg=70), *two), "antithrombinOverdose")
    assert "overdose.multiplied" in card.notes


def test_after_the_drafts_are_deleted_the_card_is_silent():
    """Whichever suggestion is taken: what is left, with what is created, opens no overdose."""
    two = [at(2500, name="one"), at(2500, name="two")]
    card = due(judge_chart(*failing(AT50, kg=70), *two), "antithrombinOverdose")
    left = [o for o in two if o.source not in deleted(card)]
    created = [at(units, name="new") for units in starts(card).values()]
    found = judge_chart(*failing(AT50, kg=70), *left, *created)
    assert "antithrombinOverdose" not in topics(found)


@spec(
    "units, named",
    ("the multiplied form", 4900, True),
    ("another overdose", 5200, False),
)
def test_the_multiplied_form_is_named_as_that_error(units, named):
    card = due(judge_chart(*running(), KG, AT50, at(units)), "antithrombinOverdose")
    assert ("overdose.multiplied" in card.notes) is named


@spec(
    "facts, reason",
    ("level unknown", (KG,), "antithrombin: missing"),
    ("level stale", (KG, lab("antithrombin", 50, 49)), "antithrombin: stale"),
    ("level unreadable", (KG, unreadable("antithrombin")), "antithrombin: implausible"),
    ("weight unknown", (AT50,), "weight: missing"),
    ("weight stale", (AT50, weight(70, 31 * 24)), "weight: stale"),
)
def test_antithrombin_unchecked(facts, reason):
    card = due(judge_chart(*running(), at(2500), *facts), "antithrombinUnchecked")
    assert card.indicator.value == "warning"
    assert reason in why(card.open)
    level = "antithrombin" in reason
    assert offered_tests(card) == ({"antithrombin"} if level else set())
    assert card.values == {"drafted": "2500 [IU]"}


@spec(
    "facts",
    ("both known", (AT50, KG)),
    ("HIT: the other card tells it", (condition("hit"),)),
)
def test_antithrombin_that_is_checked(facts):
    assert "antithrombinUnchecked" not in topics(judge_chart(*running(), at(2500), *facts))


def test_a_pending_level_is_not_ordered_again():
    found = judge_chart(*running(), KG, at(2500), ordered_test("antithrombin"))
    assert offered_tests(due(found, "antithrombinUnchecked")) == set()


# --- warfarin ----------------------------------------------------------------------------------

HIT, WARFARIN = condition("hit"), draft("warfarin", dose=5)


@spec(
    "facts, speaks",
    ("platelets just under 150", (HIT, lab("platelets", 149.9)), True),
    ("platelets at 150", (HIT, lab("platelets", 150)), False),
    ("platelets unknown", (HIT,), True),
    ("platelets recovered two days ago", (HIT, lab("platelets", 200, 48)), False),
    ("platelets recovered a minute earlier", (HIT, lab("platelets", 200, 48 + MINUTE)), True),
    ("platelets unreadable", (HIT, unreadable("platelets")), True),
    ("the counts failed", (HIT, failed("blood")), True),
    ("no HIT", (lab("platelets", 90),), False),
)
def test_warfarin_in_hit(facts, speaks):
    found = item(judge_chart(WARFARIN, *facts), "warfarinInHit")
    assert (found is not None) is speaks
    if found:
        assert found.indicator.value == "critical"
        assert deleted(found) == {"MedicationRequest/draft-warfarin"}


@spec(
    "facts, summary, shown, doubt",
    ("low", (lab("platelets", 90),), "low", {"platelets", "hit"}, set()),
    ("not on record", (), "unknown", {"hit"}, {"platelets: missing"}),
    ("too old", (lab("platelets", 90, 49),), "unknown", {"hit"}, {"platelets: stale"}),
    ("the counts failed", (failed("blood"),), "unknown", {"hit"}, {"platelets: failed"}),
)
def test_warfarin_in_hit_shows_the_platelets_only_where_they_are_known(
    facts, summary, shown, doubt
):
    card = due(judge_chart(WARFARIN, HIT, *facts), "warfarinInHit")
    assert (card.summary, {fact.fact for fact in card.facts}) == (summary, shown)
    assert why(card.open) == doubt


# --- two anticoagulants --------------------------------------------------------------------------

APIXABAN = order("apixaban", dose=5, per_day=2)
UFH = order("heparin", rate=1600)


@spec(
    "facts, speaks",
    ("apixaban stands, heparin drafted", (APIXABAN, raised(1600)), True),
    ("heparin stands, apixaban drafted", (UFH, draft("apixaban", dose=5, per_day=2)), True),
    ("both drafted", (raised(1600), draft("enoxaparin", dose=80, per_day=2)), True),
    ("both stand", (UFH, APIXABAN, raised(1600, name="new")), True),
    ("two orders of one drug", (UFH, raised(1800)), False),
    ("warfarin over heparin", (UFH, draft("warfarin")), False),
    ("warfarin over argatroban", (order("warfarin"), draft("argatroban", rate=0.5)), False),
    ("warfarin over LMWH", (order("warfarin"), draft("enoxaparin", dose=80, per_day=2)), False),
    (
        "warfarin over fondaparinux",
        (order("warfarin"), draft("fondaparinux", dose=7.5, per_day=1)),
        False,
    ),
    ("warfarin over apixaban", (order("warfarin"), draft("apixaban", dose=5, per_day=2)), True),
    ("apixaban and dabigatran", (APIXABAN, draft("dabigatran", dose=150, per_day=2)), True),
    ("prophylactic LMWH", (UFH, draft("enoxaparin", dose=40, per_day=1)), False),
    ("a dose that is unknown", (UFH, draft("enoxaparin")), True),
    (
        "heparin under the skin",
        (APIXABAN, draft("heparin", dose=5000, route=Route.SUBCUTANEOUS)),
        False,
    ),
    ("a circuit's heparin", (APIXABAN, draft("heparin", rate=900, use=Use.NO_THERAPY)), False),
    ("a flush", (APIXABAN, draft("heparin", dose=20, use=Use.NO_THERAPY)), False),
    ("a home medicine", (order("apixaban", dose=5, home=True), raised(1600)), False),
    ("stopped", (order("apixaban", dose=5, status="stopped"), raised(1600)), False),
    ("a plan", (order("apixaban", dose=5, intent="plan"), raised(1600)), False),
    (
        "the draft set stops the old one",
        (APIXABAN, draft("apixaban", status="stopped", name="apixaban"), raised(1600)),
        False,
    ),
    (
        "the draft set cancels the old one",
        (APIXABAN, draft("apixaban", status="cancelled", name="apixaban"), raised(1600)),
        False,
    ),
    (
        "the draft replaces the old one",
        (APIXABAN, raised(1600, replaces="MedicationRequest/apixaban")),
        False,
    ),
    ("argatroban beside heparin", (UFH, draft("argatroban", rate=0.5)), True),
    ("antiplatelets are no anticoagulants", (UFH, draft("clopidogrel"), raised(1600)), False),
)
def test_two_anticoagulants(facts, speaks):
    assert ("anticoagulantCombination" in topics(judge_chart(*facts))) is speaks


@spec(
    "facts, gone, ended",
    (
        "the draft is deleted",
        (UFH, draft("apixaban", dose=5, per_day=2)),
        {"MedicationRequest/draft-apixaban"},
        set(),
    ),
    (
        "argatroban stays, heparin stops",
        (UFH, draft("argatroban", rate=0.5)),
        set(),
        {"MedicationRequest/heparin"},
    ),
    (
        "bivalirudin stays, heparin stops",
        (UFH, draft("bivalirudin", rate=0.1)),
        set(),
        {"MedicationRequest/heparin"},
    ),
    (
        "in HIT fondaparinux stays, heparin stops",
        (UFH, draft("fondaparinux", dose=7.5, per_day=1), HIT),
        set(),
        {"MedicationRequest/heparin"},
    ),
    (
        "in HIT a heparin draft goes",
        (order("argatroban", rate=0.5), raised(1600), HIT),
        {"MedicationRequest/draft-heparin"},
        set(),
    ),
    (
        "in HIT a draft of LMWH goes",
        (order("argatroban", rate=0.5), draft("enoxaparin", dose=80, per_day=2), HIT),
        {"MedicationRequest/draft-enoxaparin"},
        set(),
    ),
    (
        "argatroban stays, LMWH stops",
        (order("enoxaparin", dose=80, per_day=2), draft("argatroban", rate=0.5)),
        set(),
        {"MedicationRequest/enoxaparin"},
    ),
    (
        "HIT in doubt: the draft may be the one to keep",
        (UFH, draft("apixaban", dose=5, per_day=2), failed("conditions")),
        set(),
        set(),
    ),
    (
        "HIT in doubt: a heparin draft is not",
        (APIXABAN, raised(1600), failed("conditions")),
        {"MedicationRequest/draft-heparin"},
        set(),
    ),
    (
        "HIT in doubt: nor is LMWH",
        (UFH, draft("enoxaparin", dose=80, per_day=2), failed("conditions")),
        {"MedicationRequest/draft-enoxaparin"},
        set(),
    ),
    (
        "HIT in doubt: argatroban stays, heparin stops",
        (UFH, draft("argatroban", rate=0.5), failed("conditions")),
        set(),
        {"MedicationRequest/heparin"},
    ),
    (
        "argatroban beside apixaban: nothing to take",
        (APIXABAN, draft("argatroban", rate=0.5)),
        set(),
        set(),
    ),
    ("both stand", (UFH, APIXABAN, draft("heparin", dose=20, use=Use.NO_THERAPY)), set(), set()),
)
def test_which_of_two_anticoagulants_goes(facts, gone, ended):
    card = due(judge_chart(*facts), "anticoagulantCombination")
    assert card.indicator.value == "critical"
    assert (deleted(card), stopped(card)) == (gone, ended)


def test_both_orders_of_a_pair_are_shown_with_source_and_time():
    card = due(judge_chart(UFH, draft("apixaban", dose=5, per_day=2)), "anticoagulantCombination")
    assert card.facts == (
        Evidence("order", 0.0, "", ago(48), UFH.source, "standing", written="heparin 1600"),
        Evidence(
            "order",
            0.0,
            "",
            None,
            "MedicationRequest/draft-apixaban",
            "drafted",
            written="apixaban 5",
        ),
    )


@spec(
    "facts, note",
    ("one drafted", (UFH, draft("apixaban", dose=5, per_day=2)), "combination.drafted"),
    (
        "both stand",
        (UFH, APIXABAN, draft("heparin", dose=20, use=Use.NO_THERAPY)),
        "combination.standing",
    ),
)
def test_a_pair_is_named_as_drafted_or_standing(facts, note):
    card = due(judge_chart(*facts), "anticoagulantCombination")
    assert card.notes == ("combination.rule", note)


def test_the_choice_to_keep_the_draft_says_so():
    card = due(judge_chart(UFH, draft("argatroban", rate=0.5)), "anticoagulantCombination")
    assert [choice.label for choice in card.choices] == ["heparin.stop"]


# --- P2Y12 inhibitors ----------------------------------------------------------------------------

CLOPIDOGREL = draft("clopidogrel", dose=75)


@spec(
    "facts, indicator",
    ("drafted, heparin runs", (*running(), CLOPIDOGREL), "warning"),
    ("drafted, heparin ordered", (UFH, CLOPIDOGREL), "warning"),
    ("drafted with heparin", (raised(1600), CLOPIDOGREL), "warning"),
    ("stands, heparin drafted", (order("clopidogrel", dose=75), raised(1600)), "warning"),
    ("both stand", (order("clopidogrel", dose=75), UFH, draft("warfarin")), None),
    ("drafted without heparin", (CLOPIDOGREL,), None),
    ("drafted with a flush", (order("heparin", dose=20, use=Use.NO_THERAPY), CLOPIDOGREL), None),
    (
        "with a coronary syndrome of a year ago",
        (UFH, CLOPIDOGREL, condition("acute_coronary_syndrome", 12 * MONTH)),
        "info",
    ),
    (
        "with a stent of a year ago",
        (UFH, CLOPIDOGREL, procedure("coronary_stent", 12 * MONTH)),
        "info",
    ),
    (
        "with a stent a minute earlier",
        (UFH, CLOPIDOGREL, procedure("coronary_stent", 12 * MONTH + MINUTE)),
        "warning",
    ),
    ("aspirin", (UFH, draft("aspirin", dose=100)), None),
)
def test_antiplatelet_with_heparin(facts, indicator):
    found = item(judge_chart(*facts), "antiplateletWithHeparin")
    assert (found.indicator.value if found else None) == indicator


def test_the_antiplatelet_is_deleted_never_the_heparin():
    card = due(judge_chart(raised(1600), CLOPIDOGREL), "antiplateletWithHeparin")
    assert deleted(card) == {"MedicationRequest/draft-clopidogrel"}
    card = due(judge_chart(order("clopidogrel"), raised(1600)), "antiplateletWithHeparin")
    assert deleted(card) == set()
    facts = (raised(1600), CLOPIDOGREL, procedure("coronary_stent", 99))
    coronary = due(judge_chart(*facts), "antiplateletWithHeparin")
    assert (deleted(coronary), coronary.notes) == (set(), ("antiplatelet.coronary",))


# --- raises --------------------------------------------------------------------------------------


@spec(
    "facts, speaks",
    ("above target and a raise", (lab("anti_xa", 0.71), raised(1700)), True),
    ("at the upper line", (lab("anti_xa", 0.7), raised(1700)), False),
    ("above target, the same rate", (lab("anti_xa", 0.71), raised(1600)), False),
    ("above by aPTT", (lab("aptt", 101), raised(1700)), True),
    ("unknown", (raised(1700),), False),
)
def test_a_raise_above_target(facts, speaks):
    found = item(judge_chart(*running(), *facts), "aboveTargetRaise")
    assert (found is not None) is speaks
    if found:
        assert found.indicator.value == "warning"
        assert deleted(found) == {"MedicationRequest/draft-heparin"}


def test_only_the_raises_are_deleted():
    facts = (*running(), lab("anti_xa", 0.9), raised(1800, name="up"), raised(1500, name="down"))
    assert deleted(due(judge_chart(*facts), "aboveTargetRaise")) == {"MedicationRequest/up"}


PSEUDO = (lab("anti_xa", 0.5), lab("aptt", 50))


@spec(
    "facts, indicator",
    ("a raise drafted", (*running(), raised(1700)), "warning"),
    ("no raise drafted", (*running(), raised(1600)), None),
)
def test_pseudo_resistance(facts, indicator):
    found = item(judge_chart(*facts, *PSEUDO, weight(80)), "pseudoResistance")
    assert (found.indicator.value if found else None) == indicator


def test_a_rise_that_was_made_is_no_drafted_raise():
    facts = (heparin(1200, 48, 12), heparin(1600, 12), weight(80), *PSEUDO)
    assert item(judge_chart(*facts, raised(1600)), "pseudoResistance") is None


def test_pseudo_resistance_asks_for_the_acute_phase_unless_on_record():
    facts = (*running(), raised(1700), *PSEUDO, lab("fibrinogen", 600, 40))
    card = due(judge_chart(*facts), "pseudoResistance")
    assert deleted(card) == {"MedicationRequest/draft-heparin"}
    assert offered_tests(card) == {"factor_viii"}
    assert "contributor.acutePhase" in card.notes


def test_a_hospital_may_lower_the_highest_predicted_level():
    by = protocol(antithrombin_dose__highest_predicted=110)
    found = judge_chart(AT50, KG, at(3100), by=by)
    assert "antithrombinOverdose" in topics(found)


def product(units, name):
    one = draft("antithrombin", dose=units)
    return replace(one, drug=replace(one.drug, label=name))


@spec(
    "units, name, indicator",
    ("Atenativ, 120 %", 4900, "Atenativ 1000 IU", None),
    ("Atenativ, just above", 4901, "Atenativ 1000 IU", "warning"),
    ("Thrombate, 148 %", 4900, "THROMBATE III 500 IU", "warning"),
    ("not told: the hospital's, Thrombate", 4900, "antithrombin concentrate", "warning"),
    ("both names tell nothing", 4900, "Thrombate or Atenativ", "warning"),
    ("Atenativ, 150 %", 7000, "Atenativ 1000 IU", "warning"),
    ("Atenativ, above", 7001, "Atenativ 1000 IU", "critical"),
)
def test_a_draft_is_predicted_by_its_own_products_label(units, name, indicator):
    facts = (*running(900), lab("antithrombin", 50), weight(70))
    found = item(judge_chart(*facts, product(units, name)), "antithrombinOverdose")
    assert (found.indicator.value if found else None) == indicator


@spec(
    "per_kg, name, speaks",
    ("75 IU/kg of Thrombate", 75, "Thrombate III", False),
    ("just above", 75.1, "Thrombate III", True),
    ("105 IU/kg of Atenativ", 105, "Atenativ", False),
    ("just above", 105.1, "Atenativ", True),
)
def test_the_largest_dose_by_weight_is_the_products(per_kg, name, speaks):
    one = draft("antithrombin", dose=per_kg, unit="[IU]/kg")
    drafted = replace(one, drug=replace(one.drug, label=name))
    found = judge_chart(*running(900), lab("antithrombin", 5), weight(70), drafted)
    assert ("antithrombinOverdose" in topics(found)) is speaks


def test_a_hospital_with_atenativ_doses_and_predicts_by_it():
    by = choosing(protocol(antithrombin_dose__recovery=1.0), antithrombin_product="atenativ")
    card = due(judge_chart(*failing(lab("antithrombin", 55)), by=by), "antithrombinDose")
    assert starts(card) == {"antithrombin": 3600}
    assert card.values["predicted"] == 100
