"""The gates that come before every finding: age, HIT, active bleeding. Clinical logic 4.

Gate 1 (does this concern us at all) stands in `scope.py`. A gate is unknown only when a
query it needs failed or is partial, or the birth date is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.answers import (
    NO,
    Evidence,
    Reason,
    Verdict,
    any_of,
    said,
    unknown,
    yes,
)
from cds_service.assessment.case import Case, evidence
from cds_service.assessment.hit import Hit
from cds_service.assessment.levels import newest
from cds_service.assessment.measures import age_in_years
from cds_service.assessment.record import recent_conditions


@dataclass(frozen=True, slots=True)
class Gates:
    """Yes closes a gate; unknown withholds every start, dose and switch."""

    under_age: Verdict
    hit: Verdict
    heparin_allergy: Verdict  # without HIT words: no heparin, LMWH or AT is suggested
    bleeding: Verdict

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The facts that leave a gate open to doubt."""
        gates = (self.under_age, self.hit, *self._allergy_in_doubt, self.bleeding)
        return tuple(dict.fromkeys(reason for gate in gates for reason in gate.reasons))

    @property
    def _allergy_in_doubt(self) -> tuple[Verdict, ...]:
        """Where HIT is known, an allergy on top of it changes nothing."""
        return () if self.hit.yes else (self.heparin_allergy,)


def read_gates(case: Case, hit: Hit) -> Gates:
    """All gates for this patient now."""
    under_age = _under_age(case)
    by_score = NO if under_age.yes else hit.by_score  # no threshold is for children
    return Gates(
        under_age=under_age,
        hit=any_of(hit.recorded, hit.positive, hit.allergy_names_hit, by_score),
        heparin_allergy=hit.allergy_other,
        bleeding=_bleeding(case),
    )


def _under_age(case: Case) -> Verdict:
    age = age_in_years(case)
    if age is None:
        state = case.state("patient")
        why = "missing" if state.answered else state.value
        return unknown(Reason("birthDate", why))
    fact = Evidence("age", age, "a", source=f"Patient/{case.chart.person.id}")
    return said(age < case.protocol["patient.adult_age"], fact)


def _bleeding(case: Case) -> Verdict:
    return any_of(_condition(case), _hemoglobin_fell(case), _platelets_low(case))


def _condition(case: Case) -> Verdict:
    found = recent_conditions(case, "bleeding.condition_within", "bleeding")
    if found:
        facts = (
            Evidence("bleeding", 0.0, "", c.onset or c.recorded, c.source, "recorded")
            for c in found
        )
        return yes(*facts)
    if not case.answered("conditions"):
        return unknown(Reason("conditions", case.state("conditions").value))
    return NO


def _hemoglobin_fell(case: Case) -> Verdict:
    """A fall by 2 g/dL between two results of the last 24 hours."""
    since = case.ago("bleeding.hemoglobin_window")
    values = [r for r in case.results("hemoglobin", since) if r.value is not None]
    if values and values[0].value is not None:
        highest = max(values, key=lambda r: (r.value or 0.0, r.source))
        fall = (highest.value or 0.0) - values[0].value
        if round(fall, 2) >= case.protocol["bleeding.hemoglobin_fall"]:
            return yes(evidence(highest, "g/dL"), evidence(values[0], "g/dL"))
    if not case.answered("blood"):
        return unknown(Reason("hemoglobin", case.state("blood").value))
    return NO


def _platelets_low(case: Case) -> Verdict:
    level = newest(case, "platelets", "blood", "platelets.current", "10*3/uL")
    low = level.below(case.protocol["bleeding.platelets_low"])
    if low.yes:
        return low
    if not case.answered("blood"):
        return unknown(Reason("platelets", case.state("blood").value))
    return NO
