"""Another anticoagulant for resistance, and the notes on its start, which the HIT card shares.

Clinical logic 6 and 7.
"""

from __future__ import annotations

from cds_service.assessment.measure.antithrombin_dose import Dose
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.case import Case
from cds_service.assessment.model.recommendation import Indicator, Option, Recommendation, StartDrug
from cds_service.assessment.model.verdict import Reason, Verdicts
from cds_service.assessment.recommend.offers import (
    allowed_dose,
    evidence_open,
    stops,
    switch_withheld,
    tests_for_switch,
)
from cds_service.assessment.recommend.switch import Start, Switch, choose_switch
from cds_service.assessment.recommend.topics.advice import population_notes
from cds_service.assessment.recommend.topics.situation import (
    clot_facts,
    grounds,
    organ_facts,
    situation,
)
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.assessment.recommend.topics.treatment import (
    antithrombin_ordered,
    beside_notes,
    dose_choice,
    dose_values,
    form,
    supplements,
    treats_as_severe,
)


def anticoagulant_switch(known: Assessed) -> Recommendation | None:
    """Confirmed with severe deficiency: another anticoagulant, or antithrombin [R43, R61, R62]."""
    m, verdicts = known.measured, known.verdicts
    if verdicts["waits"].yes or not (verdicts["confirmed"].yes and treats_as_severe(m)):
        return None
    switch, withheld = offered_switch(m)
    dose, against = _supplement(m, verdicts, switch)
    return Recommendation(
        indicator=_indicator(m),
        summary=_summary(switch, withheld),
        lead="delivery" if switch.starts else "",
        facts=(*situation(m), *organ_facts(m), *clot_facts(verdicts)),
        values=dose_values(m, dose, against) | {"crcl": m.organs.crcl or 0.0},
        notes=_notes(m, switch, dose),
        starts=tuple(start.drug for start in switch.starts),
        choices=(*switch_choices(m, switch), *_supplement_choice(m, dose)),
        tests=_tests(m, switch),
        withheld=tuple(dict.fromkeys((*withheld, *against))),
        open=(*m.organs.renal.reasons, *m.organs.hepatic.reasons),
        limits=("antithrombin.severe", *grounds(m, verdicts)),
    )


def _indicator(m: Measured) -> Indicator:
    bleeding = m.gates.bleeding.yes or m.gates.high_risk.yes
    return Indicator.WARNING if bleeding else Indicator.CRITICAL


def _summary(switch: Switch, withheld: tuple[Reason, ...]) -> str:
    if switch.starts:
        return ""
    return "withheld" if withheld else "noDrug"


def offered_switch(m: Measured) -> tuple[Switch, tuple[Reason, ...]]:
    """The drugs to offer without HIT, or why none is."""
    withheld = switch_withheld(m)
    if not withheld:
        withheld = (*m.antithrombin.dosable.reasons, *evidence_open(m))
    level = m.antithrombin.level
    choice = choose_switch(m.case, m.organs, m.levels, m.risk, hit=False, antithrombin=level)
    return (Switch((), choice.none_because), withheld) if withheld else (choice, ())


def switch_choices(m: Measured, switch: Switch) -> tuple[Option, ...]:
    """One option a drug: start it, and stop every treatment heparin with it."""
    ended = stops(m, treatment_only=True)
    return tuple(
        Option(
            "switch.start",
            (start_action(m, start), *ended),
            start.recommended,
            {"drug": start.drug, "rate": start.rate, "unit": start.unit},
        )
        for start in switch.starts
    )


def start_action(m: Measured, start: Start) -> StartDrug:
    """The order of a start, with the weight by which pumps run it in mg/h."""
    labelled = m.gates.hit.yes and start.drug == LABELLED_IN_HIT
    return StartDrug(start.drug, start.rate, start.unit, m.weight.kg, labelled)


LABELLED_IN_HIT = "argatroban"  # bivalirudin's label is PCI; without HIT neither is labelled


def _supplement(
    m: Measured, verdicts: Verdicts, switch: Switch
) -> tuple[Dose | None, tuple[Reason, ...]]:
    """Antithrombin beside a thrombin inhibitor, never instead of one."""
    # Both would be given for the same deficiency; alone, antithrombin has a card of its own.
    if not switch.starts or not supplements(m):
        return None, ()
    dose, against = allowed_dose(m, verdicts)
    return (None, against) if against else (dose, ())


def _supplement_choice(m: Measured, dose: Dose | None) -> tuple[Option, ...]:
    if dose is None or antithrombin_ordered(m):
        return ()
    return (dose_choice(m, dose, recommended=False),)


def _notes(m: Measured, switch: Switch, dose: Dose | None) -> tuple[str, ...]:
    notes = switch_notes(m, switch)
    if dose is not None:
        notes += (f"antithrombin.also{form(m)}", *beside_notes(m, dose))
    named = {f"population.{reason}" for reason in switch.not_recommended_because}
    rest = (note for note in population_notes(m) if note not in named)
    return (*notes, *circuit_notes(m), "switch.sampleFirst", *rest)


def switch_notes(m: Measured, switch: Switch) -> tuple[str, ...]:
    """Notes on a switch: why none, why this one first, why a start is reduced or none preferred."""
    none = (f"switch.none.{switch.none_because}",) if switch.none_because else ()
    starts = (note for start in switch.starts for note in start_notes(m.case, start))
    against = (f"switch.against.{reason}" for reason in switch.not_recommended_because)
    return (*none, *against, *_first_because(m, switch), *starts)


def _first_because(m: Measured, switch: Switch) -> tuple[str, ...]:
    """Why the recommended drug is the one, in one clause about kidney and liver."""
    if not any(start.recommended for start in switch.starts):
        return ()
    if m.organs.renal.yes:
        return ("switch.first.renal",)
    if m.organs.hepatic.yes:
        return ("switch.first.hepatic",)
    return ("switch.first.hit",) if m.gates.hit.yes else ("switch.first.normal",)


def circuit_notes(m: Measured) -> tuple[str, ...]:
    """Notes for a circuit: citrate on CRRT, the published range on ECMO."""
    notes = ("switch.citrate",) if m.organs.modality == "crrt" else ()
    return (*notes, "switch.ecmo") if m.risk.ecmo else notes


def start_notes(case: Case, start: Start) -> tuple[str, ...]:
    """The note on a start at the label's own rate, below it, or reduced."""
    if start.drug != "argatroban":
        return ()
    if start.rate >= case.protocol["switch.argatroban_label"]:
        return ("start.argatrobanLabel",)
    return (f"start.reduced.{start.reduced}",) if start.reduced else ()


def _tests(m: Measured, switch: Switch) -> tuple[str, ...]:
    level = ("antithrombin",) if m.antithrombin.dosable.unknown else ()
    return (*level, *tests_for_switch(m, switch))
