"""What rests on which claim of the review: options and the parts that are no rule.

Data for `heparin-cds explain`, beside the code it speaks of; cards carry their own claims in
TOPICS, rules in RULES, protocol rows in their sources. Nothing here decides anything; tests
hold it to the code.
"""

from __future__ import annotations

from collections.abc import Mapping

# Which rules another rule looks at; a rule's words are those of the cards at the end of the way.
FEEDS: Mapping[str, tuple[str, ...]] = {
    "high": ("high_when_drawn",),
    "very_high": ("requirement_raised",),
    "drafted_raise": ("ceiling",),
    "below_target": ("failing", "undecided"),
    "above_target": ("failing",),
    "on_target": ("responded",),
    "escalating": ("failing",),
    "plateau": ("failing", "undecided", "confirmed"),
    "masked": ("failing",),
    "thrombosis_on_heparin": ("failing", "confirmed"),
    "effect_lost": ("failing",),
    "requirement_raised": ("resistance_suspected",),
    "high_when_drawn": ("failing", "undecided"),
    "failing": ("undecided", "resistance_suspected", "refractory", "confirmed", "loud"),
    "acute_phase": ("confirmed",),
    "refractory": ("confirmed",),
    "confirmed": ("waits", "loud"),
    "raised_since_level": ("waits", "loud"),
}

# Parts that are no rule: module.function of the assessment, what it does, and its claims.
PARTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "measure.risk.read_risk": (
        "risk groups on record",
        ("R13", "R14", "R21", "R22", "R72", "R84", "R104"),
    ),
    "recommend.topics.advice.contributors": ("what may contribute", ("R4", "R13", "R14", "R124")),
    "recommend.topics.advice.population_notes": (
        "advice for one population",
        ("R72", "R76", "R81", "R83", "R84", "R87"),
    ),
    "measure.heparin_levels.read_levels": (
        "aptt and anti-Xa as a pair",
        ("R27", "R28", "R30", "R121"),
    ),
    "measure.daily_dose.daily_dose": ("heparin of the last 24 h, by charted times", ("R8", "R120")),
    "measure.antithrombin.read_antithrombin": (
        "antithrombin activity, never antigen",
        ("R32", "R38"),
    ),
    "measure.antithrombin.tier_of": ("antithrombin tiers", ("R31",)),
    "measure.antithrombin_dose.compute_dose": ("the loading dose", ("R44", "R45", "R117")),
    "recommend.topics.treatment.recommends_antithrombin": (
        "where antithrombin is not marked as recommended",
        ("R51", "R74", "R79"),
    ),
    "recommend.switch.argatroban": ("argatroban", ("R52", "R53", "R54", "R55")),
    "recommend.switch.bivalirudin": ("bivalirudin", ("R56", "R57", "R58", "R59")),
    "recommend.switch.choose_switch": (
        "the choice by kidney and liver",
        ("R61", "R62", "R81", "R96"),
    ),
    "measure.four_ts.four_ts": ("4Ts as far as it can be computed", ("R100",)),
    "measure.gates.read_gates": ("the gates before every finding", ("R42", "R96", "R122")),
    "model.protocol.Protocol": ("a hospital's protocol as one table", ("R107",)),
    "recommend.topics.watch.schedule": ("the monitoring schedule", ("R33", "R87", "R89", "R90")),
}

# Options under which a protocol follows the review as it is written.
AS_WRITTEN: Mapping[str, tuple[str | bool, tuple[str, ...]]] = {
    "dose_form": ("multiply", ("R44", "R117")),
    "weight_condition": (False, ("R8", "R23", "R111")),
    "masked_fails_alone": (True, ("R29",)),
    "confirmation": (False, ("R2", "R8")),
    "escalation_fails": (True, ("R23",)),
    "ordered_target": (False, ("R28",)),
    "organ_choice": ("any", ("R62",)),
    "sepsis_supplements": (True, ("R79", "R81")),
    "severe_also_supplement": (False, ("R43",)),
}
