"""What the gates let a card offer: starts, doses, stops, deletes. Clinical logic 4 to 7."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.assessment.measure.antithrombin_dose import Dose, compute_dose, forbidden
from cds_service.assessment.measure.bleeding import why_not
from cds_service.assessment.measure.doses_given import unplaced_infusions
from cds_service.assessment.measure.exposure import active_heparins, is_treatment
from cds_service.assessment.measure.history import procedures_unread
from cds_service.assessment.measure.hit import PENDING, pending
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.rates import is_infusion
from cds_service.assessment.model.case import ANY_HEPARIN, Case
from cds_service.assessment.model.recommendation import (
    Action,
    DeleteDraft,
    Option,
    OrderTest,
    StopOrder,
)
from cds_service.assessment.model.verdict import YES, Reason, Verdict, Verdicts
from cds_service.assessment.recommend.switch import Switch
from cds_service.chart.facts import Order

_OTHER_ANTICOAGULANTS = ("fondaparinux", "danaparoid", "oralXa", "oralThrombin", "dti")


def start_withheld(m: Measured) -> tuple[Reason, ...]:
    """Why no anticoagulant may be started or raised; empty where one may."""
    gates = m.gates
    closed = list(why_not(gates.signs))
    if gates.under_age.yes:
        closed.append(Reason("age", "underAge"))
    if not m.case.is_complete("orders"):  # what to stop, and what stands beside it, is not known
        closed.append(Reason("orders", m.case.state("orders").value))
    return tuple(dict.fromkeys((*closed, *gates.reasons)))


def other_anticoagulant(m: Measured) -> tuple[Order, ...]:
    """Other anticoagulants ordered or drafted in treatment dose: a start beside one would make
    two.
    """
    orders = (
        *m.case.active_orders(*_OTHER_ANTICOAGULANTS),
        *m.case.drafted(*_OTHER_ANTICOAGULANTS),
    )
    return tuple(o for o in orders if not o.home and is_treatment(m.case, o))


def runs_without_order(m: Measured) -> bool:
    """Whether heparin runs without an order: a start would leave two anticoagulants running."""
    ordered = any(is_infusion(o) for o in m.case.active_orders("heparin"))
    return m.infusion.running.yes and not ordered


def switch_withheld(m: Measured) -> tuple[Reason, ...]:
    """Why heparin may not be replaced by a click; empty where it may."""
    withheld = start_withheld(m)
    if withheld:
        return withheld
    if other_anticoagulant(m):
        return (Reason("anticoagulant", "otherStands"),)
    return (Reason("heparinOrder", "missing"),) if runs_without_order(m) else ()


def dose_withheld(m: Measured, verdicts: Verdicts) -> tuple[Reason, ...]:
    """Why no antithrombin dose may be offered, facts first, then gates."""
    facts = (*m.antithrombin.dosable.reasons, *m.weight.known.reasons, *evidence_open(m))
    closed = list(start_withheld(m))
    if m.gates.hit.yes:  # Concentrates of antithrombin hold traces of heparin.
        closed.append(Reason("hitGate", "suspected"))
    if m.gates.heparin_allergy.yes:
        closed.append(Reason("heparinAllergy", "onRecord"))
    above = verdicts["above_target"]
    if above.yes:
        closed.append(Reason("level", "aboveTarget"))
    return tuple(dict.fromkeys((*facts, *closed, *above.reasons)))


def evidence_open(m: Measured) -> tuple[Reason, ...]:
    """Results on record that may say otherwise: an anti-Xa or a rate that cannot be read or
    dated.
    """
    return (*m.levels.anti_xa.refused, *unplaced_infusions(m.case))


def allowed_dose(m: Measured, verdicts: Verdicts) -> tuple[Dose | None, tuple[Reason, ...]]:
    """The antithrombin dose and why it is withheld.

    Three cases: a dose and no reason; no dose, with the reasons; a dose that breaks a limit, with
    that limit as the reason. The last is shown as figures, never offered.
    """
    reasons = dose_withheld(m, verdicts)
    dose = None if reasons else compute_dose(m.case, m.antithrombin, m.weight)
    if dose is None:
        return None, reasons
    against = forbidden(m.case, dose, m.weight)
    return (dose, ()) if against is None else (dose, (against,))


def wanted(case: Case, *concepts: str) -> tuple[str, ...]:
    """Those of some tests that are neither ordered nor drafted nor in progress."""
    return tuple(c for c in concepts if not pending(case, c))


def tests_for_switch(m: Measured, switch: Switch) -> tuple[str, ...]:
    """The tests that the choice of a drug waits for."""
    tests: list[str] = []
    if switch.none_because == "organsUnknown":
        # Where dialysis is not ruled out, no creatinine would settle the kidneys.
        dialysis_open = bool(procedures_unread(m.case))  # which no creatinine answers
        tests += ["creatinine"] if m.organs.renal.unknown and not dialysis_open else []
        tests += ["bilirubin"] if m.organs.hepatic.unknown else []
    if switch.none_because in ("highAptt", "apttUnknown"):
        tests.append("aptt")
    return tuple(tests)


def already_ordered(case: Case, *concepts: str) -> tuple[str, ...]:
    """Those of some tests that are pending; the card's text says so."""
    return tuple(c for c in concepts if pending(case, c))


def is_expected(case: Case, concept: str) -> bool:
    """Whether a pending test was ordered so lately that its result is still to be waited for."""
    slow = concept == "antithrombin"  # Many laboratories run antithrombin once a day.
    since = case.ago("cards.turnaround_antithrombin" if slow else "cards.turnaround")
    ordered = [t for t in case.chart.tests if t.concept == concept and t.status in PENDING]
    return any(t.drafted or (t.authored is not None and t.authored >= since) for t in ordered)


def stops(m: Measured, *, treatment_only: bool) -> tuple[Action, ...]:
    """Stop standing heparins and delete drafted ones; in HIT flushes and locks too."""
    standing = _to_end(m, active_heparins(m.case), treatment_only=treatment_only)
    drafts = _to_end(m, m.case.drafted(*ANY_HEPARIN), treatment_only=treatment_only)
    return (*(StopOrder(o) for o in standing), *(DeleteDraft(o) for o in drafts))


def _to_end(m: Measured, orders: Iterable[Order], *, treatment_only: bool) -> list[Order]:
    return [o for o in orders if not treatment_only or is_treatment(m.case, o)]


def deletion(drafts: Iterable[Order]) -> Option:
    """The option to delete drafts."""
    return Option("draft.delete", tuple(DeleteDraft(o) for o in drafts))


def order_tests(concepts: tuple[str, ...]) -> tuple[Action, ...]:
    """Draft an order for each test."""
    return tuple(OrderTest(c) for c in concepts)


def heparin_in_play(m: Measured) -> Verdict:
    """Whether treatment heparin runs, or a heparin infusion is drafted."""
    return YES if m.drafted else m.infusion.running
