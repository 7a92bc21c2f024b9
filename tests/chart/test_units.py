from __future__ import annotations

import math

import pytest

from cds_service.chart.units import Quantity, Unit, Units, read_quantity, rounded
from tests.chart.builders import shipped

UNITS = Units(shipped().units)

# One mole of these, in grams: what UCUM does not know and the table does.
MOLAR = {"creatinine": 113.1, "bilirubin": 584.67, "hemoglobin": 16114.0}


def test_case_counts_only_where_it_tells_two_units_apart() -> None:
    apart = Units({"row": {"g": 1.0, "G": 2.0, "mL": 3.0}})
    assert (apart.factor("row", "g"), apart.factor("row", "G")) == (1.0, 2.0)
    assert (apart.factor("row", "ml"), apart.factor("row", "ML")) == (3.0, 3.0)


@pytest.mark.parametrize("spelling", ["", " ", "U h", "U/", "/h", "U//h", "h", "kg", "U/mL", "U/x"])
def test_a_unit_of_dose_is_an_amount_per_kg_and_time_or_none(spelling: str) -> None:
    assert UNITS.unit(spelling) is None


def test_a_unit_of_dose_says_what_it_is_worth() -> None:
    assert UNITS.unit("U/kg/min") == Unit("iu", pytest.approx(60), per_kg=True, per_hour=True)
    assert UNITS.unit("ug") == Unit("mass", 0.001, micro=True)
    assert UNITS.unit("L/d") == Unit("volume", pytest.approx(1000 / 24), per_hour=True)


def test_any_json_makes_a_quantity() -> None:
    assert read_quantity({"value": 1, "unit": " s ", "code": "s", "comparator": "<="}) == Quantity(
        1.0, "s", "s", "<="
    )
    for node in (None, 7, "text", [], {"value": [], "unit": {}, "code": 3, "comparator": []}):
        assert read_quantity(node) == Quantity(None)
    assert read_quantity({"comparator": "ad"}).comparator is None


def test_rounding_removes_what_multiplication_leaves() -> None:
    assert 0.57 * 100 != 57
    assert rounded(0.57 * 100) == 57
    assert rounded(1e300) == 1e300


def test_the_table_agrees_with_ucum_wherever_ucum_can_say() -> None:
    """Rows are compared within themselves: a factor is the ratio to the row's unit of factor 1."""
    ucumvert = pytest.importorskip("ucumvert", reason="ucumvert is not installed")
    registry = ucumvert.PintUcumRegistry()
    compared = set()
    for row, spellings in shipped().units.items():
        known = {}
        for spelling in spellings:
            try:
                known[spelling] = registry.from_ucum(spelling)
            except Exception:  # noqa: BLE001, S112 - its parser raises whatever it likes
                continue
        ones = [spelling for spelling in known if spellings[spelling] == 1.0]
        for spelling, unit in known.items():
            for one in ones:
                try:
                    ratio = unit.to(known[one]).magnitude
                except Exception:  # noqa: BLE001, S112 - [IU] and U: UCUM converts neither
                    continue
                if (row, spelling) in NOT_WHAT_UCUM_SAYS or (row, one) in NOT_WHAT_UCUM_SAYS:
                    continue
                assert math.isclose(ratio, spellings[spelling], rel_tol=1e-6), (row, spelling, one)
                compared.add((row, spelling))
    assert {("weight", "[lb_av]"), ("cells", "10*9/L"), ("protein", "g/L")} <= compared
    assert len(compared) > 40


# Spellings that are valid UCUM for something else; the table means what laboratories mean.
NOT_WHAT_UCUM_SAYS = {
    ("cells", "K/uL"),  # kelvin
    ("mass", "gm"),
    ("weight", "lb"),
    ("time", "mo"),  # a month of 730 hours is good enough for "once a month"
    ("heparin_level", "U/mL"),  # enzyme units
}


@pytest.mark.parametrize(("row", "molar"), MOLAR.items())
def test_moles_are_converted_by_the_molar_mass(row: str, molar: float) -> None:
    spellings = shipped().units[row]
    per_millimole = spellings.get("mmol/L", spellings.get("umol/L", 0.0) * 1000)
    assert per_millimole == pytest.approx(
        molar / 10 / (1000 if row == "hemoglobin" else 1), rel=1e-3
    )
