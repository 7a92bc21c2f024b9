"""Treatment of resistance: another anticoagulant, or antithrombin. Clinical logic 5 to 7."""

from __future__ import annotations

from cds_service.assessment.allowed import (
    allowed_dose,
    evidence_open,
    other_anticoagulant,
    runs_without_order,
    start_withheld,
    stops,
    tests_for_switch,
)
from cds_service.assessment.answers import Reason, Verdicts
from cds_service.assessment.antithrombin import Dose, label_dose
from cds_service.assessment.case import Case
from cds_service.assessment.items import Choice, Indicator, Item, StartDrug
from cds_service.assessment.measured import Measured
from cds_service.assessment.record import procedures_unread
from cds_service.assessment.switch import Start, Switch, choose_switch
from cds_service.assessment.topics.advice import population_notes
from cds_service.assessment.topics.situation import (
    clot_facts,
    grounds,
    reopened_note,
    situation,
    weight_fact,
)

Due = dict[str, Item]


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
    if not withheld and runs_without_order(m):
        withheld = (Reason("heparinOrder", "missing"),)
    if not withheld:
        withheld = (*m.antithrombin.dosable.reasons, *evidence_open(m))
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
    if treats_as_severe(m):
        return m.case.protocol.allows("severe_also_supplement")
    return m.antithrombin.tier in ("low", "severe")


def dose_choice(dose: Dose, *, recommended: bool) -> Choice:
    """The antithrombin order, equal in text and order."""
    start = StartDrug("antithrombin", dose.units, "[IU]")
    values = {"dose": float(dose.units)}
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
    """The words of a start; argatroban at the label's own rate, or reduced, needs others."""
    if start.drug == "argatroban" and start.rate >= case.protocol["switch.argatroban_label"]:
        return "start.argatrobanLabel"
    if start.drug == "argatroban" and start.rate <= case.protocol["switch.argatroban_hepatic"]:
        return "start.argatrobanReduced"
    return f"start.{start.drug}"


def form(m: Measured) -> str:
    """The ending of a note that tells the dose: a protocol may multiply."""
    return "Multiplied" if m.case.protocol.chosen("dose_form") == "multiply" else ""


def _switch_tests(m: Measured, switch: Switch) -> tuple[str, ...]:
    level = ("antithrombin",) if m.antithrombin.dosable.unknown else ()
    return (*level, *tests_for_switch(m, switch))


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
        indicator=Indicator.WARNING,
        summary="" if offered else "withheld",
        facts=(*situation(m), *weight_fact(m), *clot_facts(verdicts)),
        values=_dose_values(m, dose, against),
        notes=_dose_notes(m, offered, dose),
        choices=_dose_choices(m, offered),
        tests=_dose_tests(m),
        withheld=against,
        open=procedures_unread(m.case) if offered else (),
        limits=("antithrombin.low", "antithrombin_dose.recovery", *grounds(m, verdicts)),
    )


def _dose_choices(m: Measured, dose: Dose | None) -> tuple[Choice, ...]:
    if dose is None or m.case.drafted("antithrombin"):
        return ()
    return (dose_choice(dose, recommended=recommends_antithrombin(m)),)


def recommends_antithrombin(m: Measured) -> bool:
    """Never marked as recommended in sepsis, DIC, cirrhosis, or soon after bypass."""
    at_risk = m.risk.sepsis or m.risk.dic or m.risk.cirrhosis or m.risk.soon_after_surgery
    return not (at_risk or procedures_unread(m.case))


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


def _dose_tests(m: Measured) -> tuple[str, ...]:
    return ("antithrombin",) if m.antithrombin.dosable.unknown else ()
