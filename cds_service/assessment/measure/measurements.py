"""Everything measured about one patient now, read once for all rules."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.measure.antithrombin import Antithrombin, read_antithrombin
from cds_service.assessment.measure.course_weight import course_began, course_weight
from cds_service.assessment.measure.daily_dose import (
    DailyDose,
    DraftedRate,
    daily_dose,
    drafted_rates,
)
from cds_service.assessment.measure.gates import Gates, read_gates
from cds_service.assessment.measure.heparin_levels import Levels, read_levels
from cds_service.assessment.measure.hit import Hit, read_hit
from cds_service.assessment.measure.infusion import Infusion
from cds_service.assessment.measure.infusion_reader import read_infusion
from cds_service.assessment.measure.organ_function import Organs, clears_slowly, read_organs
from cds_service.assessment.measure.required_rate_pairs import Need, read_need
from cds_service.assessment.measure.risk import Risk, read_risk
from cds_service.assessment.measure.target import Target, read_target
from cds_service.assessment.measure.thrombin_inhibitor import Inhibitor, read_inhibitor
from cds_service.assessment.measure.weight import Weight, read_weight
from cds_service.assessment.model.case import Case


@dataclass(frozen=True, slots=True)
class Measured:
    """The measured facts of clinical logic 2."""

    case: Case
    weight: Weight  # the newest: for doses and clearances
    course_weight: Weight  # of this course of heparin: for its rates
    infusion: Infusion
    dose: DailyDose
    drafted: tuple[DraftedRate, ...]
    target: Target
    levels: Levels
    need: Need  # the required rate
    antithrombin: Antithrombin
    organs: Organs
    risk: Risk
    inhibitor: Inhibitor | None  # a thrombin inhibitor that runs
    hit: Hit
    gates: Gates


def measure(case: Case) -> Measured:
    """Measure every fact once, in the order in which they depend on each other."""
    weight = read_weight(case)
    of_course = course_weight(case, weight, course_began(case))
    # Rates by the weight of the course; doses and clearances below by the newest.
    infusion = read_infusion(case, of_course.kg)
    organs = read_organs(case, weight)
    hit = read_hit(case)
    target = read_target(case, order_behind(case, infusion))
    # The kidneys first: they say for how long another drug still shows in an anti-Xa.
    slow = clears_slowly(case, organs)
    levels = read_levels(case, infusion, target, slow_clearance=slow)
    return Measured(
        case=case,
        weight=weight,
        course_weight=of_course,
        infusion=infusion,
        dose=daily_dose(case, infusion, of_course.kg),
        drafted=drafted_rates(case, of_course.kg),
        target=target,
        levels=levels,
        need=read_need(case, infusion, levels, of_course),
        antithrombin=read_antithrombin(case),
        organs=organs,
        risk=read_risk(case),
        inhibitor=read_inhibitor(case),
        hit=hit,
        gates=read_gates(case, hit, infusion.since),
    )


def order_behind(case: Case, infusion: Infusion) -> str:
    """Source of the order that the systemic infusion's newest row carries out; "" where it names
    none.
    """
    line = next(iter(infusion.parts or infusion.lines), None)
    return "" if line is None else line.last.order
