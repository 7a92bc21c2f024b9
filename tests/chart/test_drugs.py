from __future__ import annotations

from dataclasses import replace

import pytest

from cds_service.chart.concepts import Code
from cds_service.chart.facts import Skipped
from tests.chart.builders import (
    ATC,
    RXNORM,
    Json,
    administration,
    concept,
    given,
    order,
    ordered,
    quantity,
    read,
    shipped,
    skipped,
)

NDC = "http://hl7.org/fhir/sid/ndc"


def medication(name: str, code: Json | None = None, **more: object) -> Json:
    """A Medication resource."""
    made: Json = {"resourceType": "Medication", "id": name, "code": code}
    return {key: value for key, value in (made | more).items() if value is not None}


def drugs_of(code: Json) -> list[str]:
    """The drugs an order with this medication is for."""
    return [one.drug.key for one in read(order(medicationCodeableConcept=code)).orders]


@pytest.mark.parametrize(
    ("system", "code", "drug", "family"),
    [
        (RXNORM, "5224", "heparin", "heparin"),
        ("urn:oid:2.16.840.1.113883.6.88", "5224", "heparin", "heparin"),
        (RXNORM, "1658717", "heparin", "heparin"),
        (ATC, "B01AB01", "heparin", "heparin"),
        (RXNORM, "67108", "enoxaparin", "lmwh"),
        (RXNORM, "854228", "enoxaparin", "lmwh"),
        (ATC, "B01AB06", "nadroparin", "lmwh"),
        (RXNORM, "1009", "antithrombin", "antithrombin"),
        (ATC, "B01AB02", "antithrombin", "antithrombin"),
        (NDC, "13533-602-50", "antithrombin", "antithrombin"),
        (NDC, "13533060250", "antithrombin", "antithrombin"),
        (RXNORM, "15202", "argatroban", "dti"),
        (RXNORM, "11289", "warfarin", "vka"),
        (ATC, "B01AC25", "cangrelor", "p2y12"),
        (ATC, "V03AB14", "protamine", "protamine"),
    ],
)
def test_a_code_names_the_drug(system: str, code: str, drug: str, family: str) -> None:
    one = ordered(order(medicationCodeableConcept=concept((system, code))))
    assert (one.drug.key, one.drug.family) == (drug, family)


@pytest.mark.parametrize(
    ("text", "drugs"),
    [
        ("Heparin sodium 25,000 units in D5W", ["heparin"]),
        ("HEPARIN-SODIUM", ["heparin"]),
        ("heparin-free saline", []),
        ("hepatitis B vaccine", []),
        ("HEP B vaccine", []),
        ("Heparin, low molecular weight (enoxaparin)", ["enoxaparin"]),
        ("LMWH heparin", []),
        ("Heparinoid cream", []),
        ("heparin topical gel", []),
        ("Lovenox 40 mg", ["enoxaparin"]),
        ("Thrombate III", ["antithrombin"]),
        ("insulin aspart protamine", []),
        ("protamine sulfate", ["protamine"]),
        ("clopidogrel / aspirin", ["aspirin", "clopidogrel"]),
        ("sodium chloride 0.9 %", []),
        ("unheparinised", []),
    ],
)
def test_whole_words_name_the_drug_where_no_code_does(text: str, drugs: list[str]) -> None:
    assert drugs_of(concept(text=text)) == drugs


def test_a_local_code_may_be_the_name_itself() -> None:
    assert drugs_of(concept(("urn:local", "Heparin"))) == ["heparin"]


def test_a_code_outweighs_the_words() -> None:
    assert drugs_of(concept((RXNORM, "67108"), text="heparin")) == ["enoxaparin"]


def test_heparin_for_the_skin_is_no_heparin() -> None:
    assert drugs_of(concept((ATC, "C05BA03"), text="Heparin")) == []


def test_an_unverified_code_is_never_matched() -> None:
    unverified = [
        (code.system, code.code)
        for row in shipped().drugs.values()
        for code in row.codes
        if code.status == "unverified"
    ]
    assert unverified
    for system, code in unverified:
        assert drugs_of(concept((shipped().systems[system][0], code))) == []


MEDICATION = medication("med1", concept((RXNORM, "1658717")))


@pytest.mark.parametrize(
    "reference",
    [
        "Medication/med1",
        "Medication/med1/_history/3",
        "urn:uuid:med1",
    ],
)
def test_a_referenced_medication_is_found(reference: str) -> None:
    pointing = order(medicationCodeableConcept=None, medicationReference={"reference": reference})
    assert ordered(pointing, MEDICATION).drug.key == "heparin"


def test_a_contained_medication_is_found() -> None:
    pointing = order(
        medicationCodeableConcept=None,
        medicationReference={"reference": "#med1"},
        contained=[{"id": "other"}, MEDICATION],
    )
    assert ordered(pointing).drug.key == "heparin"


def test_a_medication_among_the_drafts_is_found() -> None:
    pointing = order(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/med1"}
    )
    (draft,) = read(drafts=[MEDICATION, pointing]).drafts
    assert draft.drug.key == "heparin"
    assert ordered(pointing | {"id": "m2"}, MEDICATION).drug.key == "heparin"


def test_a_draft_may_refer_to_a_medication_on_record() -> None:
    pointing = order(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/med1"}
    )
    (draft,) = read(MEDICATION, drafts=[pointing]).drafts
    assert draft.drug.key == "heparin"


def test_the_display_of_a_reference_names_the_drug() -> None:
    pointing = order(
        medicationCodeableConcept=None,
        medicationReference={"reference": "Medication/gone", "display": "Heparin infusion"},
    )
    assert ordered(pointing).drug.key == "heparin"


@pytest.mark.parametrize(
    "resource",
    [
        order(medicationCodeableConcept=None),
        order(medicationCodeableConcept=None, medicationReference={"reference": "Medication/x"}),
        order(medicationCodeableConcept={}),
    ],
)
def test_what_may_be_any_drug_is_named_as_unknown(resource: Json) -> None:
    assert skipped(resource) == Skipped("MedicationRequest/m1", "medicationUnknown")


def test_an_administration_of_an_unknown_medication_is_named() -> None:
    unknown = administration(medicationCodeableConcept=None)
    assert skipped(unknown) == Skipped("MedicationAdministration/a1", "medicationUnknown")


def test_a_site_may_list_codes_that_are_none_of_ours() -> None:
    local = {"systems": {**shipped().systems, "local": ("urn:local",)}}
    insulin = administration(
        {"dose": quantity(4, "units")}, medicationCodeableConcept=concept(("urn:local", "HUMU100I"))
    )
    assert read(insulin, concepts=replace(shipped(), **local)).unidentified
    listed = replace(shipped(), **local, other_drugs=(Code("local", "HUMU100I", "site"),))
    assert not read(insulin, concepts=listed).unidentified
    whole = replace(shipped(), **local, whole_systems=("local",))
    assert not read(insulin, concepts=whole).unidentified


def test_a_drug_that_is_not_ours_is_no_problem() -> None:
    chart = read(order(medicationCodeableConcept=concept((RXNORM, "161"), text="paracetamol")))
    assert not chart.orders
    assert not chart.skipped


def test_a_mix_is_known_by_its_ingredients() -> None:
    """As MIMIC does: order -> mix -> ingredients, the name only in an identifier."""
    bag = medication(
        "bag",
        ingredient=[
            {"itemReference": {"reference": "Medication/salt"}},
            {"itemReference": {"reference": "Medication/vial"}},
        ],
    )
    vial = medication(
        "vial", concept(("urn:ndc", "123")), identifier=[{"value": "Heparin 1000 units/mL"}]
    )
    salt = medication("salt", concept(text="0.9% sodium chloride"))
    pointing = order(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/bag"}
    )
    one = ordered(pointing, bag, vial, salt)
    assert (one.drug.key, one.drug.label) == ("heparin", "Heparin 1000 units/mL")
    assert one.drug.units_per_ml is None, "a vial says nothing of the bag it went into"


def test_contained_ingredients_of_a_contained_mix_are_found() -> None:
    bag = medication("bag", ingredient=[{"itemReference": {"reference": "#vial"}}])
    pointing = order(
        medicationCodeableConcept=None,
        medicationReference={"reference": "#bag"},
        contained=[bag, medication("vial", concept((RXNORM, "5224")))],
    )
    assert ordered(pointing).drug.key == "heparin"


def test_a_medication_that_contains_itself_ends() -> None:
    loop = medication("bag", ingredient=[{"itemReference": {"reference": "Medication/bag"}}])
    pointing = order(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/bag"}
    )
    assert not read(pointing, loop).orders


def with_strength(numerator: Json, denominator: Json, text: str = "") -> Json:
    """Heparin at 18 mL/h, from a preparation of this strength."""
    ingredient = {
        "itemCodeableConcept": concept((RXNORM, "5224")),
        "strength": {"numerator": numerator, "denominator": denominator},
    }
    return administration(
        {"rateQuantity": quantity(18, "mL/h")},
        medicationCodeableConcept=None,
        medicationReference={"reference": "#bag"},
        contained=[
            medication("bag", concept(text=text or "infusion bag"), ingredient=[ingredient])
        ],
    )


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (quantity(25000, "[IU]"), quantity(250, "mL"), 100),
        (quantity(100, "U"), quantity(1, "mL"), 100),
        (quantity(100000, "units"), quantity(1, "L"), 100),
        (quantity(25000, "[IU]"), quantity(1, "{bag}"), None),
        (quantity(25000, "[IU]"), quantity(0, "mL"), None),
        (quantity(25000, "[IU]/kg"), quantity(250, "mL"), None),
        (quantity(25000, "[IU]", comparator="<"), quantity(250, "mL"), None),
        (quantity(None, "[IU]"), quantity(250, "mL"), None),
    ],
)
def test_an_ingredient_states_the_concentration(
    numerator: Json, denominator: Json, expected: float | None
) -> None:
    assert given(with_strength(numerator, denominator)).drug.units_per_ml == expected


def test_strength_and_name_must_agree() -> None:
    strength = (quantity(25000, "[IU]"), quantity(250, "mL"))
    agreed = given(with_strength(*strength, text="heparin 25,000 units/250 mL"))
    assert agreed.dosage.rate is not None
    assert (agreed.dosage.rate.value, agreed.dosage.rate.from_text) == (1800, False)
    contradicted = given(with_strength(*strength, text="heparin 25,000 units/500 mL"))
    assert contradicted.drug.units_per_ml is None


@pytest.mark.parametrize(
    ("product", "units_per_ml"),
    [("1361607", 40), ("1658717", 100), ("1659195", 50), ("1659197", 50), ("1658690", 2)],
)
def test_a_ready_made_bag_states_its_concentration(product: str, units_per_ml: float) -> None:
    one = given(administration(medicationCodeableConcept=concept((RXNORM, product))))
    assert one.drug.units_per_ml == units_per_ml


@pytest.mark.parametrize(
    ("name", "units_per_ml"),
    [
        ("heparin 25,000 units/250 mL", 100),
        ("heparin 25000 units in 250 mL", 100),
        ("Heparin 25,000 Units/250 mL (100 units/mL) in dextrose 5 %", 100),
        ("heparin 25,000 units in dextrose 5% 250 mL", 100),
        ("heparin 20,000 units/D5W 500 ml", 40),
        ("heparin 25,000 units per 250 mL", 100),
        ("heparin 100 units/mL", 100),
        ("250 ML heparin sodium, porcine 100 UNT/ML Injection", 100),
        ("heparin 5,000 IU/0.5 mL", 10000),
        ("heparin 2 units/mL", 2),
        ("heparin 100 units/mL, 50 units/mL", None),
        ("heparin 25.000 units/250 mL", None),
        ("heparin 25,00 units/250 mL", None),
        ("heparin 25,000 units", None),
        ("heparin 18 units/kg/h", None),
        ("heparin 0 units/250 mL", None),
    ],
)
def test_a_name_states_the_concentration(name: str, units_per_ml: float | None) -> None:
    one = given(
        administration(
            {"rateQuantity": quantity(18, "mL/h")}, medicationCodeableConcept=concept(text=name)
        )
    )
    assert one.drug.units_per_ml == units_per_ml
    if units_per_ml is not None:
        assert one.dosage.rate is not None
        assert one.dosage.rate.value == 18 * units_per_ml
        assert one.dosage.rate.from_text


def test_the_label_is_a_name_and_never_digits() -> None:
    digits = medication("m", concept((RXNORM, "1658717")), identifier=[{"value": "00338043103"}])
    pointing = order(
        medicationCodeableConcept=None, medicationReference={"reference": "Medication/m"}
    )
    assert ordered(pointing, digits).drug.label == "heparin"
