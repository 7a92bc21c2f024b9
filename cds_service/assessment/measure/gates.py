"""The gates that come before every finding: age, HIT, bleeding. Clinical logic 5.

Gate 1 (does this concern us at all) stands in `scope.py`, the signs of gate 4 in `bleeding.py`. A
gate is unknown only when a query it needs failed or is partial, or the birth date is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.bleeding import Bleeding, read_bleeding
from cds_service.assessment.measure.hit import Hit
from cds_service.assessment.measure.patient_facts import age_in_years
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.verdict import (
    NO,
    Evidence,
    Reason,
    Verdict,
    any_of,
    unknown,
    verdict_of,
)


@dataclass(frozen=True, slots=True)
class Gates:
    """Yes closes a gate; unknown withholds every start, dose and switch."""

    under_age: Verdict
    hit: Verdict
    heparin_allergy: Verdict  # without HIT words: no heparin, LMWH or AT is suggested
    signs: Bleeding

    @property
    def bleeding(self) -> Verdict:
        """An active bleed."""
        return self.signs.active

    @property
    def high_risk(self) -> Verdict:
        """Of bleeding."""
        return self.signs.high_risk

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The facts that leave a gate open to doubt."""
        gates = (self.under_age, self.hit, *self._allergy_in_doubt, self.bleeding, self.high_risk)
        return tuple(dict.fromkeys(reason for gate in gates for reason in gate.reasons))

    @property
    def _allergy_in_doubt(self) -> tuple[Verdict, ...]:
        """Where HIT is known, an allergy on top of it changes nothing."""
        return () if self.hit.yes else (self.heparin_allergy,)


def read_gates(case: Case, hit: Hit, since: datetime | None) -> Gates:
    """All gates for this patient now; `since` is when the infusion that runs began."""
    under_age = _under_age(case)
    by_score = NO if under_age.yes else hit.by_score  # no threshold is for children
    suspected = any_of(hit.recorded, hit.positive, hit.allergy_names_hit, by_score)
    signs = read_bleeding(case, suspected, since)
    return Gates(
        under_age=under_age,
        hit=suspected,
        heparin_allergy=hit.allergy_other,
        signs=signs,
    )


def _under_age(case: Case) -> Verdict:
    age = age_in_years(case)
    if age is None:
        state = case.state("patient")
        why = "missing" if state.is_complete else state.value
        why = "unreadable" if case.chart.person.birth_unread else why
        return unknown(Reason("birthDate", why))
    fact = Evidence("age", age, "a", source=f"Patient/{case.chart.person.id}")
    return verdict_of(age < case.protocol["patient.adult_age"], fact)
