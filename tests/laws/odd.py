"""Resources that hospitals really send and that are hard to read: one of each kind.

None of them says that heparin was stopped for good, or gives a readable newer value: they are what
a reader may stumble over, and what must not make it forget the rest of the chart.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.laws.charts import (
    INTRAVENOUS,
    LOINC,
    NOW,
    PATIENT,
    Chart,
    Dice,
    Json,
    medication,
    observation,
)

ANTI_XA, APTT, ANTITHROMBIN, WEIGHT, PLATELETS = "3274-8", "14979-9", "27811-9", "29463-7", "777-3"
UNITS = {ANTI_XA: "[IU]/mL", APTT: "s", ANTITHROMBIN: "%", WEIGHT: "kg", PLATELETS: "10*3/uL"}
USUAL = {ANTI_XA: 0.2, APTT: 50, ANTITHROMBIN: 60, PLATELETS: 215}


def _result(dice: Dice, **parts: Any) -> Json:
    """A usual result of one of five tests, with something about it changed; None removes."""
    usual = USUAL | {WEIGHT: dice.chart.kg}  # another weight would be another rate by weight
    code = dice.pick(sorted(usual))
    made = observation(dice, code, usual[code], UNITS[code], dice.at(dice.between(1, 10)))
    return {key: value for key, value in (made | parts).items() if value is not None}


def undated_result(dice: Dice) -> Json:
    return _result(dice, effectiveDateTime=None)


def result_of_a_day(dice: Dice) -> Json:
    day = (NOW - timedelta(hours=dice.between(0, 60))).date()
    return _result(dice, effectiveDateTime=day.isoformat())


def result_without_a_zone(dice: Dice) -> Json:
    moment = NOW - timedelta(hours=dice.between(0, 20))
    return _result(dice, effectiveDateTime=moment.replace(tzinfo=None).isoformat())


def result_dated_ahead(dice: Dice) -> Json:
    return _result(dice, effectiveDateTime=dice.at(-dice.between(1, 30)))


def result_in_words(dice: Dice) -> Json:
    return _result(dice, valueQuantity=None, valueString=dice.pick(["clotted", "see comment"]))


def result_in_another_unit(dice: Dice) -> Json:
    return _result(dice, valueQuantity={"value": 12, "unit": dice.pick(["stone", "furlong", ""])})


def implausible_result(dice: Dice) -> Json:
    code = dice.pick(sorted(UNITS))
    return observation(dice, code, 99_999, UNITS[code], dice.at(dice.between(0.2, 10)))


def result_of_somebody_else(dice: Dice) -> Json:
    return _result(dice, subject={"reference": "Patient/another"})


def result_entered_in_error(dice: Dice) -> Json:
    return _result(dice, status=dice.pick(["entered-in-error", "cancelled", "registered"]))


def result_of_odd_types(dice: Dice) -> Json:
    return _result(dice, valueQuantity=dice.pick([[], "0.2", {"value": "0.2"}, {"value": {}}]))


def _row(dice: Dice, dosage: Json, **parts: Any) -> Json:
    made: Json = {
        "resourceType": "MedicationAdministration",
        "id": dice.name(),
        "status": "completed",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": medication("heparin"),
        "dosage": {"route": INTRAVENOUS} | dosage,
    }
    return {key: value for key, value in (made | parts).items() if value is not None}


def _rate(value: float) -> Json:
    return {"rateQuantity": {"value": value, "unit": "U/h"}}


def _order_of(dice: Dice) -> Json:
    orders = [r for r in dice.chart.resources if r["resourceType"] == "MedicationRequest"]
    return {"reference": f"MedicationRequest/{orders[0]['id']}"}


def pump_bolus(dice: Dice) -> Json:
    """Ten minutes at several times the rate, charted like a piece of the infusion."""
    since = dice.between(0.3, 9)
    period = {"start": dice.at(since), "end": dice.at(since - 1 / 6)}
    rate = dice.chart.rate * dice.pick([4, 6, 12])
    return _row(dice, _rate(rate), effectivePeriod=period, request=_order_of(dice))


def new_bag(dice: Dice) -> Json:
    amount = {"text": "New Bag", "dose": {"value": 25000, "unit": "units"}}
    at = dice.at(dice.between(0.2, 9))
    return _row(dice, amount, effectiveDateTime=at, request=_order_of(dice))


def row_without_a_rate(dice: Dice) -> Json:
    at = dice.at(dice.between(0.2, 9))
    return _row(dice, {}, effectiveDateTime=at, request=_order_of(dice))


def nested_row_at_the_same_rate(dice: Dice) -> Json:
    since = dice.between(2, 8)
    period = {"start": dice.at(since), "end": dice.at(since - dice.between(0.1, 1.5))}
    status = dice.pick(
        ["completed", "stopped", "in-progress"] if _has_periods(dice) else ["completed"]
    )
    rate = _rate(dice.chart.rate)
    return _row(dice, rate, effectivePeriod=period, status=status, request=_order_of(dice))


def _has_periods(dice: Dice) -> bool:
    """Whether the infusion is charted in Periods: beside moments alone, a stop is a stop."""
    periods = [r.get("effectivePeriod", {}) for r in dice.chart.resources]
    return any(p and p.get("start") != p.get("end") for p in periods)


def reversed_row(dice: Dice) -> Json:
    since = dice.between(1, 9)
    period = {"start": dice.at(since), "end": dice.at(since + 3)}
    return _row(dice, _rate(dice.chart.rate), effectivePeriod=period, request=_order_of(dice))


def row_of_no_length(dice: Dice) -> Json:
    at = dice.at(dice.between(0.2, 9))
    return _row(dice, _rate(dice.chart.rate), effectivePeriod={"start": at, "end": at})


def undated_row(dice: Dice) -> Json:
    return _row(dice, _rate(dice.chart.rate), request=_order_of(dice))


def row_of_a_day(dice: Dice) -> Json:
    day = (NOW - timedelta(days=dice.pick([0, 1, 2]))).date().isoformat()
    return _row(dice, _rate(dice.chart.rate), effectiveDateTime=day, request=_order_of(dice))


def row_not_done(dice: Dice) -> Json:
    at = dice.at(dice.between(0.2, 9))
    return _row(dice, _rate(0), status="not-done", effectiveDateTime=at, request=_order_of(dice))


def row_of_unknown_status(dice: Dice) -> Json:
    at = dice.at(dice.between(0.2, 9))
    status = dice.pick(["unknown", "paused", None, 7])
    return _row(dice, _rate(dice.chart.rate), status=status, effectiveDateTime=at)


def flush(dice: Dice) -> Json:
    dosage = {"text": "line flush", "dose": {"value": 500, "unit": "units"}}
    return _row(dice, dosage, effectiveDateTime=dice.at(dice.between(0.1, 20)))


def row_of_an_untold_drug(dice: Dice) -> Json:
    at = dice.at(dice.between(0.2, 20))
    gone = {"reference": "Medication/gone"}
    return _row(
        dice,
        _rate(dice.pick([900, 1500])),
        medicationCodeableConcept=None,
        medicationReference=gone,
        effectiveDateTime=at,
    )


def row_of_a_foreign_unit(dice: Dice) -> Json:
    at = dice.at(dice.between(0.2, 9))
    rate = {"rateQuantity": {"value": 15, "unit": dice.pick(["gtt/min", "", "mL/h"])}}
    return _row(dice, rate, effectiveDateTime=at, request=_order_of(dice))


def implausible_row(dice: Dice) -> Json:
    at = dice.at(dice.between(0.2, 9))
    return _row(dice, _rate(10**9), effectiveDateTime=at, request=_order_of(dice))


def vial_row(dice: Dice) -> Json:
    """mL/h of a 10,000 U/mL vial."""
    strength = {
        "numerator": {"value": 10000, "unit": "U"},
        "denominator": {"value": 1, "unit": "mL"},
    }
    vial = {
        "resourceType": "Medication",
        "id": "vial",
        "code": medication("heparin"),
        "ingredient": [
            {"itemCodeableConcept": medication("heparin"), "strength": strength},
        ],
    }
    return _row(
        dice,
        {"rateQuantity": {"value": 15, "unit": "mL/h"}},
        medicationCodeableConcept=None,
        medicationReference={"reference": "#vial"},
        contained=[vial],
        effectiveDateTime=dice.at(dice.between(0.2, 9)),
        request=_order_of(dice),
    )


def row_of_odd_types(dice: Dice) -> Json:
    return _row(dice, {"rateQuantity": dice.pick([[], "fast", {"value": "1,600"}])})


def _order(dice: Dice, **parts: Any) -> Json:
    made: Json = {
        "resourceType": "MedicationRequest",
        "id": dice.name(),
        "status": "active",
        "intent": "order",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "medicationCodeableConcept": medication("heparin"),
        "authoredOn": dice.at(dice.between(5, 40)),
    }
    return {key: value for key, value in (made | parts).items() if value is not None}


def order_of_an_untold_drug(dice: Dice) -> Json:
    gone = {"reference": dice.pick(["Medication/gone", "#gone", "urn:uuid:0"])}
    rate = [{"doseAndRate": [{"rateQuantity": {"value": 900, "unit": "U/h"}}]}]
    return _order(
        dice, medicationCodeableConcept=None, medicationReference=gone, dosageInstruction=rate
    )


def order_without_a_dose(dice: Dice) -> Json:
    return _order(dice)


def order_in_words(dice: Dice) -> Json:
    return _order(dice, dosageInstruction=[{"text": "heparin per protocol"}])


def old_order(dice: Dice) -> Json:
    return _order(dice, status=dice.pick(["completed", "stopped", "cancelled", "on-hold"]))


def undated_order(dice: Dice) -> Json:
    return _order(dice, authoredOn=None)


def condition_without_a_code(dice: Dice) -> Json:
    return {
        "resourceType": "Condition",
        "id": dice.name(),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": dice.pick([{}, {"text": ""}, {"coding": "x"}, "HIT"]),
    }


def undated_clot(dice: Dice) -> Json:
    coding = {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "I82.401"}
    return {
        "resourceType": "Condition",
        "id": dice.name(),
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": {"coding": [coding]},
    }


def result_under_a_near_spelling(dice: Dice) -> Json:
    made = _result(dice)
    made["code"]["coding"][0]["system"] = dice.pick(["https://loinc.org", f"{LOINC}/", "LOINC"])
    return made


ODD: tuple[Callable[[Dice], Json], ...] = (
    undated_result, result_of_a_day, result_without_a_zone, result_dated_ahead, result_in_words,
    result_in_another_unit, implausible_result, result_of_somebody_else, result_entered_in_error,
    result_of_odd_types, result_under_a_near_spelling,
    pump_bolus, new_bag, row_without_a_rate, nested_row_at_the_same_rate, reversed_row,
    row_of_no_length, undated_row, row_of_a_day, row_not_done, row_of_unknown_status, flush,
    row_of_an_untold_drug, row_of_a_foreign_unit, implausible_row, vial_row, row_of_odd_types,
    order_of_an_untold_drug, order_without_a_dose, order_in_words, old_order, undated_order,
    condition_without_a_code, undated_clot,
)  # fmt: skip


def add_twins(chart: Chart, dice: Dice) -> None:
    """Beside some resources another of the same moment that says something else."""
    for resource in dice.random.sample(chart.resources, 3):
        twin = copy.deepcopy(resource) | {"id": dice.name()}
        change = TWINS.get(resource["resourceType"])
        if change is not None:
            change(dice, twin)
            chart.resources.append(twin)


def _other_value(dice: Dice, twin: Json) -> None:
    value = twin["valueQuantity"]["value"]
    twin["valueQuantity"]["value"] = round(value * dice.pick([0.5, 0.9, 1.1, 2]), 2)


def _other_problem(dice: Dice, twin: Json) -> None:
    twin["code"]["coding"][0]["code"] = dice.pick(["I82.401", "K92.2", "A41.9", "C34.90"])


def _other_rate(dice: Dice, twin: Json) -> None:
    if "dosage" in twin:
        twin["dosage"]["rateQuantity"]["value"] *= dice.pick([0.5, 1.2])
    else:
        twin["medicationCodeableConcept"] = medication(dice.pick(["apixaban", "enoxaparin"]))
        twin["dosageInstruction"] = [{"doseAndRate": [{"doseQuantity": {"value": 5}}]}]


TWINS: dict[str, Callable[[Dice, Json], None]] = {
    "Observation": _other_value,
    "Condition": _other_problem,
    "MedicationAdministration": _other_rate,
    "MedicationRequest": _other_rate,
}
