from __future__ import annotations

import pytest

from tests.cases import cases
from tests.near_lines import near
from tests.shift_protocol import WHOLE

# What each patient is about; nobody else may stand within ten per cent of a threshold.
ABOUT = {
    "09-hit-on-record": {"prophylaxis.enoxaparin_daily"},
    "10-dose-ceiling": {"heparin.ceiling_critical_rate", "heparin.ceiling_daily_dose"},
    "11-overdose-draft": {
        "antithrombin.severe",  # exactly 50 %: the dose that everybody quotes
        "antithrombin_dose.highest_per_kg",
        "antithrombin_dose.overdose_critical",
        "antithrombin_product.thrombate",
    },
    "31-exactly-fifty": {"antithrombin.severe"},
    "33-standard-dose-for-weight": {"heparin.standard_rate"},
    "36-above-range-after-antithrombin": {"antithrombin_dose.overdose_critical"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", cases())
def test_a_patient_stands_near_no_line_but_those_the_case_is_about(name: str) -> None:
    assert near(cases()[name]) - WHOLE <= ABOUT.get(name, set())


@pytest.mark.parametrize("name", ABOUT)
def test_a_patient_does_stand_near_what_the_case_is_about(name: str) -> None:
    """Else the row of the table would only be a hole."""
    assert ABOUT[name] <= near(cases()[name])
