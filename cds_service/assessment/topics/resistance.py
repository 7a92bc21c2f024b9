"""Resistance itself: the ceiling, clots, tests, discordant assays. Clinical logic 5."""

from __future__ import annotations

from cds_service.assessment.allowed import (
    start_withheld,
)
from cds_service.assessment.answers import Reason, Verdicts
from cds_service.assessment.dose import per_kg_h
from cds_service.assessment.items import Indicator, Item
from cds_service.assessment.level import NOT_DRAWN, Level
from cds_service.assessment.measured import Measured
from cds_service.assessment.measures import on_record
from cds_service.assessment.topics.advice import contributors, population_notes
from cds_service.assessment.topics.situation import (
    clot_facts,
    grounds,
    levels_shown,
    reopened_note,
    running_fact,
    situation,
    weight_fact,
)

Due = dict[str, Item]


def dose_ceiling(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """Past 50,000 U/day with antithrombin not measured [R123]."""
    measured = on_record(m.case, "antithrombin", "antithrombin.tier_current")
    if not verdicts["ceiling"].yes or measured.yes:
        return None
    rate = max(f.value for f in verdicts["ceiling"].facts)
    by_weight = per_kg_h(rate, m.weight.kg)
    steep = by_weight is None or by_weight >= m.case.protocol["heparin.ceiling_critical_rate"]
    tests = ["antithrombin"] + ([] if m.levels.anti_xa.current.yes else ["anti_xa"])
    return Item(
        indicator=Indicator.CRITICAL if steep else Indicator.WARNING,
        summary="" if by_weight is not None else "noWeight",
        facts=(*running_fact(m), *verdicts["ceiling"].facts, *levels_shown(m)),
        values={"rate": rate, "per_kg_h": by_weight or 0.0},
        notes=("ceiling.rule", "delivery.first", *contributors(m, verdicts)),
        tests=tuple(tests),
        open=(*m.weight.known.reasons, *_antithrombin_refused(m)),
        limits=("heparin.ceiling_daily_dose", "heparin.ceiling_critical_rate"),
    )


def _antithrombin_refused(m: Measured) -> tuple[Reason, ...]:
    """Why an antithrombin that is on record does not count; one never drawn is only missing."""
    return tuple(r for r in m.antithrombin.known.reasons if r.why not in NOT_DRAWN)


def thrombosis(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """A clot on heparin, with the antithrombin not the known cause [R25, R94]."""
    clot = verdicts["thrombosis_on_heparin"].yes
    strong = verdicts["high"].yes or verdicts["below_target"].yes
    if not (clot and strong) or m.antithrombin.tier in ("low", "severe"):
        return None
    return Item(
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
    ceiling_tells = "heparinDoseCeiling" in due and m.antithrombin.known.unknown
    if not verdicts["resistance_suspected"].yes or ceiling_tells:
        return None
    on_target = verdicts["on_target"].yes
    return Item(
        indicator=Indicator.INFO if on_target else Indicator.WARNING,
        summary=_resistance_summary(m, verdicts),
        facts=(*situation(m), *weight_fact(m)),
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
            if on_record(m.case, concept, "acute_phase.current").no
        ]
    return tuple(tests)


def _levels_without_value(m: Measured) -> list[str]:
    pairs: tuple[tuple[str, Level], ...] = (
        ("anti_xa", m.levels.anti_xa),
        ("aptt", m.levels.aptt),
    )
    return [concept for concept, level in pairs if not level.current.yes]


def discordance(m: Measured, verdicts: Verdicts, due: Due) -> Item | None:
    """An adequate aPTT over a low anti-Xa: this pattern bleeds [R26, R29]."""
    stands_in = "heparinDoseCeiling" in due and verdicts["resistance_suspected"].yes
    if not verdicts["masked"].yes or stands_in:
        return None
    tests = ["antithrombin"] if m.antithrombin.known.unknown else []
    tests += [c for c in ("inr", "fibrinogen") if on_record(m.case, c, "acute_phase.current").no]
    return Item(
        indicator=Indicator.WARNING,
        facts=situation(m),
        notes=("discordance.rule", "discordance.causes"),
        tests=tuple(tests),
        open=m.antithrombin.known.reasons,
        limits=("levels.anti_xa_low", "levels.aptt_low"),
    )
