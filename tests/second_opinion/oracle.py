"""What the default protocol should answer for one cell of the grid; every number is literal.

The chart behind a cell (see `fhir_chart`): adult man, heparin at one rate for 48 hours, all levels
steady and current, aPTT and anti-Xa drawn together, every query answered in full.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.second_opinion.findings import Answer, Cell, find, on_target, top_rate

Indicator = Literal["critical", "warning", "info"]

AMBIGUITIES = (
    "1. Masked and pseudo-resistance without a pair: 'no' where the one level at hand already rules"
    " the pattern out (anti-Xa 0.5 is not masked), else 'unknown'.",
    "2. Failing is 'never' with pseudo-resistance, above target or aPTT > 100: only a 'yes'"
    " forbids. If unknown forbade too, a site without anti-Xa could never find failing.",
    "3. Failing at a high dose with aPTT 60-100 and no anti-Xa: not below target, but masked is"
    " unknown, so failing is 'unknown', not 'no'. No card differs.",
    "4. Current aPTT > 100 makes failing 'no' even with anti-Xa < 0.3 at a high dose (as written).",
    "5. Weight unknown: 'units alone' gives high and very high a yes or no, never 'unknown'; they"
    " then serve for failing like any other.",
    "6. Ceiling has no weight condition: 50,016 U/day at 120 kg (17.4 U/kg/h) is a ceiling. Its"
    " line of 20 U/kg/h is read on the rate that passes it: the larger of running and drafted.",
    "7. A draft at the running rate is no raise, and like any heparin infusion opens everything.",
    "8. Anti-Xa and aPTT both absent from answered queries is 'missing', not 'could not be read':"
    " level findings unknown, no notAssessed (monitoringDue speaks). The grid never expects one.",
    "9. heparinResistance is info only when on target; a level unknown or above target leaves it a"
    " warning.",
    "10. On target is 'otherwise known' by the leading test: anti-Xa 0.5 with aPTT 45 or 110 is.",
    "11. aboveTargetRaise follows the leading test: anti-Xa 0.1 with aPTT 110 is not above target.",
    "12. 'No resistance, dose or switch card tells it' (assayDiscordance): heparinResistance,"
    " antithrombinDose, anticoagulantSwitch, and heparinDoseCeiling where it stands in for"
    " heparinResistance. A ceiling without suspected resistance does not silence assayDiscordance.",
    "13. Bleeding: cards and indicators stay; AT dose and every new anticoagulant are withheld.",
    "14. Weight unknown withholds the AT dose only; per-kg starts of the thrombin inhibitors stay.",
    "15. Weight unknown: eGFR also picks the bivalirudin row (no Cockcroft-Gault exists).",
    "16. AT < 50 offers the AT dose beside the drugs even if no drug is offered (organs unknown or"
    " both impaired), because only gates 3 and 4, weight and level bind it.",
    "17. 'Nothing recommended' (sepsis with AT 40 to < 50, 72 h after cardiac surgery) keeps both"
    " drugs on offer, and does not apply in HIT.",
    "18. The AT order is marked recommended on antithrombinDose only, and not in sepsis or within"
    " 72 h of bypass; coronary artery bypass grafting on record counts as bypass.",
    "19. aPTT > 100 in HIT withholds the drugs whatever the anti-Xa.",
    "20. HIT cards come from the record alone here; with gate 3 yes, no other topic in scope"
    " speaks, not even aboveTargetRaise. Findings stay the same.",
    "21. hitSuspected by record is shown by patient-view and both order-sign drafts alike.",
)

# Other topics that may stand in the service's answer; the comparison leaves them out.
IGNORED = frozenset(
    {
        "hitPossible",
        "thrombosisOnHeparin",
        "baselineTests",
        "monitoringDue",
        "anticoagulantCombination",
        "antiplateletWithHeparin",
        "warfarinInHit",
        "antithrombinOverdose",
        "antithrombinUnchecked",
        "andexanetExposure",
        "adultOnly",
    }
)

# The order of the table of cards, for the topics in scope.
TABLE_ORDER = (
    "hitSuspected",
    "aboveTargetRaise",
    "anticoagulantSwitch",
    "heparinDoseCeiling",
    "antithrombinDose",
    "heparinResistance",
    "assayDiscordance",
    "pseudoResistance",
    "notAssessed",
)

# (renal, hepatic): the recommended drug, then every offered one with its start.
# Argatroban in ug/kg/min, bivalirudin in mg/kg/h. Renal impairment here is 30 to < 60 mL/min.
DRUGS: Mapping[tuple[str, str], tuple[str, dict[str, float]]] = {
    ("normal", "normal"): ("bivalirudin", {"bivalirudin": 0.15, "argatroban": 0.5}),
    ("impaired", "normal"): ("argatroban", {"argatroban": 0.5, "bivalirudin": 0.08}),
    ("normal", "impaired"): ("bivalirudin", {"bivalirudin": 0.15, "argatroban": 0.2}),
}


@dataclass(frozen=True)
class Decision:
    """What the service is expected to say."""

    findings: Mapping[str, Answer]
    topics: tuple[tuple[str, Indicator], ...]  # before the cut, in the order of display
    shown: tuple[str, ...]  # after the cut to three
    at_dose_iu: int | None
    at_recommended: bool
    recommended: str | None
    offered: Mapping[str, float]
    withheld: Mapping[str, str]  # 'antithrombin' or 'anticoagulant': why


def decide(cell: Cell) -> Decision:
    """Answer for one cell, from sections 3 to 7 of the clinical logic."""
    findings = find(cell)
    topics = rank({"hitSuspected": "critical"} if cell.hit else expect(cell, findings))
    names = {name for name, _ in topics}
    withheld = withhold(cell, names)
    offered: dict[str, float] = {}
    recommended = None
    if names & {"hitSuspected", "anticoagulantSwitch"} and "anticoagulant" not in withheld:
        recommended, offered = DRUGS[cell.renal, cell.hepatic]
        if nothing_recommended(cell):
            recommended = None
    dosed = bool(names & {"anticoagulantSwitch", "antithrombinDose"})
    dose = antithrombin_dose(cell) if dosed and "antithrombin" not in withheld else None
    usual = not (cell.sepsis or cell.cardiac_surgery)
    return Decision(
        findings=findings,
        topics=topics,
        shown=tuple(name for name, _ in topics)[:3],  # never more than two besides notAssessed
        at_dose_iu=dose,
        at_recommended=dose is not None and "antithrombinDose" in names and usual,
        recommended=recommended,
        offered=offered,
        withheld=withheld,
    )


def expect(cell: Cell, findings: Mapping[str, Answer]) -> dict[str, Indicator]:
    """Section 5 without HIT (gate 3 leaves one topic in scope)."""
    is_yes = {name for name, answer in findings.items() if answer == "yes"}
    level = cell.antithrombin
    topics: dict[str, Indicator] = {}
    if "above_target" in is_yes and cell.draft_raise:
        topics["aboveTargetRaise"] = "warning"
    if "ceiling" in is_yes and level is None:
        topics["heparinDoseCeiling"] = ceiling_indicator(cell)
    if "failing" in is_yes and level is not None and level < 50:
        topics["anticoagulantSwitch"] = "critical"
    if "failing" in is_yes and level is not None and 50 <= level < 70:
        topics["antithrombinDose"] = "warning"
    told = bool(topics.keys() & {"anticoagulantSwitch", "antithrombinDose", "heparinDoseCeiling"})
    if "resistance_suspected" in is_yes and not told:
        topics["heparinResistance"] = "info" if on_target(findings) else "warning"
    if "masked" in is_yes and "resistance_suspected" not in is_yes:
        topics["assayDiscordance"] = "warning"  # suspected resistance always has a card of its own
    if "pseudo_resistance" in is_yes and cell.draft_raise:
        topics["pseudoResistance"] = "warning"
    return topics


def withhold(cell: Cell, names: set[str]) -> dict[str, str]:
    """Which suggestions a card on show must not make, and why."""
    reasons = {}
    if names & {"hitSuspected", "anticoagulantSwitch"}:
        reasons["anticoagulant"] = no_anticoagulant_because(cell)
    if names & {"anticoagulantSwitch", "antithrombinDose"}:
        reasons["antithrombin"] = no_antithrombin_because(cell)
    return {suggestion: reason for suggestion, reason in reasons.items() if reason}


def no_anticoagulant_because(cell: Cell) -> str:
    """Gate 4 and section 6; empty where nothing stands against it."""
    if cell.bleeding:
        return "bleeding"
    if "unknown" in (cell.renal, cell.hepatic):
        return "organ function unknown"
    if cell.renal == cell.hepatic == "impaired":
        return "both organs impaired"
    return "aPTT above 100" if cell.aptt is not None and cell.aptt > 100 else ""


def no_antithrombin_because(cell: Cell) -> str:
    """Gate 4 and section 7; empty where nothing stands against it."""
    if cell.bleeding:
        return "bleeding"
    return "weight unknown" if cell.weight is None else ""


def antithrombin_dose(cell: Cell) -> int | None:
    """Section 7: to 100 %, divided by 1.4; never above 75 U/kg or below 250 IU."""
    if cell.weight is None or cell.antithrombin is None:
        return None
    dose = (100 - cell.antithrombin) * cell.weight / 1.4
    return round(dose) if 250 <= dose <= 75 * cell.weight else None


def nothing_recommended(cell: Cell) -> bool:
    """Section 6, without HIT: sepsis with AT 40 to < 50, or 72 h after cardiac surgery."""
    if cell.hit:
        return False
    between = cell.antithrombin is not None and 40 <= cell.antithrombin < 50
    return cell.cardiac_surgery or (cell.sepsis and between)


def ceiling_indicator(cell: Cell) -> Indicator:
    """Critical from 20 U/kg/h, or when the weight is unknown."""
    light = cell.weight is not None and top_rate(cell) / cell.weight < 20
    return "warning" if light else "critical"


def rank(topics: Mapping[str, Indicator]) -> tuple[tuple[str, Indicator], ...]:
    """Critical, warning, info; within that in the order of the table."""
    severity = ("critical", "warning", "info")
    return tuple(
        sorted(topics.items(), key=lambda t: (severity.index(t[1]), TABLE_ORDER.index(t[0])))
    )
