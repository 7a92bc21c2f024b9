"""What the default protocol should answer for one cell: topics, loudness, drugs and doses."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.oracle.cell import Cell
from tests.oracle.findings import LIMITS, Answer, find, required_rate, top_rate

Indicator = Literal["critical", "warning", "info"]

# What the clinical text leaves open, and how it is read here.
READINGS = (
    "1. Masked and pseudo-resistance: 'no' where one level at hand rules the pattern out, else"
    " 'unknown'. What another drug raises is never in range: pseudo-resistance is 'no'.",
    "2. Failing is 'never' with above target, masked, pseudo-resistance or an aPTT over 100 s: only"
    " a 'yes' forbids, as a site without anti-Xa could never fail otherwise. But an anti-Xa that is"
    " disturbed and may be above leaves failing open.",
    "3. A disturbed anti-Xa beside an aPTT that is not above: above target is 'unknown', not 'no'.",
    "4. Where the order names the anti-Xa and none is current, failing is 'unknown' at a high rate:"
    " an old level's rate decides nothing.",
    "5. High by units alone opens tests only: it is not confirmed, whatever the levels.",
    "6. Weight unknown: confirmed is 'unknown', not 'no', as the required rate cannot be asked.",
    "7. A margin is kept at its line: 0.25 is 0.05 below 0.30, and 65 s is 5 s above 60 s.",
    "8. Target not to be read: info, where the leading test's level is below the default's lower"
    " limit; another drug's anti-Xa below it is below, and without a usable anti-Xa the aPTT says.",
    "9. Weight unknown with the rate in doubt and a level below: the resistance card names it, as"
    " info, beside the card for what was not assessed.",
    "10. A pair that the gate sets aside silences the estimate: then an unconfirmed finding is a"
    " warning, as for any other silence. Sepsis is a known change: the need drifts three times as"
    " fast across a gap that touches its 48 hours.",
    "11. A drafted rate that is told by a critical heparinRateCheck is no raise: the ceiling is"
    " judged without it, and neither aboveTargetRaise nor pseudoResistance speaks of it.",
    "12. From 25 U/kg/h, 12 hours without a usable level make the ceiling's card a warning of its"
    " own, also below 50,000 U/day, and it stays when a level comes, until the rate is below 22.5."
    " A ceiling does not silence assayDiscordance; a resistance, dose or switch card does,"
    " also where the anti-Xa only reads low.",
    "13. With an antithrombin order drafted the dose card rests as info; not where a bleed or its"
    " risk withholds the dose: then it goes on warning.",
    "14. HIT on record: the safety cards alone; platelets of 40 are its sign and no bleed.",
    "15. 'Nothing recommended' keeps both drugs on offer, and does not apply in HIT.",
    "16. Bands do not flap: a level less than 0.05 below target after one not below it at the same"
    " rate makes an unconfirmed finding information, also at the ceiling.",
    "17. What is confirmed is at least as sure as the probability: at the ceiling it is loud too.",
)

# Topics that may stand in the service's answer and that the grid is not about.
IGNORED = frozenset(
    {
        "hitPossible", "thrombosisOnHeparin", "baselineTests", "monitoringDue",
        "anticoagulantCombination", "antiplateletWithHeparin", "warfarinInHit",
        "andexanetExposure", "adultOnly", "aboveTarget", "heparinEffectLost", "notAssessed",
    }
)  # fmt: skip

# (renal, hepatic): the recommended drug without HIT, then every offered one with its start.
# Argatroban in ug/kg/min, bivalirudin in mg/kg/h. Renal impairment here is 30 to < 60 mL/min.
DRUGS: Mapping[tuple[str, str], tuple[str, dict[str, float]]] = {
    ("normal", "normal"): ("bivalirudin", {"bivalirudin": 0.15, "argatroban": 0.5}),
    ("impaired", "normal"): ("argatroban", {"argatroban": 0.5, "bivalirudin": 0.08}),
    ("normal", "impaired"): ("bivalirudin", {"bivalirudin": 0.15, "argatroban": 0.2}),
}
AT_DRAFT_UNITS = 2500
RECOVERY = {"antithrombin": 1.4, "atenativ": 1.0}


@dataclass(frozen=True)
class Decision:
    """What the service is expected to say."""

    findings: Mapping[str, Answer]
    topics: Mapping[str, Indicator]
    antithrombin_units: int | None  # of the dose that a card offers
    offered: Mapping[str, float]  # argatroban and bivalirudin with their starts
    recommended: str | None


def decide(cell: Cell) -> Decision:
    """Answer for one cell."""
    findings = find(cell)
    topics = expect(cell, findings)
    units, offered, recommended = offers(cell, topics)
    return Decision(findings, topics, units, offered, recommended)


def expect(cell: Cell, findings: Mapping[str, Answer]) -> dict[str, Indicator]:
    """The topics in scope with their urgency, before the cut to three."""
    topics = safety(cell)
    if cell.hit:
        return topics
    if cell.draft == "tenfold":  # that rate opens nothing else, and no card offers a drug
        return topics
    is_yes = {name for name, answer in findings.items() if answer == "yes"}
    if "above_target" in is_yes and cell.draft == "raise":
        topics["aboveTargetRaise"] = "warning"
    if "pseudo_resistance" in is_yes and cell.draft == "raise":
        topics["pseudoResistance"] = "warning"
    return topics | resistance(cell, findings, is_yes)


def safety(cell: Cell) -> dict[str, Indicator]:
    """HIT, bleeding, rates and doses that cannot be meant."""
    topics: dict[str, Indicator] = {}
    if cell.hit:
        topics["hitSuspected"] = "critical"
    if cell.bleeding == "major" and cell.draft not in RECOVERY:
        topics["bleedingOnHeparin"] = "critical"
    if cell.draft == "tenfold":
        topics["heparinRateCheck"] = "critical"
    if bleeds(cell) and cell.draft in ("raise", "tenfold", *RECOVERY):
        topics["bleedingRisk"] = "warning"
    if cell.draft in RECOVERY:
        topics |= antithrombin_draft(cell)
    return topics


def bleeds(cell: Cell) -> bool:
    """Gate 4 active; platelets of 40 are a sign of HIT where HIT is on record."""
    return cell.bleeding == "major" or (cell.bleeding == "active" and not cell.hit)


def antithrombin_draft(cell: Cell) -> dict[str, Indicator]:
    """A drafted 2,500 IU: too much, or with nothing to judge it by."""
    if cell.hit:
        return {"antithrombinOverdose": "critical"}
    topics: dict[str, Indicator] = {}
    if cell.antithrombin is None or cell.weight is None:
        topics["antithrombinUnchecked"] = "warning"
        return topics
    predicted = cell.antithrombin + AT_DRAFT_UNITS * RECOVERY[cell.draft] / cell.weight
    if predicted > 120:
        topics["antithrombinOverdose"] = "critical" if predicted > 150 else "warning"
    return topics


def resistance(
    cell: Cell, findings: Mapping[str, Answer], is_yes: set[str]
) -> dict[str, Indicator]:
    """Ceiling, dose, switch, and the card for whatever these do not tell."""
    topics: dict[str, Indicator] = {}
    level, sure = cell.antithrombin, "confirmed" in is_yes
    if level is None and ("ceiling" in is_yes or steep_without_level(cell)):
        topics["heparinDoseCeiling"] = how_loud_a_ceiling(cell, findings)
    if sure and level is not None and level < 50:
        topics["anticoagulantSwitch"] = "warning" if withheld(cell) else "critical"
    if sure and level is not None and 50 <= level < 70:
        done = cell.draft in RECOVERY and not withheld(cell)
        topics["antithrombinDose"] = "info" if done else "warning"
    told = topics.keys() & {"anticoagulantSwitch", "antithrombinDose", "heparinDoseCeiling"}
    if not told and ("resistance_suspected" in is_yes or undecided(cell, findings)):
        topics["heparinResistance"] = how_loud(cell, findings)
    told = topics.keys() & {"anticoagulantSwitch", "antithrombinDose", "heparinResistance"}
    if not told and discordant(cell, is_yes):
        topics["assayDiscordance"] = "warning"
    return topics


def undecided(cell: Cell, findings: Mapping[str, Answer]) -> bool:
    """A deciding fact is unknown while the rest says yes: said, not passed over."""
    if findings["failing"] != "unknown":
        return False
    if findings["high"] == "unknown":  # no weight
        return findings["below_target"] == "yes"
    if findings["high"] != "yes":
        return False
    if cell.target == "unreadable":
        return below_the_highest_limit(cell)
    return cell.anti_xa is not None and cell.trust != "good"


def below_the_highest_limit(cell: Cell) -> bool:
    """Whether a usable level lies below 0.3 (0.2 to 0.4 or 0.3 to 0.7), without one the aPTT."""
    if decided_by_anti_xa(cell) or (cell.trust == "mayReadLow" and (cell.anti_xa or 0) >= 0.3):
        return cell.anti_xa is not None and cell.anti_xa < 0.3
    return cell.aptt is not None and cell.aptt < 60


def how_loud(cell: Cell, findings: Mapping[str, Answer]) -> Indicator:
    """Of `heparinResistance`."""
    if findings["confirmed"] == "yes":
        return "warning"
    if findings["failing"] != "yes":
        return "info"  # the requirement alone, on target, or not decided
    if cell.target == "default" and not decided_by_anti_xa(cell):
        return "info"  # by the aPTT alone, whose range the site has not set
    if wanders(cell):
        return "info"
    found = required_rate(cell)
    if found is None:
        return "warning"
    return "warning" if found.above_20 >= 0.65 else "info"


def wanders(cell: Cell) -> bool:
    """A level hardly below target after one not below it, at the same rate (reading 16)."""
    if cell.history != "same" or cell.earlier is None or cell.anti_xa is None:
        return False
    low = LIMITS.get(cell.target, LIMITS["default"])[0]
    hardly = cell.anti_xa < low and round(low - cell.anti_xa, 6) < 0.05
    return cell.trust == "good" and hardly and cell.earlier >= low


def decided_by_anti_xa(cell: Cell) -> bool:
    """Whether the anti-Xa says anything about below."""
    return cell.anti_xa is not None and (
        cell.trust == "good" or (cell.trust == "foreign" and cell.anti_xa < 0.3)
    )


def how_loud_a_ceiling(cell: Cell, findings: Mapping[str, Answer]) -> Indicator:
    """Loud where it fails and the required rate is likely high, for a raise, or without weight."""
    top = cell.per_kg(top_rate(cell))
    found = required_rate(cell)
    likely = found is not None and found.above_20 >= 0.65 and not wanders(cell)
    fails = findings["failing"] == "yes" and (likely or findings["confirmed"] == "yes")
    if top is None:
        return "critical"
    past = findings["ceiling"] == "yes"
    if past and (fails or cell.draft == "raise"):
        return "critical" if top >= 25 else "warning"
    return "warning" if steep_without_level(cell) else "info"


def steep_without_level(cell: Cell) -> bool:
    """From 25 U/kg/h: every cell's chart holds more than 12 hours of its rate without a level."""
    return (cell.per_kg(cell.rate) or 0) >= 25


def discordant(cell: Cell, is_yes: set[str]) -> bool:
    """Masked with something to spare, or an anti-Xa that may read low beside a good aPTT."""
    if cell.anti_xa is None or cell.aptt is None or cell.target == "unreadable":
        return False
    low = 0.3 if cell.target == "default" else 0.2
    if cell.trust == "mayReadLow":
        return 60 <= cell.aptt <= 100 and cell.anti_xa < low
    return "masked" in is_yes and round(low - cell.anti_xa, 6) >= 0.05 and cell.aptt >= 65


# --- offers ------------------------------------------------------------------------------------


def offers(
    cell: Cell, topics: Mapping[str, Indicator]
) -> tuple[int | None, Mapping[str, float], str | None]:
    """The antithrombin dose, the drugs, and which is recommended."""
    carries = topics.keys() & {"hitSuspected", "anticoagulantSwitch"}
    drugs: Mapping[str, float] = {}
    first = None
    if carries and not withheld(cell):
        first, drugs = thrombin_inhibitors(cell)
    if nothing_recommended(cell):
        first = None
    dosed = "antithrombinDose" in topics or ("anticoagulantSwitch" in topics and drugs)
    may = dosed and not withheld(cell) and cell.draft not in RECOVERY
    return (dose(cell) if may else None), drugs, first


def withheld(cell: Cell) -> bool:
    """Gate 4: active bleeding, or a high risk."""
    return bleeds(cell) or cell.bleeding == "highRisk"


def thrombin_inhibitors(cell: Cell) -> tuple[str | None, Mapping[str, float]]:
    """By kidney and liver; none where either is unknown, both are impaired, or the aPTT is high."""
    if cell.aptt is not None and cell.aptt > 100:
        return None, {}
    first, drugs = DRUGS.get((cell.renal, cell.hepatic), (None, {}))
    if cell.hit and (cell.renal, cell.hepatic) == ("normal", "normal"):
        first = "argatroban"
    return first, drugs


def nothing_recommended(cell: Cell) -> bool:
    """Without HIT: sepsis with antithrombin 40 to < 50, or 72 h after cardiac surgery."""
    if cell.hit:
        return False
    between = cell.antithrombin is not None and 40 <= cell.antithrombin < 50
    return cell.cardiac_surgery or (cell.sepsis and between)


def dose(cell: Cell) -> int | None:
    """To 100 %, divided by 1.4; not above 75 U/kg or below 250 IU."""
    if cell.weight is None or cell.antithrombin is None:
        return None
    units = (100 - cell.antithrombin) * cell.weight / 1.4
    return round(units) if 250 <= units <= 75 * cell.weight else None
