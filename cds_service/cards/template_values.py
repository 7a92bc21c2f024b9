"""The figures that templates may name, from what was measured; text from outside is escaped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cds_service.assessment.assess import Findings
from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.model.recommendation import Recommendation, StartDrug
from cds_service.assessment.model.verdict import Evidence, Reason
from cds_service.assessment.recommend.switch import Start, argatroban, bivalirudin
from cds_service.cards.amounts import amount, to_two_decimals
from cds_service.cards.heparin_row import rate_phrase, rate_words
from cds_service.cards.reason_words import in_one_line, lower, reasons, signs
from cds_service.cards.wording import Wording, escaped, plain

Figures = dict[str, object]


def start(wording: Wording, item: Start) -> str:
    """A drug with its starting rate."""
    return wording.layout["start"].format(
        drug=wording.drug(item.drug), rate=f"{item.rate:g}", unit=wording.unit(item.unit)
    )


class Limits:
    """Protocol numbers for templates: {p[section.key]:format}."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def __getitem__(self, key: str) -> float:
        return self._protocol[key]


def figures(
    findings: Findings, item: Recommendation, wording: Wording, *, markdown: bool
) -> Figures:
    """Everything a template of this item may name."""
    m, quote = findings.measured, escaped if markdown else plain
    protocol = m.case.protocol
    values: Figures = {"p": Limits(protocol)}
    values |= _levels(m, wording) | _antithrombin(m, wording) | _starts(m, wording)
    kg = m.weight.kg or 0.0
    values |= {"weight": kg, "weight_term": to_two_decimals(kg)}
    values["signs"] = signs(wording, tuple(f for r in item.first for f in r.facts), quote)
    values["rate_phrase"] = rate_phrase(m, wording)
    running = m.infusion.rate is not None and m.infusion.running.yes
    for key in ("on_rate", "running"):
        text = wording.layout[key].format(rate=values["rate_phrase"])
        values[key] = text if running else ""
    odd = item.values.get("odd")
    values["odd_phrase"] = rate_words(m, wording, odd) if isinstance(odd, float) else ""
    aptts = [f for f in item.facts if f.fact in ("aptt", "aptt_ratio")]
    levels = [f for f in item.facts if f.fact in ("anti_xa", "aptt", "aptt_ratio")]
    values["level_shown"] = _level_words(wording, levels[0]) if levels else ""
    values["aptt_now"] = amount(wording, aptts[0]) if aptts else ""
    values["aptt_high"] = _aptt_limit(m, wording)
    values["age"] = " ".join(amount(wording, f) for f in m.gates.under_age.facts)
    values["risks"] = wording.layout["and"].join(wording.risks[r] for r in m.risk.names)
    values["excess"] = protocol["antithrombin_dose.label_recovery"] ** 2
    values["recheck"] = _span(wording, protocol, "antithrombin_dose.recheck")
    values["maintenance"] = _maintenance(wording, protocol)
    values["withheld"] = _withheld(wording, item.withheld[:1], quote)
    values["open"] = in_one_line(wording, _bare(item.open[:2]))
    values |= {f"{drug}_status": text for drug, text in _statuses(item, wording).items()}
    values["tests"] = tests(wording, item.tests)
    platelets = [f for f in item.facts if f.fact == "platelets"]
    values["platelets"] = amount(wording, platelets[0]) if platelets else ""
    recovery = item.values.get("recovery")
    values["recovery_term"] = to_two_decimals(recovery) if isinstance(recovery, float) else ""
    for key, value in item.values.items():
        values[key] = quote(wording.drug(value)) if isinstance(value, str) else value
    return values


def _withheld(wording: Wording, items: tuple[Reason, ...], quote: Callable[[str], str]) -> str:
    """Why a drug is withheld, for a summary: the signs themselves where it rests on some."""
    facts = tuple(fact for item in items for fact in item.facts)
    return signs(wording, facts, quote) if facts else lower(reasons(wording, _bare(items)))


def _bare(items: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Without what the record said, for a summary."""
    return tuple(replace(r, detail="") for r in items)


def tests(wording: Wording, concepts: tuple[str, ...]) -> str:
    """Names of tests, joined."""
    return wording.layout["and"].join(wording.tests[c] for c in concepts)


def _level_words(wording: Wording, fact: Evidence) -> str:
    kind = "anti_xa" if fact.fact == "anti_xa" else "aptt"
    return wording.layout[f"level_{kind}"].format(value=amount(wording, fact))


def _levels(m: Measured, wording: Wording) -> Figures:
    anti_xa, aptt = m.levels.anti_xa, m.levels.aptt
    texts: Figures = {"anti_xa": "", "aptt": "", "level_phrase": wording.layout["level_unknown"]}
    for key, level in (("aptt", aptt), ("anti_xa", anti_xa)):
        if level.current.yes and level.evidence is not None:
            texts[key] = amount(wording, level.evidence)
            if level.usable.yes:
                phrase = wording.layout[f"level_{key}"]
                texts["level_phrase"] = phrase.format(value=texts[key])
    return texts


def _antithrombin(m: Measured, wording: Wording) -> Figures:
    level = m.antithrombin
    if level.evidence is None:
        return {"antithrombin": "", "antithrombin_term": ""}
    return {
        "antithrombin": amount(wording, level.evidence),
        "antithrombin_term": to_two_decimals(level.level or 0.0),
    }


def _starts(m: Measured, wording: Wording) -> Figures:
    apart = m.case.protocol.chosen("organ_choice") == "apart"
    offered = (
        argatroban(m.case, m.organs, m.risk if apart else None, recommended=False),
        bivalirudin(m.case, m.organs, recommended=False),
    )
    lowest = wording.layout["and"].join(start(wording, one) for one in offered)
    figures: Figures = {one.drug: start_words(wording, one, m.weight.kg) for one in offered}
    return figures | {"lowest_starts": lowest}


def _statuses(item: Recommendation, wording: Wording) -> dict[str, str]:
    """Of each drug that may be started: what it is labelled for, or that it is not."""
    acts = (action for choice in item.choices for action in choice.actions)
    return {a.drug: label_status(a, wording) for a in acts if isinstance(a, StartDrug)}


def label_status(action: StartDrug, wording: Wording) -> str:
    """Whether a drug is labelled for this use."""
    return wording.layout[f"labelled_{action.drug}" if action.labelled else "off_label"]


def start_words(wording: Wording, one: Start, kg: float | None) -> str:
    """A rate by weight, and in the pump's own unit where the weight is known."""
    rate = f"{one.rate:g} {wording.unit(one.unit)}"
    if not kg:
        return rate
    layout = wording.layout["start_per_hour"]
    return layout.format(rate=rate, per_hour=f"{one.per_hour(kg):.3g}", kg=f"{kg:.3g}")


def _aptt_limit(m: Measured, wording: Wording) -> str:
    key = "limit_ratio" if m.levels.aptt.concept == "aptt_ratio" else "limit_seconds"
    return wording.layout[key].format(limit=m.case.protocol[f"levels.{m.levels.aptt.concept}_over"])


def _span(wording: Wording, protocol: Protocol, key: str) -> str:
    low, high = protocol[f"{key}_from"], protocol[f"{key}_to"]
    return wording.layout["span"].format(low=low, high=high)


def _maintenance(wording: Wording, protocol: Protocol) -> str:
    row = "antithrombin_dose.maintenance_"
    low, high = protocol[row + "low"], protocol[row + "high"]
    every, until = protocol[row + "from"], protocol[row + "to"]
    key = "maintenance" if low == high and every == until else "maintenance_range"
    return wording.layout[key].format(low=low, high=high, every=every, until=until)
