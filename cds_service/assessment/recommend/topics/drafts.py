"""Cards about what was drafted: antithrombin doses, warfarin, combinations. Clinical logic 5."""

from __future__ import annotations

from cds_service.assessment.measure.antithrombin_dose import (
    Dose,
    Reach,
    drafted_units,
    is_multiplied_form,
    reach,
)
from cds_service.assessment.measure.antithrombin_product import highest_per_kg, recovery_of
from cds_service.assessment.measure.current_result import newest_result
from cds_service.assessment.measure.exposure import is_treatment
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.measure.rates import is_infusion
from cds_service.assessment.model.recommendation import (
    DeleteDraft,
    Indicator,
    Option,
    Recommendation,
    StartDrug,
    StopOrder,
)
from cds_service.assessment.model.verdict import Evidence, Verdicts
from cds_service.assessment.recommend.offers import allowed_dose
from cds_service.assessment.recommend.topics.treatment import supplements
from cds_service.chart.facts import Order

Due = dict[str, Recommendation]

THERAPEUTIC = (
    "heparin",
    "lmwh",
    "fondaparinux",
    "danaparoid",
    "oralXa",
    "oralThrombin",
    "dti",
    "vka",
)
OVERLAPS = frozenset({"heparin", "lmwh", "dti", "fondaparinux", "danaparoid"})  # with warfarin


def antithrombin_overdose(m: Measured, verdicts: Verdicts, due: Due) -> Recommendation | None:
    """An antithrombin draft that reaches too far, or any in HIT; or a level too high [R95]."""
    drafts = m.case.drafted("antithrombin")
    together = reach(m.case, drafts, m.antithrombin.level, m.weight.kg)
    if drafts and (m.gates.hit.yes or _too_much(m, together)):
        return _overdose(m, verdicts, drafts, together)
    return _level_too_high(m)


def _too_much(m: Measured, together: Reach) -> bool:
    per_kg, predicted = together.per_kg, together.predicted
    high = (
        predicted is not None and predicted > m.case.protocol["antithrombin_dose.highest_predicted"]
    )
    return high or (per_kg is not None and per_kg > _most_per_kg(m))


def _most_per_kg(m: Measured) -> float:
    """IU/kg, by the strongest of the products drafted."""
    recoveries = [recovery_of(m.case, o) for o in m.case.drafted("antithrombin")]
    return min(highest_per_kg(m.case, recovery) for recovery in recoveries)


def _overdose(
    m: Measured, verdicts: Verdicts, drafts: tuple[Order, ...], together: Reach
) -> Recommendation:
    predicted = together.predicted
    dose, withheld = (None, ()) if not verdicts["confirmed"].yes else allowed_dose(m, verdicts)
    replacement = dose if dose is not None and not withheld and supplements(m) else None
    notes = ["overdose.hit"] if m.gates.hit.yes else ["overdose.rule"]
    if _is_error(m, drafts, together):
        notes.append("overdose.multiplied")
    if replacement is not None:
        notes.append("overdose.replacement")
    return Recommendation(
        indicator=_overdose_indicator(m, together),
        summary=_overdose_summary(m, predicted),
        facts=_dose_facts(m),
        values={
            "drafted": _written(drafts),
            "predicted": predicted or 0.0,
            "dose": float(replacement.units) if replacement else 0.0,
            "dose_predicted": replacement.predicted if replacement else 0.0,
        },
        notes=tuple(notes),
        choices=_corrections(drafts, replacement),
        withheld=withheld,
        open=m.gates.reasons,
        limits=("antithrombin_dose.highest_predicted", "antithrombin_dose.label_recovery"),
    )


def _written(drafts: tuple[Order, ...]) -> str:
    return " + ".join(o.dosage.written for o in drafts if o.dosage.written)


def _corrections(drafts: tuple[Order, ...], dose: Dose | None) -> tuple[Option, ...]:
    """All drafts go: each may have been right alone, and one left over would make two doses.

    The computed dose is a second choice, never recommended: taking a draft back is.
    """
    deleted = tuple(DeleteDraft(o) for o in drafts)
    taken_back = Option("draft.delete", deleted)
    if dose is None:
        return (taken_back,)
    start = StartDrug("antithrombin", dose.units, "[IU]")
    values = {"dose": float(dose.units)}
    return (taken_back, Option("overdose.replace", (*deleted, start), values=values))


def _overdose_indicator(m: Measured, together: Reach) -> Indicator:
    per_kg, predicted = together.per_kg, together.predicted
    critical = m.case.protocol["antithrombin_dose.overdose_critical"]
    heavy = per_kg is not None and per_kg > _most_per_kg(m)
    far = predicted is not None and predicted > critical
    return Indicator.CRITICAL if m.gates.hit.yes or heavy or far else Indicator.WARNING


def _overdose_summary(m: Measured, predicted: float | None) -> str:
    if m.gates.hit.yes:
        return "hit"
    return "perKg" if predicted is None else "predicted"


def _is_error(m: Measured, drafts: tuple[Order, ...], together: Reach) -> bool:
    level, kg = m.antithrombin.level, m.weight.kg
    if level is None or kg is None:
        return False
    doses = (*(drafted_units(o, kg) for o in drafts), together.units)
    return any(u is not None and is_multiplied_form(m.case, u, level, kg) for u in doses)


def _dose_facts(m: Measured) -> tuple[Evidence, ...]:
    return tuple(e for e in (m.antithrombin.evidence, m.weight.evidence) if e is not None)


def _level_too_high(m: Measured) -> Recommendation | None:
    level, critical = m.antithrombin, m.case.protocol["antithrombin_dose.overdose_critical"]
    if level.last_dose is None or level.level is None or level.level <= critical:
        return None
    return Recommendation(
        indicator=Indicator.CRITICAL,
        summary="measured",
        facts=_dose_facts(m),
        notes=("overdose.measured",),
        limits=("antithrombin_dose.overdose_critical",),
    )


def antithrombin_unchecked(m: Measured, verdicts: Verdicts, due: Due) -> Recommendation | None:
    """Antithrombin drafted without a level or a weight to dose it by [R33]."""
    drafts = m.case.drafted("antithrombin")
    missing = (*m.antithrombin.known.reasons, *m.weight.known.reasons)
    if not drafts or not missing or m.gates.hit.yes:
        return None
    tests = ("antithrombin",) if m.antithrombin.known.unknown else ()
    return Recommendation(
        indicator=Indicator.WARNING,
        facts=_dose_facts(m),
        values={"drafted": _written(drafts)},
        notes=("unchecked.rule",),
        tests=tests,
        open=missing,
        limits=("antithrombin_dose.label_recovery",),
    )


def warfarin_in_hit(m: Measured, verdicts: Verdicts, due: Due) -> Recommendation | None:
    """Warfarin before the platelets have recovered [R103]."""
    drafts = m.case.drafted("vka")
    platelets = newest_result(m.case, "platelets", "blood", "platelets.current", "10*3/uL")
    recovered = platelets.below(m.case.protocol["platelets.warfarin_line"]).no
    if not (drafts and m.gates.hit.yes) or recovered:
        return None
    fact = (platelets.evidence,) if platelets.current.yes and platelets.evidence else ()
    return Recommendation(
        indicator=Indicator.CRITICAL,
        summary="low" if fact else "unknown",
        facts=(*fact, *m.gates.hit.facts),
        notes=("warfarin.rule",),
        choices=(Option("draft.delete", tuple(DeleteDraft(o) for o in drafts)),),
        open=platelets.current.reasons,
        limits=("platelets.warfarin_line",),
    )


def combination(m: Measured, verdicts: Verdicts, due: Due) -> Recommendation | None:
    """Two anticoagulants at treatment dose by active and drafted orders [R68, R70]."""
    standing = [o for o in _standing(m) if is_treatment(m.case, o)]
    drafts = [o for o in m.case.drafted(*THERAPEUTIC) if is_treatment(m.case, o)]
    pair = _pair(standing, drafts)
    if pair is None:
        return None
    first, second = pair
    return Recommendation(
        indicator=Indicator.CRITICAL,
        facts=(order_fact(first), order_fact(second)),
        values={"first": first.drug.key, "second": second.drug.key},
        notes=("combination.rule", f"combination.{'drafted' if second.drafted else 'standing'}"),
        choices=_combination_choices(m, standing, second),
        limits=("prophylaxis.enoxaparin_daily",),
    )


def order_fact(order: Order) -> Evidence:
    """An order as a fact: the drug, what it says, since when."""
    how = "drafted" if order.drafted else "standing"
    written = f"{order.drug.key} {order.dosage.written}".strip()
    at = None if order.drafted else order.authored
    return Evidence("order", 0.0, "", at, order.source, how, written=written)


def _standing(m: Measured) -> list[Order]:
    """Active orders that no draft of this session ends or replaces."""
    ended = {d.source for d in m.case.chart.drafts if d.stops}
    replaced = {d.replaces for d in m.case.drafted(*THERAPEUTIC) if d.replaces}
    return [
        o
        for o in m.case.active_orders(*THERAPEUTIC)
        if o.source not in ended and o.source not in replaced and not o.home
    ]


def _pair(standing: list[Order], drafts: list[Order]) -> tuple[Order, Order] | None:
    # Of each drug one is enough: thousands of orders are not compared with each other.
    firsts: dict[tuple[str, str], Order] = {}
    for one in (*standing, *drafts):
        firsts.setdefault((one.drug.key, one.drug.family), one)
    for second in (*drafts, *standing):
        for first in firsts.values():
            if first.drug.key != second.drug.key and not _may_overlap(first, second):
                return first, second
    return None


def _may_overlap(first: Order, second: Order) -> bool:
    """Warfarin is started under heparin or a thrombin inhibitor."""
    families = {first.drug.family, second.drug.family}
    return "vka" in families and bool(families & OVERLAPS)


def _combination_choices(m: Measured, standing: list[Order], second: Order) -> tuple[Option, ...]:
    if not second.drafted:
        return ()
    keeps_draft = second.drug.key in ("argatroban", "bivalirudin") or (
        m.gates.hit.yes and second.drug.family not in ("heparin", "lmwh")
    )
    if not keeps_draft and m.gates.hit.unknown and second.drug.family not in ("heparin", "lmwh"):
        return ()  # should it be HIT, this draft is the one to keep
    if not keeps_draft:
        return (Option("draft.delete", (DeleteDraft(second),)),)
    heparins = [o for o in standing if o.drug.family in ("heparin", "lmwh")]
    if not heparins:
        return ()
    return (Option("heparin.stop", tuple(StopOrder(o) for o in heparins)),)


def _heparin_orders(m: Measured) -> tuple[Order, ...]:
    standing = [o for o in m.case.active_orders("heparin") if is_infusion(o)]
    return (*standing, *(d.order for d in m.drafted))


def antiplatelet(m: Measured, verdicts: Verdicts, due: Due) -> Recommendation | None:
    """A P2Y12 inhibitor with a heparin infusion, one of them just drafted [R69, R70]."""
    drafted = m.case.drafted("p2y12")
    standing = m.case.active_orders("p2y12")
    running = m.infusion.running.yes or bool(_heparin_orders(m))
    if not ((drafted and running) or (standing and m.drafted)):
        return None
    coronary = m.risk.coronary
    offer = drafted and not coronary
    return Recommendation(
        indicator=Indicator.INFO if coronary else Indicator.WARNING,
        facts=tuple(order_fact(o) for o in (*drafted, *standing, *_heparin_orders(m))),
        values={"drug": (drafted or standing)[0].drug.key},
        notes=("antiplatelet.coronary" if coronary else "antiplatelet.rule",),
        choices=(Option("draft.delete", tuple(DeleteDraft(o) for o in drafted)),) if offer else (),
        limits=("risk.stent_within",),
    )
