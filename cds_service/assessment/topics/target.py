"""Cards about the target: raising above it, chasing a short aPTT. Clinical logic 5."""

from __future__ import annotations

from cds_service.assessment.answers import Evidence, Verdicts
from cds_service.assessment.dose_rules import is_raise
from cds_service.assessment.items import Choice, DeleteDraft, Indicator, Item
from cds_service.assessment.measured import Measured
from cds_service.assessment.measures import on_record
from cds_service.assessment.topics.situation import levels_shown, running_fact, situation
from cds_service.assessment.trends import rises

Due = dict[str, Item]


def above_target_raise(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """A raise drafted while the level is above target."""
    if not (verdicts["above_target"].yes and verdicts["drafted_raise"].yes):
        return None
    return Item(
        indicator=Indicator.WARNING,
        facts=(*levels_shown(m), *drafted_and_running(m, verdicts)),
        notes=("above.rule",),
        choices=(delete_raises(m),),
        limits=("levels.anti_xa_high", "levels.aptt_high"),
    )


def drafted_and_running(m: Measured, verdicts: Verdicts) -> tuple[Evidence, ...]:
    """The running rate beside the drafted one."""
    return (*running_fact(m), *verdicts["drafted_raise"].facts)


def delete_raises(m: Measured) -> Choice:
    """Take every drafted raise back."""
    raises = tuple(DeleteDraft(d.order) for d in m.drafted if is_raise(m, d))
    return Choice("raise.delete", raises)


def pseudo_resistance(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """Anti-Xa in range under a short aPTT, and the rate goes up for it [R112, R121]."""
    if not verdicts["pseudo_resistance"].yes:
        return None
    drafted = verdicts["drafted_raise"].yes
    risen = bool(rises(m.case, m.infusion, m.case.ago("risk.rise_within")))
    if not (drafted or risen):
        return None
    missing = [
        c for c in ("fibrinogen", "factor_viii") if on_record(m.case, c, "acute_phase.current").no
    ]
    notes = ["pseudo.rule"] + (["contributor.acutePhase"] if verdicts["acute_phase"].yes else [])
    return Item(
        indicator=Indicator.WARNING if drafted else Indicator.INFO,
        facts=(*situation(m), *drafted_and_running(m, verdicts)[1:]),
        notes=tuple(notes),
        choices=(delete_raises(m),) if drafted else (),
        tests=tuple(missing),
        limits=("levels.anti_xa_low", "levels.aptt_low"),
    )
