"""Resistance and its treatment: switch, ceiling, antithrombin, tests. Clinical logic 5 to 7."""

from __future__ import annotations

from cds_service.assessment.allowed import (
    allowed_dose,
    other_anticoagulant,
    start_withheld,
    stops,
    wanted,
)
from cds_service.assessment.answers import Evidence, Reason
from cds_service.assessment.antithrombin import Dose, label_dose
from cds_service.assessment.case import Case
from cds_service.assessment.dose import per_kg_h
from cds_service.assessment.items import Choice, Indicator, Item, StartDrug
from cds_service.assessment.levels import Level
from cds_service.assessment.measured import Measured
from cds_service.assessment.measures import on_record
from cds_service.assessment.rules import Verdicts
from cds_service.assessment.switch import Start, Switch, choose_switch
from cds_service.assessment.topics.advice import contributors, population_notes

Due = dict[str, Item]

GROUNDS = {
    "high": "heparin.high_daily_dose",
    "escalating": "heparin.escalation_rises",
    "plateau": "heparin.plateau_difference",
    "thrombosis_on_heparin": "thrombosis.after_start",
    "requirement_raised": "heparin.very_high_daily_dose",
}


def situation(m: Measured) -> tuple[Evidence, ...]:
    """The facts every resistance card opens with: dose, level, antithrombin."""
    found = [m.dose.evidence, *levels_shown(m), m.antithrombin.evidence, m.antithrombin.antigen]
    return tuple(e for e in found if e is not None)


def grounds(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    """The limits that this patient crossed, the leading one of the dose, for the card's rule."""
    level = "anti_xa_low" if m.levels.anti_xa.steady.yes else "aptt_low"
    crossed = [row for rule, row in GROUNDS.items() if verdicts[rule].yes][:1]
    below = verdicts["below_target"].yes or verdicts["masked"].yes
    return (*([f"levels.{level}"] if below else []), *crossed)


def levels_shown(m: Measured) -> tuple[Evidence, ...]:
    """Both levels, as far as they are current."""
    return tuple(
        level.evidence
        for level in (m.levels.anti_xa, m.levels.aptt)
        if level.current.yes and level.evidence is not None
    )


def running_fact(m: Measured) -> tuple[Evidence, ...]:
    """The running rate since its last change."""
    if m.infusion.rate is None:
        return ()
    since = m.infusion.last_change
    return (Evidence("rate", m.infusion.rate, "U/h", since, m.infusion.source, "running"),)


def clot_facts(verdicts: Verdicts) -> tuple[Evidence, ...]:
    """The clots found, if any."""
    return verdicts["thrombosis_on_heparin"].facts if verdicts["thrombosis_on_heparin"].yes else ()


def treats_as_severe(m: Measured) -> bool:
    """Severe deficiency; a protocol may supplement in sepsis down to its own line."""
    if m.antithrombin.tier != "severe":
        return False
    supplements = m.risk.sepsis and m.case.protocol.allows("sepsis_supplements")
    level = m.antithrombin.level or 0.0
    return not (supplements and level >= m.case.protocol["switch.sepsis_line"])


def anticoagulant_switch(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """Failing with severe deficiency: another anticoagulant, or antithrombin [R43, R61, R62]."""
    if not (verdicts["failing"].yes and treats_as_severe(m)):
        return None
    switch, withheld = _offered_switch(m)
    dose, dose_against = allowed_dose(m, verdicts) if supplements(m) else (None, ())
    supplement = _supplement(m, dose, dose_against)
    return Item(
        topic="anticoagulantSwitch",
        indicator=Indicator.CRITICAL,
        facts=(*situation(m), *clot_facts(verdicts)),
        values=_dose_values(m, dose, dose_against) | {"crcl": m.organs.crcl or 0.0},
        notes=_switch_notes(m, switch, dose if supplement else None),
        choices=(*_switch_choices(m, switch), *supplement),
        tests=_switch_tests(m, switch),
        withheld=tuple(dict.fromkeys((*withheld, *dose_against))),
        open=(*m.organs.renal.reasons, *m.organs.hepatic.reasons),
        limits=("antithrombin.severe", *grounds(m, verdicts)),
    )


def _offered_switch(m: Measured) -> tuple[Switch, tuple[Reason, ...]]:
    withheld = start_withheld(m)
    if not withheld and other_anticoagulant(m):
        withheld = (Reason("anticoagulant", "otherStands"),)
    if not withheld:
        withheld = m.antithrombin.dosable.reasons
    level = m.antithrombin.level
    choice = choose_switch(m.case, m.organs, m.levels, m.risk, hit=False, antithrombin=level)
    return (Switch((), choice.none_because), withheld) if withheld else (choice, ())


def _switch_choices(m: Measured, switch: Switch) -> tuple[Choice, ...]:
    ended = stops(m, treatment_only=True)
    return tuple(
        Choice(
            "switch.start",
            (StartDrug(start.drug, start.rate, start.unit), *ended),
            start.recommended,
            {"drug": start.drug, "rate": start.rate, "unit": start.unit},
        )
        for start in switch.starts
    )


def _supplement(m: Measured, dose: Dose | None, against: tuple[Reason, ...]) -> tuple[Choice, ...]:
    """Antithrombin beside a switch, never recommended there."""
    if dose is None or against:
        return ()
    if m.case.drafted("antithrombin"):
        return ()
    return (dose_choice(dose, recommended=False),)


def supplements(m: Measured) -> bool:
    """Whether this protocol gives antithrombin at this level at all."""
    if m.antithrombin.tier == "severe" and treats_as_severe(m):
        return m.case.protocol.allows("severe_also_supplement")
    return m.antithrombin.tier in ("low", "severe")


def dose_choice(dose: Dose, *, recommended: bool) -> Choice:
    """The antithrombin order, equal in text and order."""
    start = StartDrug("antithrombin", dose.units, "[IU]")
    values = {"dose": float(dose.units), "predicted": dose.predicted}
    return Choice("antithrombin.give", (start,), recommended, values)


def _switch_notes(m: Measured, switch: Switch, dose: Dose | None) -> tuple[str, ...]:
    notes = []
    if switch.none_because:
        notes.append(f"switch.none.{switch.none_because}")
    notes += [start_note(m.case, start) for start in switch.starts]
    notes += [f"switch.against.{reason}" for reason in switch.not_recommended_because]
    if dose is not None:
        notes += [f"antithrombin.also{form(m)}", *_beside_notes(m, dose)]
    return (*notes, "switch.sampleFirst", *population_notes(m))


def start_note(case: Case, start: Start) -> str:
    """The words of a start; argatroban at the label's own rate needs others."""
    at_label = start.drug == "argatroban" and start.rate >= case.protocol["switch.argatroban_label"]
    return "start.argatrobanLabel" if at_label else f"start.{start.drug}"


def form(m: Measured) -> str:
    """The ending of a note that tells the dose: a protocol may multiply."""
    return "Multiplied" if m.case.protocol.chosen("dose_form") == "multiply" else ""


def _switch_tests(m: Measured, switch: Switch) -> tuple[str, ...]:
    tests = []
    if m.antithrombin.dosable.unknown:
        tests.append("antithrombin")
    if switch.none_because == "organsUnknown":
        tests += ["creatinine"] if m.organs.renal.unknown else []
        tests += ["bilirubin"] if m.organs.hepatic.unknown else []
    if switch.none_because == "highAptt":
        tests.append("aptt")
    return wanted(m.case, *tests)


def _dose_values(
    m: Measured, dose: Dose | None, against: tuple[Reason, ...]
) -> dict[str, str | float]:
    """A dose that is withheld leaves only the label's, where a protocol shows that."""
    if dose is None:
        return {}
    beside = label_beside(m, dose)
    shown: dict[str, str | float] = {} if beside is None else {"label_dose": float(beside)}
    if against:
        return shown
    own = {"dose": float(dose.units), "predicted": dose.predicted, "recovery": dose.recovery}
    return shown | own


def label_beside(m: Measured, dose: Dose) -> int | None:
    """The label's dose, if the protocol shows it beside its own and it keeps the limits."""
    if not m.case.protocol.allows("loading_dose_beside"):
        return None
    return label_dose(m.case, m.antithrombin, dose, m.weight)


def _beside_notes(m: Measured, dose: Dose | None) -> list[str]:
    shown = dose is not None and label_beside(m, dose) is not None
    return ["antithrombin.labelBeside"] if shown else []


def dose_ceiling(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """Past 50,000 U/day with antithrombin not measured [R123]."""
    measured = on_record(m.case, "antithrombin", "antithrombin.tier_current")
    if not verdicts["ceiling"].yes or measured:
        return None
    rate = max(f.value for f in verdicts["ceiling"].facts)
    by_weight = per_kg_h(rate, m.weight.kg)
    steep = by_weight is None or by_weight >= m.case.protocol["heparin.ceiling_critical_rate"]
    tests = ["antithrombin"] + ([] if m.levels.anti_xa.current.yes else ["anti_xa"])
    return Item(
        topic="heparinDoseCeiling",
        indicator=Indicator.CRITICAL if steep else Indicator.WARNING,
        summary="" if by_weight is not None else "noWeight",
        facts=(*running_fact(m), *verdicts["ceiling"].facts, *levels_shown(m)),
        values={"rate": rate, "per_kg_h": by_weight or 0.0},
        notes=("ceiling.rule", "delivery.first", *contributors(m, verdicts)),
        tests=wanted(m.case, *tests),
        open=m.weight.known.reasons,
        limits=("heparin.ceiling_daily_dose", "heparin.ceiling_critical_rate"),
    )


def antithrombin_dose(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """Failing with low antithrombin: the computed dose [R44, R45, R60]."""
    low = m.antithrombin.tier == "low" or (
        m.antithrombin.tier == "severe" and not treats_as_severe(m)
    )
    if not (verdicts["failing"].yes and low):
        return None
    dose, against = allowed_dose(m, verdicts)
    offered = dose if dose is not None and not against else None
    return Item(
        topic="antithrombinDose",
        indicator=Indicator.WARNING,
        summary="" if offered else "withheld",
        facts=(*situation(m), *_weight_fact(m), *clot_facts(verdicts)),
        values=_dose_values(m, dose, against),
        notes=_dose_notes(m, offered, dose),
        choices=_dose_choices(m, offered),
        tests=_dose_tests(m),
        withheld=against,
        limits=("antithrombin.low", "antithrombin_dose.recovery", *grounds(m, verdicts)),
    )


def _weight_fact(m: Measured) -> tuple[Evidence, ...]:
    return (m.weight.evidence,) if m.weight.evidence else ()


def _dose_choices(m: Measured, dose: Dose | None) -> tuple[Choice, ...]:
    if dose is None or m.case.drafted("antithrombin"):
        return ()
    return (dose_choice(dose, recommended=recommends_antithrombin(m)),)


def recommends_antithrombin(m: Measured) -> bool:
    """Never marked as recommended in sepsis, DIC, cirrhosis, or soon after bypass."""
    return not (m.risk.sepsis or m.risk.dic or m.risk.cirrhosis or m.risk.soon_after_surgery)


def _dose_notes(m: Measured, dose: Dose | None, computed: Dose | None) -> tuple[str, ...]:
    notes: list[str] = []
    if dose is not None:
        notes.append(f"antithrombin.formula{form(m)}")
        notes += [] if form(m) else ["antithrombin.multiplied"]
        notes += [f"antithrombin.{remark}" for remark in dose.remarks]
        notes += ["antithrombin.measuredRecovery"] if dose.measured_recovery else []
        notes += ["antithrombin.follow", "antithrombin.evidence"]
        notes += [] if recommends_antithrombin(m) else ["antithrombin.notRecommended"]
    notes += _beside_notes(m, computed)
    if dose is not None and m.organs.renal.no:
        notes.append("antithrombin.lmwh")
    if m.case.drafted("antithrombin"):
        notes.append("antithrombin.drafted")
    return (*notes, *reopened_note(m), *population_notes(m))


def reopened_note(m: Measured) -> tuple[str, ...]:
    """A gate closed by the 4Ts alone was reopened by a negative antibody test."""
    return ("hit.reopened",) if m.hit.reopened else ()


def _dose_tests(m: Measured) -> tuple[str, ...]:
    return wanted(m.case, "antithrombin") if m.antithrombin.dosable.unknown else ()


def thrombosis(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """A clot on heparin, with the antithrombin not the known cause [R25, R94]."""
    clot = verdicts["thrombosis_on_heparin"].yes
    strong = verdicts["high"].yes or verdicts["below_target"].yes
    if not (clot and strong) or m.antithrombin.tier in ("low", "severe"):
        return None
    return Item(
        topic="thrombosisOnHeparin",
        indicator=Indicator.CRITICAL,
        facts=(*clot_facts(verdicts), *situation(m)),
        notes=(*_resistance_notes(m, verdicts), *reopened_note(m)),
        tests=_resistance_tests(m, verdicts),
        withheld=start_withheld(m),
        open=m.antithrombin.known.reasons,
        limits=grounds(m, verdicts),
    )


def resistance(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """Resistance suspected, and no card above tells it [R8, R39, R40, R111]."""
    told = {"anticoagulantSwitch", "antithrombinDose", "thrombosisOnHeparin"} & due.keys()
    ceiling_tells = "heparinDoseCeiling" in due and m.antithrombin.known.unknown
    if not verdicts["resistance_suspected"].yes or told or ceiling_tells:
        return None
    on_target = verdicts["on_target"].yes
    return Item(
        topic="heparinResistance",
        indicator=Indicator.INFO if on_target else Indicator.WARNING,
        summary=_resistance_summary(m, verdicts),
        facts=(*situation(m), *_weight_fact(m)),
        notes=_resistance_notes(m, verdicts),
        tests=_resistance_tests(m, verdicts),
        open=(*m.antithrombin.known.reasons, *m.weight.known.reasons),
        limits=grounds(m, verdicts),
    )


def _resistance_summary(m: Measured, verdicts: Verdicts) -> str:
    if verdicts["refractory"].yes:
        return "refractory"
    state = "failing" if verdicts["failing"].yes else "raised"
    return f"{state}.{'known' if m.antithrombin.tier else 'unknown'}"


def _resistance_notes(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    notes = ["delivery.first"]
    tier = m.antithrombin.tier
    if tier in ("low", "severe") and not verdicts["failing"].yes:
        notes.append("resistance.noDose")
    if tier in ("normal", "lowNormal"):
        notes.append("resistance.notAntithrombin")
    if verdicts["above_target"].yes:
        notes.append("resistance.aboveTarget")
    if m.antithrombin.last_dose is not None:
        notes += ["resistance.responded"] if verdicts["responded"].yes else []
        notes += ["resistance.refractory"] if verdicts["refractory"].yes else []
    if _antigen_low(m):
        notes.append("antithrombin.antigenLow")
    return (*notes, *contributors(m, verdicts), *population_notes(m))


def _antigen_low(m: Measured) -> bool:
    antigen = m.antithrombin.antigen
    low = m.case.protocol["antithrombin.antigen_low"]
    return antigen is not None and antigen.fact == "antithrombin_mass" and antigen.value < low


def _resistance_tests(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    """Antithrombin first; then what explains a normal one; above target, antithrombin only."""
    tests: list[str] = []
    if not m.antithrombin.tier:
        tests.append("antithrombin")
        tests += [] if verdicts["above_target"].yes else _levels_without_value(m)
    elif m.antithrombin.tier in ("normal", "lowNormal") and not verdicts["above_target"].yes:
        tests += [
            concept
            for concept in ("fibrinogen", "factor_viii")
            if not on_record(m.case, concept, "acute_phase.current")
        ]
    return wanted(m.case, *tests)


def _levels_without_value(m: Measured) -> list[str]:
    pairs: tuple[tuple[str, Level], ...] = (
        ("anti_xa", m.levels.anti_xa),
        ("aptt", m.levels.aptt),
    )
    return [concept for concept, level in pairs if not level.current.yes]


def discordance(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """An adequate aPTT over a low anti-Xa: this pattern bleeds [R26, R29]."""
    telling = {
        "anticoagulantSwitch",
        "antithrombinDose",
        "thrombosisOnHeparin",
        "heparinResistance",
    }
    stands_in = "heparinDoseCeiling" in due and verdicts["resistance_suspected"].yes
    if not verdicts["masked"].yes or telling & due.keys() or stands_in:
        return None
    tests = ["antithrombin"] if m.antithrombin.known.unknown else []
    tests += [c for c in ("inr", "fibrinogen") if not on_record(m.case, c, "acute_phase.current")]
    return Item(
        topic="assayDiscordance",
        indicator=Indicator.WARNING,
        facts=situation(m),
        notes=("discordance.rule", "discordance.causes"),
        tests=wanted(m.case, *tests),
        open=m.antithrombin.known.reasons,
        limits=("levels.anti_xa_low", "levels.aptt_low"),
    )
