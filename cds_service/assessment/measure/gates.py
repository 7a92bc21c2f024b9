"""The gates that come before every finding: age, HIT, heparin allergy, bleeding. Clinical logic 5.

Gate 1, whether a call is about heparin at all, is `recommend/scope.py`; the signs of a bleed are
`bleeding.py`. A gate is unknown only where a query it needs failed or is partial, or the birth date
is missing.
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
    """A gate that is yes is closed; an unknown one withholds every start, dose and switch."""

    under_age: Verdict
    hit: Verdict
    heparin_allergy: Verdict  # without HIT words: no heparin, LMWH or AT is suggested
    signs: Bleeding

    @property
    def bleeding(self) -> Verdict:
        """Whether there is an active bleed."""
        return self.signs.active

    @property
    def high_risk(self) -> Verdict:
        """Whether the risk of a bleed is high."""
        return self.signs.high_risk

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why a gate is unknown."""
        gates = (self.under_age, self.hit, *self._allergy_in_doubt, self.bleeding, self.high_risk)
        return tuple(dict.fromkeys(reason for gate in gates for reason in gate.reasons))

    @property
    def _allergy_in_doubt(self) -> tuple[Verdict, ...]:
        """The allergy gate, unless HIT is known: then an allergy on top of it changes nothing."""
        return () if self.hit.yes else (self.heparin_allergy,)


def read_gates(case: Case, hit: Hit, since: datetime | None) -> Gates:
    """All gates for this patient now; `since` is when the infusion that runs began."""
    under_age = _under_age(case)
    by_score = NO if under_age.yes else hit.by_score  # no threshold is for children
    suspected = any_of(hit.recorded, hit.positive, hit.allergy_names_hit, by_score)
    # The HIT gate first: low platelets are its sign then, and no sign of bleeding.
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
        # A birth date that is no date is another fault than one that is missing.
        why = "unreadable" if case.chart.person.birth_unread else why
        return unknown(Reason("birthDate", why))
    fact = Evidence("age", age, "a", source=f"Patient/{case.chart.person.id}")
    return verdict_of(age < case.protocol["patient.adult_age"], fact)
