"""Which other anticoagulant, and at which start (clinical logic 6)."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.case import Case
from cds_service.assessment.levels import Levels
from cds_service.assessment.measures import Organs
from cds_service.assessment.risk import Risk


@dataclass(frozen=True, slots=True)
class Start:
    """One drug and the rate to start it at."""

    drug: str  # "argatroban", "bivalirudin"
    rate: float
    unit: str
    recommended: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """The drugs to offer; when none, why, as a key of the wording table."""

    starts: tuple[Start, ...]
    none_because: str = ""  # "organsUnknown", "bothImpaired", "highAptt"
    not_recommended_because: tuple[str, ...] = ()


def choose_switch(
    case: Case,
    organs: Organs,
    levels: Levels,
    risk: Risk,
    *,
    hit: bool,
    antithrombin: float | None = None,
) -> Switch:
    """The drugs that fit the organs; without HIT some groups get no recommendation."""
    if levels.over_high_aptt.yes:
        return Switch((), "highAptt")
    if levels.over_high_aptt.unknown:
        return Switch((), "apttUnknown")
    if case.protocol.chosen("organ_choice") == "any":
        starts = _any_dysfunction(case, organs)
    else:
        starts = _apart(case, organs)
    if starts is None:
        return Switch((), "organsUnknown")
    if not starts:
        return Switch((), "bothImpaired")
    reasons = () if hit else _reasons_against(case, risk, antithrombin)
    if reasons:
        starts = tuple(Start(s.drug, s.rate, s.unit) for s in starts)
    return Switch(starts, not_recommended_because=reasons)


def _apart(case: Case, organs: Organs) -> tuple[Start, ...] | None:
    """Kidney and liver told apart; None when either is unknown, empty when both are impaired."""
    if organs.renal.unknown or organs.hepatic.unknown:
        return None
    if organs.renal.yes and organs.hepatic.yes:
        return ()
    renal = organs.renal.yes
    return (
        bivalirudin(case, organs, recommended=not renal),
        argatroban(case, hepatic=organs.hepatic.yes, recommended=renal),
    )


def _any_dysfunction(case: Case, organs: Organs) -> tuple[Start, ...] | None:
    """The review as written: any organ dysfunction means argatroban (R61, R62).

    Its rate depends on the liver, so an unknown organ still offers none.
    """
    if organs.renal.unknown or organs.hepatic.unknown:
        return None
    if organs.renal.yes or organs.hepatic.yes:
        return (argatroban(case, hepatic=organs.hepatic.yes, recommended=True),)
    return (bivalirudin(case, organs, recommended=True),)


def argatroban(case: Case, *, hepatic: bool, recommended: bool) -> Start:
    """Start in ug/kg/min, reduced with an impaired liver, never above the label's highest."""
    key = "switch.argatroban_hepatic" if hepatic else "switch.argatroban_start"
    rate = min(case.protocol[key], case.protocol["switch.argatroban_highest"])
    return Start("argatroban", rate, "ug/kg/min", recommended)


def bivalirudin(case: Case, organs: Organs, *, recommended: bool) -> Start:
    """Start in mg/kg/h, by the modality of replacement, else by clearance."""
    return Start(
        "bivalirudin", case.protocol[_bivalirudin_row(case, organs)], "mg/kg/h", recommended
    )


def _bivalirudin_row(case: Case, organs: Organs) -> str:
    modality = {"crrt": "continuous", "hemodialysis": "intermittent"}.get(organs.modality)
    if modality:
        return f"switch.bivalirudin_{modality}"
    if not organs.renal.yes:
        return "switch.bivalirudin_normal"
    line = case.protocol["switch.bivalirudin_severe_line"]
    # A rising creatinine counts as under the line.
    severe = organs.crcl is None or organs.crcl < line or organs.at_most
    return "switch.bivalirudin_severe" if severe else "switch.bivalirudin_moderate"


def _reasons_against(case: Case, risk: Risk, antithrombin: float | None) -> tuple[str, ...]:
    """Groups in which the text says why nothing is marked as recommended."""
    reasons = []
    line = case.protocol["switch.sepsis_line"]
    if risk.sepsis and (antithrombin is None or antithrombin >= line):
        reasons.append("sepsis")
    if risk.soon_after_surgery:
        reasons.append("cardiacSurgery")
    if risk.pregnant:
        reasons.append("pregnancy")
    return tuple(reasons)
