"""The card about suspected resistance: what would confirm or explain it. Clinical logic 3 and 6."""

from __future__ import annotations

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.patient_facts import was_measured
from cds_service.assessment.model.case import HOUR
from cds_service.assessment.model.recommendation import Indicator, Recommendation
from cds_service.assessment.model.verdict import Reason, Verdict, Verdicts
from cds_service.assessment.recommend.switch import Switch, unmarked
from cds_service.assessment.recommend.topics.advice import (
    contributors,
    level_tests,
    population_notes,
)
from cds_service.assessment.recommend.topics.situation import (
    grounds,
    situation,
    usable,
    weight_fact,
)
from cds_service.assessment.recommend.topics.switching import (
    offered_switch,
    switch_choices,
    switch_notes,
)
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.chart.query_result import QueryState


def resistance(known: Assessed) -> Recommendation | None:
    """Suspected, or open by a missing fact, and no more urgent card names it [R8, R39, R40,
    R111].
    """
    m, verdicts, due = known.measured, known.verdicts, known.due
    if not (verdicts["resistance_suspected"].yes or _left_open(verdicts["undecided"])):
        return None
    if "heparinDoseCeiling" in due and m.antithrombin.known.unknown:
        return None
    switch = _choices_of_refractory(m, verdicts)
    return Recommendation(
        indicator=Indicator.WARNING if _is_loud(verdicts) else Indicator.INFO,
        summary=_summary(m, verdicts),
        facts=(*situation(m), *weight_fact(m)),
        values=_raise_values(m),
        notes=(*resistance_notes(m, verdicts), *switch_notes(m, switch)),
        starts=tuple(start.drug for start in switch.starts),
        choices=switch_choices(m, switch),
        tests=resistance_tests(m, verdicts),
        open=_open(m, verdicts),
        limits=grounds(m, verdicts),
    )


def _left_open(undecided: Verdict) -> bool:
    """Whether it is open by a fact of the patient; facts that could not be read are
    `notAssessed`.
    """
    states = {state.value for state in QueryState} | {"medicinesUnknown"}
    return any(r.fact != "heparinDose" and r.why not in states for r in undecided.reasons)


def _open(m: Measured, verdicts: Verdicts) -> tuple[Reason, ...]:
    """What keeps it undecided or unconfirmed, then what is not known of the patient."""
    left = (*verdicts["undecided"].reasons, *verdicts["confirmed"].reasons)
    known = (*m.antithrombin.known.reasons, *m.weight.known.reasons)
    return tuple(dict.fromkeys((*left, *known)))


def _is_loud(verdicts: Verdicts) -> bool:
    loud = verdicts["resistance_suspected"].yes and verdicts["loud"].yes
    return loud and not (verdicts["waits"].yes or verdicts["on_target"].yes)


def _choices_of_refractory(m: Measured, verdicts: Verdicts) -> Switch:
    """After antithrombin in vain: the other anticoagulants, none recommended."""
    if not (verdicts["refractory"].yes and verdicts["confirmed"].yes):
        return Switch(())
    switch, withheld = offered_switch(m)
    # Antithrombin is normal by now: nothing in the review says which drug is better.
    starts = () if withheld else unmarked(switch.starts)
    return Switch(starts, switch.none_because)


def _summary(m: Measured, verdicts: Verdicts) -> str:
    if not verdicts["resistance_suspected"].yes:
        return "undecided"
    if verdicts["refractory"].yes:
        return "refractory"
    if verdicts["waits"].yes:
        return "waits"
    state = "failing" if verdicts["failing"].yes else "raised"
    return f"{state}.{'known' if m.antithrombin.tier else 'unknown'}"


def _raise_values(m: Measured) -> dict[str, str | float]:
    """How long ago the rate last changed, and how long until the next level is steady."""
    changed = m.infusion.last_change
    if changed is None:
        return {"since": 0.0, "until": 0.0}
    span = m.case.protocol.span("levels.anti_xa_steady")
    return {
        "since": (m.case.now - changed) / HOUR,
        "until": max((changed + span - m.case.now) / HOUR, 0.0),
    }


def resistance_notes(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    """What would confirm it; what antithrombin has to do with it; what may contribute."""
    tier, confirmed = m.antithrombin.tier, verdicts["confirmed"].yes
    notes = {
        "resistance.confirm": verdicts["failing"].yes and not confirmed,
        "resistance.noDose": tier in ("low", "severe") and not confirmed,
        "resistance.notAntithrombin": tier in ("normal", "lowNormal"),
        "resistance.aboveTarget": verdicts["above_target"].yes,
        **dict.fromkeys(_after_a_dose(m, verdicts), True),
        "resistance.loweredByHeparin": _heparin_lowers_it(m),
        "antithrombin.antigenLow": _antigen_low(m),
    }
    own = (note for note, holds in notes.items() if holds)
    return (*own, *contributors(m, verdicts), *population_notes(m))


def _after_a_dose(m: Measured, verdicts: Verdicts) -> list[str]:
    if m.antithrombin.last_dose is None:
        return []
    responded, refractory = verdicts["responded"], verdicts["refractory"]
    if responded.yes:
        return ["resistance.responded"]
    return ["resistance.refractory"] if refractory.yes else []


def _heparin_lowers_it(m: Measured) -> bool:
    """Whether heparin itself may have lowered antithrombin, as it does from the third day on."""
    since = m.infusion.since
    low = m.antithrombin.tier in ("lowNormal", "low", "severe")
    return low and since is not None and since <= m.case.ago("antithrombin.lowered_after")


def _antigen_low(m: Measured) -> bool:
    antigen = m.antithrombin.antigen
    low = m.case.protocol["antithrombin.antigen_low"]
    return antigen is not None and antigen.fact == "antithrombin_mass" and antigen.value < low


def resistance_tests(m: Measured, verdicts: Verdicts) -> tuple[str, ...]:
    """Antithrombin first; a level that is missing; above target antithrombin only."""
    tests = [] if m.antithrombin.tier else ["antithrombin"]
    if verdicts["above_target"].yes:
        return tuple(tests)
    tests += _levels_without_value(m)
    if m.antithrombin.tier in ("normal", "lowNormal"):
        tests += [
            concept
            for concept in ("fibrinogen", "factor_viii")
            if was_measured(m.case, concept, "acute_phase.current").no
        ]
    return tuple(tests)


def _levels_without_value(m: Measured) -> list[str]:
    """Whichever of the two has no usable value now, never an anti-Xa that would be foreign."""
    missing = [] if usable(m, m.levels.anti_xa) or "anti_xa" not in level_tests(m) else ["anti_xa"]
    return missing + ([] if usable(m, m.levels.aptt) else ["aptt"])
