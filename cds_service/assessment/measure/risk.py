"""Risk groups that the chart shows, and the times that go with them. Clinical logic 3, last
paragraph.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cds_service.assessment.measure.history import (
    ECMO,
    has_condition,
    last_surgery,
    procedures,
    recent_conditions,
)
from cds_service.assessment.model.case import Case
from cds_service.chart.facts import Administration, Result

_CHRONIC = ("cirrhosis", "hepatic_failure", "chronic_liver_disease", "nephrotic", "cancer",
           "hereditary_at_deficiency")  # fmt: skip
_ACUTE_IMMEDIATE = ("sepsis", "septic_shock", "pregnancy_complication")
_ACUTE_MODERATE = ("trauma", "dic", "protein_losing_enteropathy", "burns")


@dataclass(frozen=True, slots=True)
class Risk:
    """Risk groups by name, and the special populations that cards mention."""

    immediate: tuple[str, ...]
    moderate: tuple[str, ...]
    sepsis: bool
    cancer: bool
    pregnant: bool
    dic: bool
    cirrhosis: bool
    hereditary: bool  # antithrombin deficiency
    shock: bool
    respiratory_failure: bool
    ecmo: bool
    cardiac_surgery_at: datetime | None
    soon_after_surgery: bool  # within the days in which resistance usually passes
    circuit: str  # "ecmo", "crrt" or ""
    andexanet: Administration | None
    coronary: bool  # acute coronary syndrome or a stent within 12 months

    @property
    def any(self) -> bool:
        return bool(self.immediate or self.moderate)

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.immediate, *self.moderate)


def read_risk(case: Case) -> Risk:
    """Every group this record shows."""
    # Bypass alone counts: it dilutes and consumes antithrombin as the operation does.
    surgery = last_surgery(case, "cardiac_surgery", "bypass")
    recovering = surgery is not None and surgery >= case.ago("switch.surgery_recovers")
    circuit = _circuit(case)
    return Risk(
        immediate=_immediate(case, surgery),
        moderate=_moderate(case, circuit),
        sepsis=_acute(case, "sepsis", "septic_shock"),
        cancer=has_condition(case, "cancer"),
        pregnant=is_pregnant(case),
        dic=_acute(case, "dic"),
        cirrhosis=has_condition(case, "cirrhosis"),
        hereditary=has_condition(case, "hereditary_at_deficiency"),
        shock=_acute(case, "septic_shock", "shock"),
        respiratory_failure=_acute(case, "respiratory_failure"),
        ecmo=bool(procedures(case, "risk.support_recent", "ecmo")),
        cardiac_surgery_at=surgery,
        soon_after_surgery=recovering,
        circuit=circuit,
        andexanet=_andexanet(case),
        coronary=_coronary(case),
    )


def _acute(case: Case, *concepts: str) -> bool:
    return bool(recent_conditions(case, "risk.condition_within", *concepts))


def _immediate(case: Case, surgery: datetime | None) -> tuple[str, ...]:
    groups = [c for c in _ACUTE_IMMEDIATE if _acute(case, c)]
    if surgery is not None and surgery >= case.ago("risk.surgery_within"):
        groups.append("cardiac_surgery")
    if has_condition(case, "cancer"):
        groups.append("cancer")
    return tuple(groups)


def _moderate(case: Case, circuit: str) -> tuple[str, ...]:
    groups = [c for c in _ACUTE_MODERATE if _acute(case, c)]
    groups += [c for c in _CHRONIC if c != "cancer" and has_condition(case, c)]
    if procedures(case, "risk.surgery_within", "major_surgery"):
        groups.append("major_surgery")
    if circuit:
        groups.append(circuit)
    return tuple(groups)


def _circuit(case: Case) -> str:
    for kind, concepts in (("ecmo", ECMO), ("crrt", ("crrt",))):
        if procedures(case, "risk.support_recent", *concepts):
            return kind
    return ""


def is_pregnant(case: Case) -> bool:
    """An active pregnancy condition or a positive status observation, within 42 weeks."""
    # Problem lists keep pregnancies for years: only one recorded within 42 weeks counts.
    concepts = ("pregnancy", "pregnancy_complication")
    if recent_conditions(case, "risk.pregnancy_within", *concepts):
        return True
    since = case.ago("risk.pregnancy_within")
    return any(_says_pregnant(r, since) for r in case.results("pregnancy_status")[:1])


def _says_pregnant(result: Result, since: datetime) -> bool:
    return result.positive is True and result.at is not None and result.at >= since


def _andexanet(case: Case) -> Administration | None:
    since = case.ago("risk.andexanet_within")
    rows = [a for a in case.given("andexanet") if a.start is not None and a.start >= since]
    return rows[0] if rows else None


def _coronary(case: Case) -> bool:
    syndrome = recent_conditions(case, "risk.coronary_within", "acute_coronary_syndrome")
    stent = procedures(case, "risk.stent_within", "coronary_stent")
    noted = recent_conditions(case, "risk.stent_within", "coronary_stent")
    return bool(syndrome or stent or noted)
