"""Which other anticoagulant is offered, and at which start. Clinical logic 7."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cds_service.assessment.measure.heparin_levels import Levels
from cds_service.assessment.measure.organ_function import Organs
from cds_service.assessment.measure.risk import Risk
from cds_service.assessment.model.case import Case
from cds_service.assessment.recommend.bridging import bridging_ends

_UG_PER_MG = 1000
_MINUTES = 60
_SEVERAL = 2  # organs that fail together


@dataclass(frozen=True, slots=True)
class Start:
    """One drug and the rate to start it at, in `unit`; `reduced` says why it is lower than
    usual.
    """

    drug: str  # "argatroban", "bivalirudin"
    rate: float
    unit: str
    recommended: bool = False
    reduced: str = ""  # "hepatic", "ecmo", "shock", "organs"

    def per_hour(self, kg: float) -> float:
        """The rate in mg/h for a weight in kg, as pumps are set."""
        per_kg_h = self.rate * _MINUTES / _UG_PER_MG if self.unit == "ug/kg/min" else self.rate
        return per_kg_h * kg


@dataclass(frozen=True, slots=True)
class Switch:
    """The drugs to offer; where there are none, why, as a key of the wording table."""

    starts: tuple[Start, ...]
    none_because: str = ""  # "organsUnknown", "bothImpaired", "highAptt", "bridgingEnds"
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
    """The drugs that fit kidney and liver; without HIT some groups get no recommendation.

    `antithrombin` is the activity in %, where known.
    """
    none_because = _why_none(case, levels, hit=hit)
    if none_because:
        return Switch((), none_because)
    if case.protocol.chosen("organ_choice") == "any":
        starts = _any_dysfunction(case, organs)
    else:
        starts = _apart(case, organs, risk, hit=hit)
    if not starts:
        return Switch((), "organsUnknown" if starts is None else "bothImpaired")
    reasons = () if hit else _reasons_against(case, risk, antithrombin)
    return Switch(unmarked(starts) if reasons else starts, not_recommended_because=reasons)


def _why_none(case: Case, levels: Levels, *, hit: bool) -> str:
    """Why no drug is offered, whatever the organs; "" where one may be."""
    # Both drugs are followed by the aPTT: one that is high already cannot guide them.
    if levels.over_high_aptt.yes:
        return "highAptt"
    if levels.over_high_aptt.unknown:
        return "apttUnknown"
    return "bridgingEnds" if not hit and bridging_ends(case) else ""


def unmarked(starts: tuple[Start, ...]) -> tuple[Start, ...]:
    """The same starts, none of them recommended."""
    return tuple(replace(start, recommended=False) for start in starts)


def _apart(case: Case, organs: Organs, risk: Risk, *, hit: bool) -> tuple[Start, ...] | None:
    """By kidney and liver; None where either is unknown, empty where both are impaired.

    With normal organs bivalirudin is first; in HIT argatroban, which is labelled for it.
    """
    if organs.renal.unknown or organs.hepatic.unknown:
        return None
    if organs.renal.yes and organs.hepatic.yes:
        return ()
    argatroban_first = organs.renal.yes or (hit and not organs.hepatic.yes)
    starts = (
        bivalirudin(case, organs, recommended=not argatroban_first),
        argatroban(case, organs, risk, recommended=argatroban_first),
    )
    return starts[::-1] if argatroban_first else starts


def _any_dysfunction(case: Case, organs: Organs) -> tuple[Start, ...] | None:
    """The review as written: any organ dysfunction means argatroban (R61, R62).

    Its rate depends on the liver, so an unknown organ still offers none.
    """
    if organs.renal.unknown or organs.hepatic.unknown:
        return None
    if organs.renal.yes or organs.hepatic.yes:
        return (argatroban(case, organs, None, recommended=True),)
    return (bivalirudin(case, organs, recommended=True),)


def argatroban(case: Case, organs: Organs, risk: Risk | None, *, recommended: bool) -> Start:
    """The start of argatroban in ug/kg/min, reduced where it is cleared slowly, at most the
    label's.

    Without `risk` (a protocol that follows the review) only the liver reduces it. A liver that is
    not known counts as impaired.
    """
    reduced = "hepatic" if not organs.hepatic.no else _reduced_by(organs, risk)
    key = "switch.argatroban_hepatic" if reduced else "switch.argatroban_start"
    # A hospital's start may be lower than the label's, never higher.
    rate = min(case.protocol[key], case.protocol["switch.argatroban_highest"])
    return Start("argatroban", rate, "ug/kg/min", recommended, reduced)


def _reduced_by(organs: Organs, risk: Risk | None) -> str:
    if risk is None:
        return ""
    if risk.ecmo:
        return "ecmo"
    if risk.shock:
        return "shock"
    # The label and the guidelines reduce argatroban in failure of several organs.
    failing = [organs.renal.yes, risk.respiratory_failure, risk.dic]
    return "organs" if sum(failing) >= _SEVERAL else ""


def bivalirudin(case: Case, organs: Organs, *, recommended: bool) -> Start:
    """The start of bivalirudin in mg/kg/h, by the modality of renal replacement, else by
    clearance.
    """
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
    """Groups in which the text says why nothing is recommended."""
    line = case.protocol["switch.sepsis_line"]
    groups = {
        # In sepsis the review turns to a thrombin inhibitor only below this line.
        "sepsis": risk.sepsis and (antithrombin is None or antithrombin >= line),
        "cardiacSurgery": risk.soon_after_surgery,
        "cirrhosis": risk.cirrhosis,
        "pregnancy": risk.pregnant,
    }
    return tuple(name for name, there in groups.items() if there)
