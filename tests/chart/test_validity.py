"""From when until when an order says it runs, and what else tells infusions apart."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from cds_service.chart.facts import Form
from cds_service.chart.fhir_datetime import Stretch, latest
from tests.chart.builders import Json, administration, concept, given, order, ordered, quantity

AUTHORED = "2026-11-20T10:00:00Z"
RATE: Json = {"rateQuantity": quantity(1800, "U/h")}


def at(written: str) -> datetime:
    return datetime.fromisoformat(written)


def bounded(**repeat: Any) -> Json:
    """An instruction at a rate with bounds."""
    return {"doseAndRate": [RATE], "timing": {"repeat": repeat}}


def within(*instructions: Json, valid: Json | None = None) -> tuple[Any, Any]:
    """When an order of these instructions begins and ends."""
    one = ordered(
        order(
            authoredOn=AUTHORED,
            dosageInstruction=list(instructions),
            dispenseRequest={"validityPeriod": valid} if valid else None,
        )
    )
    return one.begun, one.ends


@pytest.mark.parametrize(
    ("instructions", "valid", "begins", "ends"),
    [
        pytest.param((bounded(),), None, AUTHORED, None, id="as it was written"),
        pytest.param(
            (bounded(boundsPeriod={"start": "2026-11-21T08:00:00Z"}),),
            None,
            "2026-11-21T08:00:00Z",
            None,
            id="later than that",
        ),
        pytest.param(
            (bounded(boundsPeriod={"start": "2026-11-19T08:00:00Z"}),),
            None,
            AUTHORED,
            None,
            id="never before it was written",
        ),
        pytest.param(
            (bounded(),),
            {"start": "2026-11-21T08:00:00Z", "end": "2026-11-22T08:00:00Z"},
            "2026-11-21T08:00:00Z",
            "2026-11-22T08:00:00Z",
            id="its validity",
        ),
        pytest.param(
            (bounded(boundsPeriod={"end": "2026-11-23T08:00:00Z"}),),
            {"end": "2026-11-22T08:00:00Z"},
            AUTHORED,
            "2026-11-22T08:00:00Z",
            id="the earlier of two ends",
        ),
        pytest.param(
            (bounded(boundsDuration=quantity(2, "d")),),
            None,
            AUTHORED,
            "2026-11-22T10:00:00Z",
            id="so long",
        ),
        pytest.param(
            (bounded(boundsRange={"low": quantity(24, "h"), "high": quantity(48, "h")}),),
            None,
            AUTHORED,
            "2026-11-22T10:00:00Z",
            id="at most so long",
        ),
        pytest.param(
            (bounded(boundsDuration=quantity(2, "bags")),), None, AUTHORED, None, id="no time"
        ),
        pytest.param(
            (bounded(boundsDuration=quantity(1e9, "d")),), None, AUTHORED, None, id="no such time"
        ),
        pytest.param(
            (
                {"doseAndRate": [{"doseQuantity": quantity(5000, "U")}]},
                bounded(boundsPeriod={"end": "2026-11-22T08:00:00Z"}),
            ),
            None,
            AUTHORED,
            "2026-11-22T08:00:00Z",
            id="the instruction with the rate tells",
        ),
        pytest.param(
            (bounded(boundsPeriod={"end": "2026-11-22T08:00:00Z"}), bounded()),
            None,
            AUTHORED,
            None,
            id="one of two rates has no end",
        ),
    ],
)
def test_an_order_runs_from_the_latest_start_to_the_earliest_end(
    instructions: tuple[Json, ...], valid: Json | None, begins: str, ends: str | None
) -> None:
    found = within(*instructions, valid=valid)
    assert found == (at(begins), None if ends is None else at(ends))


def test_an_end_on_a_day_is_over_when_the_day_is() -> None:
    _, ends = within(bounded(boundsPeriod={"end": "2026-11-22"}))
    assert isinstance(ends, Stretch)
    assert latest(ends) >= at("2026-11-22T23:59:00Z")


@pytest.mark.parametrize(
    ("more", "site"),
    [
        ({}, ""),
        ({"medicationCodeableConcept": concept(text="heparin in D5W (Impella purge)")}, "impella"),
        ({"dosage": {**RATE, "text": "purge fluid"}}, "impella"),
        ({"dosage": {**RATE, "site": concept(text="femoral sheath")}}, "sheath"),
        ({"dosage": {**RATE, "route": concept(text="Catheter-directed")}}, "catheter_directed"),
        ({"dosage": {**RATE, "text": "per protocol"}}, ""),
    ],
)
def test_a_listed_word_says_where_an_infusion_runs_to(more: dict[str, Any], site: str) -> None:
    assert given(administration(**({"dosage": RATE} | more))).site == site


def test_an_order_says_where_it_runs_to() -> None:
    assert ordered(order({**RATE}, note=None)).site == ""
    purge = {"doseAndRate": [RATE], "text": "Impella purge solution"}
    assert ordered(order(dosageInstruction=[purge])).site == "impella"


@pytest.mark.parametrize("words", ["New Bag", "Begin bag", "BAG CHANGE", "new syringe"])
@pytest.mark.parametrize("dose", [{}, {"dose": quantity(25_000, "U")}])
def test_a_bag_that_was_hung_is_of_an_infusion(words: str, dose: Json) -> None:
    one = given(administration({**dose, "method": concept(text=words)}))
    assert (one.bag, one.form, one.bolus) == (True, Form.INFUSION, False)


@pytest.mark.parametrize(
    ("dosage", "status", "halted", "stopped"),
    [
        (RATE, "stopped", True, False),
        ({**RATE, "method": concept(text="Stopped")}, "completed", True, True),
        ({"rateQuantity": quantity(0, "U/h")}, "completed", True, True),
        (RATE, "on-hold", True, False),
        (RATE, "completed", False, False),
    ],
)
def test_a_stop_in_words_is_distinguished_from_one_by_status(
    dosage: Json, status: str, *, halted: bool, stopped: bool
) -> None:
    one = given(administration(dosage, status=status))
    assert (one.halted, one.stopped, one.status) == (halted, stopped, status)


def test_a_dose_over_hours_is_marked_as_a_mean() -> None:
    period = {"start": "2026-11-22T10:00:00Z", "end": "2026-11-22T14:00:00Z"}
    one = given(
        administration(
            {"dose": quantity(6400, "U")}, effectiveDateTime=None, effectivePeriod=period
        )
    )
    assert one.dosage.spread
    assert not given(administration(RATE)).dosage.spread


def test_the_strength_that_made_a_rate_of_millilitres_is_kept() -> None:
    vial = administration(
        {"rateQuantity": quantity(15, "mL/h")},
        medicationCodeableConcept=concept(text="heparin 10,000 units/mL injectable solution"),
    )
    rate = given(vial).dosage.rate
    assert rate is not None
    assert (rate.value, rate.per_ml) == (150_000, 10_000)
