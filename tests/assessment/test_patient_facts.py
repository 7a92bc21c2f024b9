"""Age, weight, kidney, liver, acute phase (clinical logic 2)."""

from datetime import date

import pytest

from cds_service.assessment.measure.patient_facts import age_in_years
from cds_service.chart.facts import Problem
from tests.builders import (
    MINUTE,
    NOW,
    answer,
    case,
    condition,
    failed,
    judge_chart,
    lab,
    measured,
    nobody_knows_when_born,
    person,
    procedure,
    spec,
    unreadable,
    weight,
    why,
)

DAYS_30 = 30 * 24


@spec(
    "born, age",
    ("on the birthday", date(2008, 3, 10), 18),
    ("the day before the birthday", date(2008, 3, 11), 17),
    ("long ago", date(1950, 1, 1), 76),
)
def test_age_counts_completed_years(born, age):
    assert NOW.date() == date(2026, 3, 10)
    assert age_in_years(case(person(born=born))) == age


def test_age_without_a_birth_date_is_unknown():
    assert age_in_years(case(nobody_knows_when_born())) is None


@spec(
    "facts, kg, how",
    ("measured", (weight(80),), 80, ""),
    ("the newest measured", (weight(80, 50), weight(82, 5)), 82, ""),
    ("measured 30 days ago", (weight(80, DAYS_30),), 80, ""),
    ("stated, no other", (lab("weight_stated", 75),), 75, "stated"),
    ("measured leads over stated", (weight(80, 100), lab("weight_stated", 75, 1)), 80, ""),
    (
        "measured too long ago, stated now",
        (weight(80, DAYS_30 + MINUTE), lab("weight_stated", 75)),
        75,
        "stated",
    ),
)
def test_weight(facts, kg, how):
    found = measured(*facts).weight
    assert (found.kg, found.evidence.how) == (kg, how)


@spec(
    "facts, reason",
    ("absent", (), "weight: missing"),
    ("a minute older than 30 days", (weight(80, DAYS_30 + MINUTE),), "weight: stale"),
    ("stated too long ago", (lab("weight_stated", 75, DAYS_30 + MINUTE),), "weight: stale"),
    (
        "implausible, an older one on record",
        (weight(80, 90), unreadable("weight", 2)),
        "weight: implausible",
    ),
    ("a unit not in the table", (unreadable("weight", problem=Problem.UNIT),), "weight: unit"),
    ("only a limit", (lab("weight", 150, comparator=">"),), "weight: comparator"),
    ("the query failed", (failed("body"),), "weight: failed"),
    ("undated", (lab("weight", 80, None),), "weight: undated"),
    ("an undated one beside it", (weight(80), lab("weight", 60, None)), "weight: undated"),
    ("one dated ahead beside it", (weight(80), weight(60, -1)), "weight: ahead"),
    (
        "an undated stated one, no other",
        (lab("weight_stated", 80, None),),
        "weight: undated",
    ),
)
def test_weight_that_is_unknown_says_why(facts, reason):
    found = measured(*facts).weight
    assert found.kg is None
    assert why(found.known.reasons) == {reason}


@spec(
    "who, kg, creatinine, clearance",
    ("a man of 60 and 72 kg at 1 mg/dL", person(60), 72, 1.0, 80.0),
    ("a woman: 0.85 of it", person(60, "female"), 72, 1.0, 68.0),
    ("a man of 40 and 72 kg at 2 mg/dL", person(40), 72, 2.0, 50.0),
)
def test_cockcroft_gault(who, kg, creatinine, clearance):
    organs = measured(who, weight(kg), lab("creatinine", creatinine)).organs
    assert organs.crcl == pytest.approx(clearance)


AGED = (person(60), weight(72))  # clearance 80 / creatinine


@spec(
    "facts, renal",
    ("clearance at 60", (*AGED, lab("creatinine", 80 / 60)), "no"),
    ("clearance just under 60", (*AGED, lab("creatinine", 80 / 59.9)), "yes"),
    ("creatinine 48 h old", (*AGED, lab("creatinine", 1, 48)), "no"),
    ("creatinine a minute older", (*AGED, lab("creatinine", 1, 48 + MINUTE)), "unknown"),
    ("creatinine absent", AGED, "unknown"),
    ("creatinine implausible", (*AGED, unreadable("creatinine")), "unknown"),
    (
        "creatinine implausible, eGFR on record",
        (*AGED, unreadable("creatinine"), lab("egfr", 90)),
        "unknown",
    ),
    ("the query failed", (failed("body"),), "unknown"),
    ("eGFR of 60 without weight", (lab("creatinine", 1), lab("egfr", 60)), "no"),
    ("eGFR just under 60 without weight", (lab("creatinine", 1), lab("egfr", 59.9)), "yes"),
    ("eGFR >60", (lab("egfr", 60, comparator=">"),), "no"),
    ("eGFR <60", (lab("egfr", 60, comparator="<"),), "yes"),
    ("eGFR <90 says nothing about 60", (lab("egfr", 90, comparator="<"),), "unknown"),
    ("eGFR 48 h old", (lab("egfr", 90, 48),), "no"),
    ("eGFR too old", (lab("egfr", 90, 48 + MINUTE),), "unknown"),
    ("neither weight nor eGFR", (lab("creatinine", 1),), "unknown"),
    (
        "a sex that the formula does not know: eGFR",
        (person(60, ""), weight(72), lab("creatinine", 1), lab("egfr", 50)),
        "yes",
    ),
    (
        "no birth date: eGFR",
        (nobody_knows_when_born(), weight(72), lab("creatinine", 1), lab("egfr", 50)),
        "yes",
    ),
    (
        "risen by half in 48 h",
        (*AGED, lab("creatinine", 0.8, 48), lab("creatinine", 1.2, 1)),
        "yes",
    ),
    (
        "risen by a little less",
        (*AGED, lab("creatinine", 0.8, 48), lab("creatinine", 1.199, 1)),
        "no",
    ),
    (
        "risen by half in more than 48 h",
        (*AGED, lab("creatinine", 0.8, 48 + MINUTE), lab("creatinine", 1.2, 1)),
        "no",
    ),
    (
        "fallen by half",
        (*AGED, lab("creatinine", 1.2, 40), lab("creatinine", 0.6, 1)),
        "no",
    ),
    ("creatinine <0.3 clears more", (*AGED, lab("creatinine", 0.3, comparator="<")), "no"),
    ("creatinine >10 clears less", (*AGED, lab("creatinine", 10, comparator=">")), "yes"),
    ("creatinine >1 leaves it open", (*AGED, lab("creatinine", 1, comparator=">")), "unknown"),
    ("CRRT in progress", (procedure("crrt", 90, running=True),), "yes"),
    ("dialysis ended 24 h ago", (procedure("hemodialysis", 28, 24),), "yes"),
    (
        "dialysis ended a minute earlier",
        (*AGED, lab("creatinine", 1), procedure("hemodialysis", 28, 24 + MINUTE)),
        "no",
    ),
    ("dialysis without an end began 24 h ago", (procedure("hemodialysis", 24),), "yes"),
    ("dependence on dialysis", (condition("dialysis_dependence", 9000),), "yes"),
    (
        "dependence on dialysis, over",
        (*AGED, lab("creatinine", 1), condition("dialysis_dependence", active=False)),
        "no",
    ),
)
def test_renal_impairment(facts, renal):
    assert measured(*facts).organs.renal.truth.value == renal


@spec(
    "facts, modality",
    ("neither", (), ""),
    (
        "CRRT leads",
        (procedure("crrt", running=True), procedure("hemodialysis", running=True)),
        "crrt",
    ),
    ("intermittent", (procedure("hemodialysis", 5, 2),), "hemodialysis"),
    ("by the problem list", (condition("dialysis_dependence"),), "hemodialysis"),
)
def test_the_modality_of_replacement(facts, modality):
    assert measured(*facts).organs.modality == modality


def test_a_clearance_that_cannot_be_worked_out_says_why():
    assert why(measured(lab("creatinine", 1)).organs.renal.reasons) == {"crcl: noFormula"}
    assert why(measured().organs.renal.reasons) == {"creatinine: missing"}
    assert why(measured(failed("body")).organs.renal.reasons) == {"creatinine: failed"}


WEEK = 7 * 24


@spec(
    "facts, hepatic",
    ("bilirubin at 1.5", (lab("bilirubin", 1.5),), "no"),
    ("bilirubin just above 1.5", (lab("bilirubin", 1.51),), "yes"),
    ("bilirubin a week old", (lab("bilirubin", 1.0, WEEK),), "no"),
    ("bilirubin a minute older", (lab("bilirubin", 1.0, WEEK + MINUTE),), "unknown"),
    ("absent", (), "unknown"),
    ("implausible", (unreadable("bilirubin"),), "unknown"),
    ("cirrhosis without bilirubin", (condition("cirrhosis", 9000),), "yes"),
    (
        "liver failure, bilirubin normal",
        (lab("bilirubin", 1.0), condition("hepatic_failure")),
        "yes",
    ),
    ("cirrhosis, resolved", (lab("bilirubin", 1.0), condition("cirrhosis", active=False)), "no"),
    ("the problem list failed", (lab("bilirubin", 1.0), failed("conditions")), "unknown"),
    ("the problem list failed, bilirubin high", (lab("bilirubin", 4), failed("conditions")), "yes"),
    ("the query failed", (failed("body"),), "unknown"),
)
def test_hepatic_impairment(facts, hepatic):
    assert measured(*facts).organs.hepatic.truth.value == hepatic


def test_a_liver_that_is_unknown_says_why():
    found = measured(lab("bilirubin", 1.0), failed("conditions")).organs.hepatic
    assert why(found.reasons) == {"conditions: failed"}
    assert why(measured().organs.hepatic.reasons) == {"bilirubin: missing"}


def test_an_acute_phase_that_pregnancy_may_explain_says_so():
    found = judge_chart(lab("fibrinogen", 600), failed("conditions"))
    assert why(found.verdicts["acute_phase"].reasons) == {"conditions: failed"}


@spec(
    "facts, acute",
    ("fibrinogen at 450", (lab("fibrinogen", 450), lab("factor_viii", 100)), "no"),
    ("fibrinogen just above 450", (lab("fibrinogen", 451),), "yes"),
    ("factor VIII at 150", (lab("fibrinogen", 300), lab("factor_viii", 150)), "no"),
    ("factor VIII just above 150", (lab("factor_viii", 151),), "yes"),
    ("48 h old", (lab("fibrinogen", 600, 48),), "yes"),
    ("a minute older", (lab("fibrinogen", 600, 48 + MINUTE),), "unknown"),
    ("absent", (), "unknown"),
    ("one normal, one absent", (lab("fibrinogen", 300),), "unknown"),
    ("implausible", (unreadable("fibrinogen"),), "unknown"),
    ("not claimed in pregnancy", (lab("fibrinogen", 600), condition("pregnancy")), "no"),
    (
        "nor where nobody knows of a pregnancy",
        (lab("fibrinogen", 600), failed("conditions")),
        "unknown",
    ),
)
def test_the_acute_phase(facts, acute):
    assert answer(judge_chart(*facts), "acute_phase") == acute
