"""Antithrombin: which level counts, its tier, and the dose (clinical logic 2, 3 and 7)."""

from dataclasses import replace

import pytest

from cds_service.assessment.measure.antithrombin import tier_of
from cds_service.assessment.measure.antithrombin_dose import (
    Dose,
    compute_dose,
    drafted_units,
    forbidden,
    is_multiplied_form,
    predicted_level,
)
from cds_service.assessment.measure.antithrombin_recovery import measured_recovery
from cds_service.assessment.recommend.offers import dose_withheld
from cds_service.chart.facts import Form, Problem
from cds_service.chart.fhir_datetime import DATE_ONLY, Stretch
from tests.builders import (
    MINUTE,
    ago,
    answer,
    cards_of,
    case,
    choosing,
    condition,
    draft,
    due,
    every_start,
    failed,
    failing,
    given,
    heparin,
    judge_chart,
    lab,
    measured,
    offered_tests,
    order,
    procedure,
    protocol,
    recommended,
    running,
    spec,
    starts,
    topics,
    unreadable,
    weight,
    why,
)

LOW = lab("antithrombin", 55)
TODAY = Stretch.between(ago(12), ago(-12), DATE_ONLY, "10 Mar 2026")  # midnight to midnight
OF_TODAY = replace(LOW, at=TODAY)
A_DOSE = given("antithrombin", 20, 2000)


@spec(
    "level, tier",
    ("80 is normal", 80, "normal"),
    ("just under 80 is low-normal", 79.9, "lowNormal"),
    ("70 is low-normal", 70, "lowNormal"),
    ("just under 70 is low", 69.9, "low"),
    ("exactly 50 is low, not severe", 50, "low"),
    ("just under 50 is severe", 49.9, "severe"),
    ("130 is normal", 130, "normal"),
)
def test_tiers(level, tier):
    assert measured(lab("antithrombin", level)).antithrombin.tier == tier


@spec(
    "level, comparator, tier",
    ("<50 is severe", 50, "<", "severe"),
    ("<20 is severe", 20, "<", "severe"),
    ("<60 could be either", 60, "<", ""),
    (">80 is normal", 80, ">", "normal"),
    (">150 is normal", 150, ">", "normal"),
    (">70 could be either", 70, ">", ""),
    ("<=50 may be 50, which is low", 50, "<=", ""),
    ("<=49 is severe", 49, "<=", "severe"),
    (">=80 is normal", 80, ">=", "normal"),
    (">=79 may be less", 79, ">=", ""),
)
def test_tiers_of_a_limit(level, comparator, tier):
    assert tier_of(case(), level, comparator) == tier


@spec(
    "facts, tier, dosable",
    ("24 h old", (lab("antithrombin", 55, 24),), "low", True),
    ("a minute older: the tier stands", (lab("antithrombin", 55, 24 + MINUTE),), "low", False),
    ("48 h old: the tier stands", (lab("antithrombin", 55, 48),), "low", False),
    ("a minute older: unknown", (lab("antithrombin", 55, 48 + MINUTE),), "", False),
    ("absent", (), "", False),
    (
        "implausible, with an older one",
        (unreadable("antithrombin"), lab("antithrombin", 55, 9)),
        "",
        False,
    ),
    ("no number", (unreadable("antithrombin", problem=Problem.UNREADABLE),), "", False),
    ("the query failed", (failed("coagulation"),), "", False),
    ("a limit has a tier but no dose", (lab("antithrombin", 40, comparator="<"),), "severe", False),
    ("a limit that leaves the tier open", (lab("antithrombin", 60, comparator="<"),), "", False),
    ("administrations failed", (LOW, failed("administrations")), "low", False),
    ("orders failed", (LOW, failed("orders")), "low", False),
    ("drawn with the last dose", (LOW, given("antithrombin", 2, 2000)), "", False),
    (
        "drawn a minute after the last dose",
        (LOW, given("antithrombin", 2 + MINUTE, 2000)),
        "low",
        True,
    ),
    ("a dose on the day of the level", (LOW, replace(A_DOSE, start=TODAY)), "", False),
    ("a dose at an unknown time", (LOW, replace(A_DOSE, start=None)), "", False),
    ("a dose dated ahead", (LOW, replace(A_DOSE, start=ago(-1))), "", False),
    ("a level of the day, a dose the day before", (OF_TODAY, A_DOSE), "low", True),
    ("a level of the day of the dose", (OF_TODAY, given("antithrombin", 5, 2000)), "", False),
    ("another at an unknown time", (LOW, lab("antithrombin", 95, None)), "", False),
    ("another dated ahead", (LOW, lab("antithrombin", 95, -1)), "", False),
    ("another of the day", (LOW, replace(OF_TODAY, value=95)), "", False),
    (
        "an undated one that was issued before",
        (LOW, replace(lab("antithrombin", 95, None), issued=ago(3))),
        "low",
        True,
    ),
    (
        "an undated one that was issued after",
        (LOW, replace(lab("antithrombin", 95, None), issued=ago(1))),
        "",
        False,
    ),
    ("the dose was not given", (LOW, given("antithrombin", 1, 2000, done=False)), "low", True),
    (
        "within 24 h of a thrombin inhibitor",
        (LOW, given("argatroban", 40, until=26 - MINUTE, form=Form.INFUSION)),
        "",
        False,
    ),
    (
        "24 h after a thrombin inhibitor",
        (LOW, given("argatroban", 40, until=26, form=Form.INFUSION)),
        "low",
        True,
    ),
    ("within 72 h of an oral Xa inhibitor", (LOW, given("apixaban", 74 - MINUTE)), "", False),
    ("72 h after an oral Xa inhibitor", (LOW, given("apixaban", 74)), "low", True),
    ("under a standing oral Xa inhibitor", (LOW, order("apixaban")), "", False),
    ("an oral thrombin inhibitor is none of these", (LOW, given("dabigatran", 5)), "low", True),
    ("antigen alone", (lab("antithrombin_antigen", 40),), "", False),
)
def test_which_level_counts(facts, tier, dosable):
    found = measured(*facts).antithrombin
    assert found.tier == tier
    assert found.known.yes is bool(tier)
    assert found.dosable.yes is dosable


@spec(
    "facts, reason",
    ("absent", (), "antithrombin: missing"),
    ("the query failed", (failed("coagulation"),), "antithrombin: failed"),
    ("stale", (lab("antithrombin", 55, 49),), "antithrombin: stale"),
    ("before the dose", (LOW, given("antithrombin", 1, 2000)), "antithrombin: beforeDose"),
    ("after a thrombin inhibitor", (LOW, given("bivalirudin", 20)), "antithrombin: afterDti"),
    ("after apixaban", (LOW, given("apixaban", 20)), "antithrombin: afterOralXa"),
    ("implausible", (unreadable("antithrombin"),), "antithrombin: implausible"),
    ("a limit", (lab("antithrombin", 60, comparator="<"),), "antithrombin: comparator"),
)
def test_a_level_that_is_unknown_says_why(facts, reason):
    assert why(measured(*facts).antithrombin.known.reasons) == {reason}


def test_antigen_is_shown_and_never_used():
    found = judge_chart(*failing(lab("antithrombin_antigen", 40)))
    assert found.measured.antithrombin.antigen.value == 40
    assert every_start(found) == set()
    assert offered_tests(due(found, "heparinResistance")) == {"antithrombin", "aptt"}


def test_antigen_by_mass_is_shown_where_no_percentage_is():
    assert measured(lab("antithrombin_mass", 20)).antithrombin.antigen.unit == "mg/dL"
    both = measured(unreadable("antithrombin_antigen"), lab("antithrombin_mass", 20))
    assert both.antithrombin.antigen.value == 20
    assert measured(unreadable("antithrombin_mass")).antithrombin.antigen is None


@spec(
    "mass, low",
    ("just below the review's range", 16.9, True),
    ("within it", 17, False),
)
def test_antigen_below_its_mass_range_is_named(mass, low):
    notes = due(judge_chart(*failing(lab("antithrombin_mass", mass))), "heparinResistance").notes
    assert ("antithrombin.antigenLow" in notes) is low


@spec(
    "kg, level, units, predicted",
    ("the pin of 70 kg", 70, 50, 2500, 100),
    ("the pin of 80 kg", 80, 55, 2571, 100),
    ("whole units, rounded half up", 77, 57, 2365, 100),
)
def test_the_dose_divides_by_the_recovery(kg, level, units, predicted):
    m = measured(lab("antithrombin", level), weight(kg))
    dose = compute_dose(m.case, m.antithrombin, m.weight)
    assert dose.units == units
    assert dose.predicted == pytest.approx(predicted, abs=0.5)
    assert forbidden(m.case, dose, m.weight) is None


@spec(
    "kg, current, multiplied, predicted",
    ("the pin of 70 kg", 70, 50, 4900, 148),
    ("the pin of 80 kg", 80, 55, 5040, 143.2),
)
def test_the_multiplied_form_would_reach_far_beyond(kg, current, multiplied, predicted):
    assert predicted_level(case(), current, multiplied, kg) == pytest.approx(predicted)
    assert is_multiplied_form(case(), multiplied, current, kg)
    assert multiplied / 1.96 == pytest.approx((100 - current) * kg / 1.4)


@spec(
    "units, named",
    ("the figure itself", 4900, True),
    ("three per cent above", 4900 * 1.03, True),
    ("a little more", 4900 * 1.0302, False),
    ("three per cent below", 4900 * 0.97, True),
    ("a little less", 4900 * 0.9698, False),
    ("the labelled dose", 2500, False),
)
def test_a_draft_within_three_per_cent_of_the_multiplied_form_is_named(units, named):
    assert is_multiplied_form(case(), units, 50, 70) is named


def test_without_level_or_weight_there_is_no_dose():
    m = measured(lab("antithrombin", 55))
    assert compute_dose(m.case, m.antithrombin, m.weight) is None
    m = measured(weight(80))
    assert compute_dose(m.case, m.antithrombin, m.weight) is None


def dose_offered(*facts, kg=80.0, by=None, level=55.0):
    found = judge_chart(*failing(lab("antithrombin", level), *facts, kg=kg), by=by)
    return found, due(found, "antithrombinDose")


def test_the_dose_of_the_card_is_the_pin():
    _, card = dose_offered()
    assert starts(card) == {"antithrombin": 2571}
    assert recommended(card) == set()
    assert card.values["dose"] == 2571
    assert card.values["predicted"] == pytest.approx(100, abs=0.1)


@spec(
    "units, kg, against",
    ("249 IU is too small", 249, 70, "antithrombinDose: tooSmall"),
    ("250 IU is worth a vial", 250, 70, ""),
    ("a predicted 120 %", 3500, 70, ""),
    ("a predicted 120.02 %", 3501, 70, "antithrombinDose: predictedTooHigh"),
)
def test_limits_of_a_dose(units, kg, against):
    m = measured(lab("antithrombin", 50), weight(kg))
    dose = Dose(units, predicted_level(m.case, 50, units, kg), 1.4, False, (), units)
    reason = forbidden(m.case, dose, m.weight)
    assert why([reason] if reason else []) == ({against} if against else set())


@spec(
    "units, against",
    ("75 IU/kg", 5250, ""),
    ("just above 75 IU/kg", 5251, "antithrombinDose: perKgTooHigh"),
)
def test_no_dose_above_75_units_per_kg(units, against):
    m = measured(lab("antithrombin", 1), weight(70))
    dose = Dose(units, predicted_level(m.case, 1, units, 70), 1.4, False, (), units)
    reason = forbidden(m.case, dose, m.weight)
    assert why([reason] if reason else []) == ({against} if against else set())


@spec(
    "predicted, allowed",
    ("150 %, whatever a protocol says", 150, True),
    ("just above 150 %", 150.1, False),
)
def test_no_protocol_goes_beyond_the_fixed_prediction(predicted, allowed):
    by = protocol(antithrombin_dose__highest_predicted=200)
    m = measured(lab("antithrombin", 50), weight(100), by=by)
    reason = forbidden(m.case, Dose(5000, predicted, 1.4, False, (), 5000), m.weight)
    assert (reason is None) is allowed


def test_a_dose_that_a_limit_forbids_is_not_offered():
    """A measured recovery of 0.5 asks for 90 IU/kg, and the label predicts far too much."""
    facts = (
        lab("antithrombin", 54, 36),
        given("antithrombin", 34, 4000),
        lab("antithrombin", 55, 33),
        lab("antithrombin", 55, 2),
    )
    found = judge_chart(*failing(*facts))
    card = due(found, "antithrombinDose")
    assert starts(card) == {}
    assert why(card.withheld) == {"antithrombinDose: predictedTooHigh"}


@spec(
    "units, remarks",
    ("under the first-dose band", 1999, ("outsideBand",)),
    ("at its lower end", 2000, ()),
    ("at its upper end", 4000, ()),
    ("above it", 4001, ("outsideBand",)),
    ("5,000 IU", 5000, ("outsideBand",)),
    ("above 5,000 IU", 5001, ("pharmacist", "outsideBand")),
)
def test_what_the_text_adds_about_a_dose(units, remarks):
    kg = 100.0
    m = measured(lab("antithrombin", 100 - units * 1.4 / kg), weight(kg))
    dose = compute_dose(m.case, m.antithrombin, m.weight)
    assert (dose.units, dose.remarks) == (units, remarks)


@spec(
    "by, beside",
    ("the label's dose", {}, 2571),
    ("none where the label's breaks a limit itself", {"antithrombin_dose__smallest": 3000}, None),
)
def test_a_card_of_a_protocol_that_multiplies_shows_the_labels_dose_beside(by, beside):
    found = judge_chart(*failing(LOW), by=protocol("review-as-written", **by))
    card = due(found, "antithrombinDose")
    assert (card.values["dose"], card.values.get("label_dose")) == (5040, beside)
    assert "antithrombin.formulaMultiplied" in card.notes
    assert ("antithrombin.labelBeside" in card.notes) is (beside is not None)


def test_where_its_own_dose_goes_too_far_only_the_labels_is_shown():
    facts = failing(lab("antithrombin", 40), condition("sepsis"))
    card = due(judge_chart(*facts, by=protocol("review-as-written")), "antithrombinDose")
    assert card.values == {"label_dose": round((100 - 40) * 80 / 1.4)}
    assert [(r.why, r.detail) for r in card.withheld] == [("predictedTooHigh", "158 %")]


def test_a_dose_by_a_weight_that_was_only_stated_says_so_on_its_card():
    found = judge_chart(*failing(LOW, lab("weight_stated", 75), kg=None))
    (told,) = (card for card in cards_of(found) if card.topic == "antithrombinDose")
    assert "| Weight | 75 kg, stated, not measured |" in told.detail


def test_the_labels_own_protocol_shows_no_second_dose():
    card = due(judge_chart(*failing(LOW)), "antithrombinDose")
    assert "label_dose" not in card.values
    assert "antithrombin.formula" in card.notes


def test_a_protocol_that_multiplies_shows_what_the_label_says_beside():
    m = measured(lab("antithrombin", 50), weight(70), by=choosing(dose_form="multiply"))
    dose = compute_dose(m.case, m.antithrombin, m.weight)
    assert (dose.units, dose.label_units) == (4900, 2500)
    assert dose.predicted == pytest.approx(148)


@spec(
    "given_at, pre, post, recovery",
    ("measured", 10, (12, 50), (8, 75), 25 * 80 / 2000),
    ("20 min after the dose", 10, (12, 50), (10 - 20 * MINUTE, 75), 1.0),
    ("a little earlier", 10, (12, 50), (10 - 19.9 * MINUTE, 75), None),
    ("4 h after the dose", 10, (12, 50), (6, 75), 1.0),
    ("a minute later", 10, (12, 50), (6 - MINUTE, 75), None),
    ("kept above 0.5", 10, (12, 50), (8, 51), 0.5),
    ("kept below 2.5", 10, (12, 50), (8, 140), 2.5),
    ("a fall is kept at 0.5", 10, (12, 50), (8, 45), 0.5),
    ("no level before", 10, None, (8, 75), None),
    ("the level before was 24 h old", 10, (34, 50), (8, 75), 1.0),
    ("a minute older", 10, (34 + MINUTE, 50), (8, 75), None),
    ("25 days old", 10, (25 * 24, 50), (8, 75), None),
    ("no level after", 10, (12, 50), None, None),
)
def test_the_measured_recovery(given_at, pre, post, recovery):
    levels = [lab("antithrombin", value, at) for at, value in filter(None, (pre, post))]
    found = measured_recovery(case(given("antithrombin", given_at, 2000), *levels), 80)
    assert found == (None if recovery is None else pytest.approx(recovery))


@spec(
    "row, recovery",
    ("a dose by weight", given("antithrombin", 10, 25, unit="[IU]/kg"), 1.0),
    ("a dose in another unit", given("antithrombin", 10, 25, unit="mg"), None),
    ("a dose that is not said", given("antithrombin", 10), None),
    ("the level counts from the end of the dose", given("antithrombin", 12, 2000, until=9), 1.0),
)
def test_the_recovery_needs_the_dose(row, recovery):
    levels = (lab("antithrombin", 50, 13), lab("antithrombin", 75, 8))
    found = measured_recovery(case(row, *levels), 80)
    assert found == (None if recovery is None else pytest.approx(recovery))


BETWEEN = (lab("antithrombin", 50, 13), lab("antithrombin", 75, 8))


@spec(
    "facts, recovery",
    ("one dose between", (), 1.0),
    ("a dose before both", (given("antithrombin", 14, 1000),), 1.0),
    ("two doses between", (given("antithrombin", 12, 1000),), None),
    ("one with the level before", (given("antithrombin", 13, 1000),), None),
    ("one that was not given", (given("antithrombin", 12, 1000, done=False),), 1.0),
    ("one at an unknown time", (replace(given("antithrombin", 12, 1000), start=None),), None),
    ("one on the day of the levels", (replace(given("antithrombin", 12), start=TODAY),), None),
    ("a newer level before that cannot be read", (unreadable("antithrombin", 12),), None),
    ("a level before of the day", (replace(lab("antithrombin", 60, 12), at=TODAY),), None),
)
def test_the_recovery_is_that_of_the_only_dose_between_two_levels(facts, recovery):
    found = measured_recovery(case(given("antithrombin", 10, 2000), *BETWEEN, *facts), 80)
    assert found == (None if recovery is None else pytest.approx(recovery))


def test_a_limit_is_no_level_for_the_recovery():
    rows = (lab("antithrombin", 50, 12), lab("antithrombin", 75, 8, comparator=">"))
    assert measured_recovery(case(given("antithrombin", 10, 2000), *rows), 80) is None


def test_the_measured_recovery_replaces_the_labels_in_the_dose_not_in_the_prediction():
    m = measured(
        lab("antithrombin", 50, 12),
        given("antithrombin", 10, 2000),
        lab("antithrombin", 80, 8),
        weight(80),
    )
    dose = compute_dose(m.case, m.antithrombin, m.weight)
    assert dose.recovery == pytest.approx(1.2)
    assert dose.measured_recovery
    assert dose.units == round(20 * 80 / 1.2)
    assert dose.predicted == pytest.approx(80 + dose.units * 1.4 / 80)


# Before the raise, so that the levels before and after it tell of heparin beside this dose.
FIRST_DOSE = given("antithrombin", 34, 2000)
SECOND = (
    lab("antithrombin", 40, 36),
    FIRST_DOSE,
    lab("antithrombin", 65, 32),
    lab("antithrombin", 65, 5),
)


def test_the_card_says_that_the_recovery_was_measured():
    notes = due(judge_chart(*failing(*SECOND)), "antithrombinDose").notes
    assert "antithrombin.measuredRecovery" in notes


def test_a_protocol_that_multiplies_does_not_multiply_by_a_measured_recovery():
    m = measured(*SECOND, weight(80), by=protocol("review-as-written"))
    dose = compute_dose(m.case, m.antithrombin, m.weight)
    assert (dose.units, dose.measured_recovery) == (round(35 * 80 * 1.4), False)


def test_above_target_there_is_no_dose():
    found = judge_chart(*running(), weight(80), lab("anti_xa", 0.8), LOW)
    assert why(dose_withheld(found.measured, found.verdicts)) == {"level: aboveTarget"}


@spec(
    "dose, unit, kg, units",
    ("in IU", 2000, "[IU]", 80, 2000),
    ("in IU/kg", 30, "[IU]/kg", 80, 2400),
    ("in IU/kg without a weight", 30, "[IU]/kg", None, None),
    ("in mg", 30, "mg", 80, None),
)
def test_units_of_a_draft(dose, unit, kg, units):
    assert drafted_units(draft("antithrombin", dose=dose, unit=unit), kg) == units


def test_a_draft_that_cannot_be_read_has_no_units():
    assert drafted_units(draft("antithrombin", problem=Problem.TEXT_ONLY), 80) is None


@spec(
    "facts, reason",
    ("the level 25 h old", (lab("antithrombin", 55, 25),), "antithrombin: stale"),
    ("bleeding", (LOW, condition("bleeding", 10)), "bleeding: active"),
    ("heparin allergy", (LOW, condition("heparin", 999)), "heparinAllergy: onRecord"),
    ("the problem list failed", (LOW, failed("conditions")), "conditions: failed"),
    ("the allergies failed", (LOW, failed("allergies")), "allergies: failed"),
    ("the blood counts failed", (LOW, failed("blood")), "platelets: failed"),
)
def test_without_one_fact_there_is_no_dose_and_the_card_names_it(facts, reason):
    card = due(judge_chart(*failing(*facts)), "antithrombinDose")
    assert "antithrombin" not in starts(card)
    assert reason in why(card.withheld)


@spec(
    "kg, facts, reason",
    ("no weight", None, (), "weight: missing"),
    ("the orders failed", 80, (failed("orders"),), "anti_xa: medicinesUnknown"),
)
def test_without_a_fact_of_the_confirmation_there_is_no_card_of_a_dose(kg, facts, reason):
    found = judge_chart(*failing(LOW, *facts, kg=kg))
    assert every_start(found) == set()
    verdict = found.verdicts["confirmed"]
    levels = found.measured.levels.anti_xa.usable.reasons
    assert reason in why((*verdict.reasons, *levels))


def test_a_level_of_a_day_to_two_keeps_the_card_and_asks_for_a_new_one():
    card = due(judge_chart(*failing(lab("antithrombin", 55, 30))), "antithrombinDose")
    assert offered_tests(card) == {"antithrombin"}
    assert starts(card) == {}


@spec(
    "fact",
    ("sepsis", condition("sepsis")),
    ("septic shock", condition("septic_shock")),
    ("DIC", condition("dic")),
    ("cirrhosis", condition("cirrhosis")),
    ("within 72 h of bypass", procedure("bypass", 75, 72)),
    ("within 72 h of cardiac surgery", procedure("cardiac_surgery", 50, 45)),
)
def test_a_protocol_that_recommends_antithrombin_keeps_it_from_these(fact):
    by = choosing(antithrombin_recommended=True)
    _, card = dose_offered(fact, by=by)
    assert starts(card) == {"antithrombin": 2571}
    assert recommended(card) == set()
    assert recommended(dose_offered(by=by)[1]) == {"antithrombin"}


def test_a_minute_beyond_72_hours_of_bypass_such_a_protocol_recommends_it_again():
    by = choosing(antithrombin_recommended=True)
    _, card = dose_offered(procedure("bypass", 80, 72 + MINUTE), by=by)
    assert recommended(card) == {"antithrombin"}


HEREDITARY = condition("hereditary_at_deficiency", 9999)


@spec(
    "level, dose",
    ("low", 55, 2571),
    ("severe: no switch", 45, 3143),
)
def test_in_hereditary_deficiency_it_is_recommended_and_no_switch_is_due(level, dose):
    found = judge_chart(*failing(lab("antithrombin", level), HEREDITARY))
    card = due(found, "antithrombinDose")
    assert starts(card) == {"antithrombin": dose}
    assert recommended(card) == {"antithrombin"}
    assert "antithrombin.hereditary" in card.notes
    assert "antithrombin.evidence" not in card.notes
    assert "anticoagulantSwitch" not in topics(found)


def test_in_hereditary_deficiency_a_level_of_70_is_not_low():
    found = judge_chart(*failing(lab("antithrombin", 70), HEREDITARY))
    assert "antithrombinDose" not in topics(found)


@spec(
    "facts, named",
    ("normal kidneys, enough platelets", (lab("platelets", 100, 5),), True),
    ("platelets just under 100", (lab("platelets", 99.9, 5),), False),
    ("platelets not known", (), False),
    ("pregnant", (lab("platelets", 200, 5), condition("pregnancy")), False),
    ("on ECMO", (lab("platelets", 200, 5), procedure("ecmo", running=True)), False),
    ("on dialysis", (lab("platelets", 200, 5), procedure("hemodialysis", 5, 2)), False),
    ("an operation", (lab("platelets", 200, 5), procedure("major_surgery", 50, 48)), False),
    ("trauma", (lab("platelets", 200, 5), condition("organ_injury", 30)), False),
    ("impaired kidneys", (lab("creatinine", 3, 1), lab("creatinine", 3, 60)), False),
    ("kidneys not known", (unreadable("creatinine", 1),), False),
    ("a heparin allergy", (condition("heparin"),), False),
    ("allergies not known", (failed("allergies"),), False),
)
def test_lmwh_is_named_only_where_kidneys_platelets_and_wounds_allow_it(facts, named):
    _, card = dose_offered(*facts)
    assert ("antithrombin.lmwh" in card.notes) is named


def test_a_standing_antithrombin_draft_is_not_doubled():
    _, card = dose_offered(draft("antithrombin", dose=2000))
    assert starts(card) == {}
    assert "antithrombin.drafted" in card.notes


THEN = lab("anti_xa", 0.2, 5)  # drawn after the dose


@spec(
    "extra, responded",
    ("the rate fell by a fifth", (heparin(1600, 48, 10), heparin(1280, 10), THEN), "yes"),
    ("by a little less", (heparin(1600, 48, 10), heparin(1281, 10), lab("anti_xa", 0.2)), "no"),
    ("the rate stayed, below target", (heparin(1600, 48), lab("anti_xa", 0.2)), "no"),
    ("the rate stayed, no level", (heparin(1600, 48),), "no"),
    ("the rate cannot be read", (heparin(None, 48), lab("anti_xa", 0.2)), "unknown"),
    ("on target four hours after it", (heparin(1600, 60), lab("anti_xa", 0.4, 8)), "yes"),
    ("on target a minute sooner", (heparin(1600, 60), lab("anti_xa", 0.4, 8 + MINUTE)), "no"),
    ("an anti-Xa of 0.3", (heparin(1600, 60), lab("anti_xa", 0.3, 2)), "yes"),
    ("an anti-Xa of 0.7", (heparin(1600, 60), lab("anti_xa", 0.7, 2)), "yes"),
    ("unreadable", (heparin(1600, 60), unreadable("anti_xa", 2)), "no"),
    ("the infusion stopped", (heparin(1600, 48, 8), lab("anti_xa", 0.4, 2)), "no"),
    ("on target by aPTT", (heparin(1600, 60), lab("aptt", 75, 2)), "yes"),
)
def test_response_to_a_dose(extra, responded):
    found = judge_chart(*extra, given("antithrombin", 12, 2500), weight(80))
    assert answer(found, "responded") == responded


@spec(
    "drawn, expected",
    ("four hours after the dose", 8, "yes"),
    ("a minute sooner", 8 + MINUTE, "no"),
)
def test_refractory_is_judged_by_a_level_after_the_dose(drawn, expected):
    facts = (given("antithrombin", 12, 2500), lab("antithrombin", 90, 2), weight(80))
    found = judge_chart(*running(), lab("anti_xa", 0.2, drawn), *facts)
    assert answer(found, "refractory") == expected


def test_without_a_dose_nothing_responded():
    found = judge_chart(*failing())
    assert answer(found, "responded") == "no"
    assert answer(found, "refractory") == "no"
    unread = judge_chart(*failing(failed("administrations")))
    assert answer(unread, "responded") == "unknown"


@spec(
    "level, refractory",
    ("antithrombin of 80", 80, "yes"),
    ("antithrombin just under 80", 79.9, "no"),
)
def test_refractory_is_still_failing_with_normal_antithrombin_after_a_dose(level, refractory):
    found = judge_chart(*failing(given("antithrombin", 30, 2500), lab("antithrombin", level)))
    assert answer(found, "refractory") == refractory
    assert "heparinResistance" in topics(found)


def test_refractory_is_unknown_while_the_level_is():
    assert answer(judge_chart(*failing(given("antithrombin", 30, 2500))), "refractory") == "unknown"
