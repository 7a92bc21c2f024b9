from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from cds_service.chart.facts import Condition, Procedure, Skipped
from tests.chart.builders import (
    AT_TEN,
    ICD,
    RXNORM,
    SNOMED,
    TEN,
    Json,
    concept,
    named,
    read,
    shipped,
    skipped,
)

PCS = "http://www.cms.gov/Medicare/Coding/ICD10"


def problems(code: Json, **more: Any) -> list[str]:
    return sorted(one.concept for one in read(named("Condition", code, **more)).conditions)


def problem(**more: Any) -> Condition:
    """Heparin-induced thrombocytopenia, with these elements."""
    (one,) = read(named("Condition", concept((SNOMED, "73397007")), **more)).conditions
    return one


@pytest.mark.parametrize(
    ("system", "code", "concepts"),
    [
        (ICD, "D75.822", ["hit"]),
        (ICD, "D75822", ["hit"]),
        (ICD, "d75.829", ["hit"]),
        (ICD, "D75.82", ["hit"]),
        (ICD, "D75.821", []),
        (ICD, "D75.84", []),
        (SNOMED, "73397007", ["hit"]),
        (ICD, "A41.9", ["sepsis"]),
        (ICD, "R65.21", ["septic_shock"]),
        (ICD, "T81.12XA", ["septic_shock"]),
        (ICD, "D65", ["dic"]),
        (ICD, "T31.0", []),
        (ICD, "T31.10", ["burns"]),
        (ICD, "K70.30", ["cirrhosis"]),
        (ICD, "C50.911", ["cancer"]),
        (ICD, "C97", []),
        (ICD, "D05.10", []),
        (ICD, "Z3A.20", ["pregnancy"]),
        (ICD, "O14.20", ["pregnancy_complication"]),
        (ICD, "I26.99", ["vte"]),
        (ICD, "I82.501", []),
        (ICD, "I74.3", ["arterial_thrombosis"]),
        (ICD, "I61.9", ["bleeding_intracranial"]),
        (ICD, "S06.5X0A", ["bleeding_intracranial", "trauma"]),
        (ICD, "K92.2", ["bleeding_major"]),
        (ICD, "R58", ["bleeding"]),
        (ICD, "S36.039A", ["organ_injury"]),
        (ICD, "D68.59", []),
        (ICD, "D68.62", ["lupus_anticoagulant"]),
        (ICD, "I21.4", ["acute_coronary_syndrome"]),
        (ICD, "Z95.5", ["coronary_stent"]),
        (ICD, "I48.91", ["atrial_fibrillation"]),
        (ICD, "N18.6", ["esrd"]),
        (SNOMED, "191288005", []),
        (SNOMED, "36351005", []),
        ("urn:local", "D75.822", []),
    ],
)
def test_a_code_stands_for_its_concepts(system: str, code: str, concepts: list[str]) -> None:
    assert problems(concept((system, code))) == concepts


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("Heparin-induced thrombocytopenia", ["hit"]),
        ("History of heparin induced thrombocytopenia", ["hit"]),
        ("Non-immune heparin-induced thrombocytopenia", []),
        ("Rule out heparin-induced thrombocytopenia", []),
        ("Family history of pulmonary embolism", []),
        ("Pulmonary embolism without acute cor pulmonale", ["vte"]),
        ("History of pulmonary embolism", []),
        ("DVT prophylaxis; deep vein thrombosis", []),
        ("Severe sepsis with septic shock", ["sepsis", "septic_shock"]),
        ("Gastric ulcer with hemorrhage", ["bleeding"]),
        ("Gastric ulcer without hemorrhage", []),
        ("ECMO oxygenator thrombosis", ["circuit_thrombosis"]),
        ("Inherited antithrombin deficiency", ["hereditary_at_deficiency"]),
        ("Acquired antithrombin deficiency", []),
        ("Hypertension", []),
    ],
)
def test_words_stand_for_concepts_where_codes_do_not(text: str, concepts: list[str]) -> None:
    assert problems(concept(text=text)) == concepts


def test_an_excepted_code_silences_the_words_but_no_other_code() -> None:
    text = "Heparin-induced thrombocytopenia"
    assert problems(concept((ICD, "D75.821"), text=text)) == []
    assert problems(concept((ICD, "D75.821"), (ICD, "D75.822"), text=text)) == ["hit"]


@pytest.mark.parametrize(
    ("status", "active"),
    [
        ("active", True),
        ("recurrence", True),
        ("relapse", True),
        ("inactive", False),
        ("remission", False),
        ("resolved", False),
        ("nonsense", None),
    ],
)
def test_the_clinical_status_says_whether_it_is_active(status: str, active: bool | None) -> None:
    assert problem(clinicalStatus=concept(("urn:x", status))).active is active
    assert problem(clinicalStatus=status).active is active


@pytest.mark.parametrize(
    ("more", "active"),
    [
        ({}, None),
        ({"abatementDateTime": "2026-01-01"}, False),
        ({"abatementString": "last year"}, False),
        ({"clinicalStatus": concept(("urn:x", "active")), "abatementDateTime": TEN}, True),
    ],
)
def test_without_a_status_an_end_says_that_it_is_over(
    more: dict[str, Any], active: bool | None
) -> None:
    assert problem(**more).active is active


def test_onset_record_and_end_are_kept_apart() -> None:
    one = problem(
        onsetDateTime="2026-11-20", recordedDate=TEN, abatementPeriod={"start": "2026-11-21"}
    )
    assert one.onset == AT_TEN - timedelta(days=2, hours=10)  # midnight by the offset of TEN
    assert one.recorded == AT_TEN
    assert one.abated == AT_TEN - timedelta(days=1, hours=10)
    assert problem(onsetPeriod={"start": TEN}).onset == AT_TEN
    assert problem(onsetString="a while ago").onset is None


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_a_refuted_problem_is_named_as_left_out(status: str) -> None:
    resource = named(
        "Condition", concept((ICD, "D75.822")), verificationStatus=concept(("urn:x", status))
    )
    assert skipped(resource) == Skipped("Condition/n1", "status", "hit")


@pytest.mark.parametrize("status", ["confirmed", "provisional", "differential", "unconfirmed"])
def test_an_unconfirmed_problem_counts(status: str) -> None:
    assert problem(verificationStatus=concept(("urn:x", status))).concept == "hit"


def test_a_problem_without_a_code_is_malformed() -> None:
    assert skipped(named("Condition", None)).reason == "malformed"  # type: ignore[arg-type]


def allergy(code: Json | None, **more: Any) -> list[Condition]:
    resource = named("AllergyIntolerance", code or {}, **more)
    return list(read(resource).allergies)


@pytest.mark.parametrize(
    "code",
    [
        concept((SNOMED, "294872001")),
        concept((RXNORM, "5224")),
        concept(text="Heparin"),
        concept(text="HEPARINS"),
        concept(text="enoxaparin (Lovenox)"),
    ],
)
def test_a_heparin_allergy_is_found(code: Json) -> None:
    (one,) = allergy(code)
    assert one.concept == "heparin"


@pytest.mark.parametrize(
    "code",
    [
        concept(text="Penicillin"),
        concept(text="No known allergy to heparin"),
        concept(text="heparinoid"),
    ],
)
def test_other_allergies_are_not_ours(code: Json) -> None:
    assert not allergy(code)


def test_the_label_of_an_allergy_holds_the_reaction() -> None:
    (one,) = allergy(
        concept(text="Heparin"),
        reaction=[{"manifestation": [concept(text="Thrombocytopenia")], "description": "2019"}],
        note=[{"text": "PF4 positive"}],
        clinicalStatus=concept(("urn:x", "resolved")),
    )
    assert one.label == "Heparin; Thrombocytopenia; 2019; PF4 positive"
    assert one.active is False


def test_the_substance_may_stand_in_the_reaction() -> None:
    (one,) = allergy(None, reaction={"substance": concept((RXNORM, "5224"))})
    assert one.concept == "heparin"


def procedures(code: Json, **more: Any) -> list[Procedure]:
    return list(read(named("Procedure", code, **{"status": "completed"} | more)).procedures)


@pytest.mark.parametrize(
    ("code", "concepts"),
    [
        (concept((SNOMED, "233573008")), ["ecmo"]),
        (concept((PCS, "5A1522G")), ["ecmo"]),
        (concept((SNOMED, "714749008")), ["crrt"]),
        (concept(text="Dialysis - CRRT"), ["crrt"]),
        (concept(text="CRRT Filter Change"), []),
        (concept((SNOMED, "302497006")), ["hemodialysis"]),
        (concept(text="Continuous hemodialysis"), ["crrt"]),
        (concept(text="Dialysis catheter"), []),
        (concept((SNOMED, "63697000")), ["bypass"]),
        (concept(text="CABG on cardiopulmonary bypass"), ["bypass", "cardiac_surgery"]),
        (concept(text="Exploratory laparotomy"), ["major_surgery"]),
        (concept(text="Plasma Pheresis."), ["plasma_exchange"]),
        (concept(text="Percutaneous coronary intervention"), ["coronary_stent"]),
        (concept(text="Chest X-Ray"), []),
        (concept((PCS, "5A1D90Z")), []),
    ],
)
def test_procedures_are_found_by_code_or_words(code: Json, concepts: list[str]) -> None:
    assert sorted(one.concept for one in procedures(code)) == concepts


def test_when_a_procedure_took_place() -> None:
    ecmo = concept((SNOMED, "233573008"))
    (point,) = procedures(ecmo, performedDateTime=TEN)
    assert (point.start, point.end, point.in_progress) == (AT_TEN, AT_TEN, False)
    (running,) = procedures(ecmo, performedPeriod={"start": TEN}, status="in-progress")
    assert (running.start, running.end, running.in_progress) == (AT_TEN, None, True)
    (undated,) = procedures(ecmo, performedString="last week")
    assert undated.start is None


@pytest.mark.parametrize("status", ["not-done", "preparation", "entered-in-error"])
def test_what_did_not_take_place_is_named(status: str) -> None:
    resource = named("Procedure", concept((SNOMED, "233573008")), status=status)
    assert skipped(resource) == Skipped("Procedure/n1", "status", "ecmo")


def test_every_code_of_the_table_is_found_unless_unverified() -> None:
    table = shipped()
    for key, row in table.conditions.items():
        for code in row.codes:
            found = problems(concept((table.systems[code.system][0], code.code)))
            assert (key in found) is (code.status != "unverified"), code


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("New deep vein thrombosis", True),
        ("Progression of deep vein thrombosis", True),
        ("Deep vein thrombosis despite heparin", True),
        ("Deep vein thrombosis", False),
        ("Deep vein thrombosis, renewed plan", False),
    ],
)
def test_a_clot_that_its_text_calls_new(text: str, new: bool) -> None:
    (one,) = read(named("Condition", concept(text=text))).conditions
    assert one.new is new
