"""The report of a replay: one page of HTML, pictures and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cds_service.advice import Rulebook
from cds_service.chart.concepts import Concepts
from cds_service.tools.replay.burden import DAYS, burdens, by_kind, groups
from cds_service.tools.replay.codes import (
    GROUPS,
    CodeRow,
    guesses,
    read_codes,
    unread_first_guessed,
)
from cds_service.tools.replay.export import Export
from cds_service.tools.replay.outcomes import GivenOutcomes, labels
from cds_service.tools.replay.plots import bars, histogram
from cds_service.tools.replay.quality import FEWEST, read_quality, write_quality
from cds_service.tools.replay.review.answers import Reviewed
from cds_service.tools.replay.run import Replayed
from cds_service.tools.replay.shards import PAIR
from cds_service.tools.replay.summary import run_information, write_summary
from cds_service.tools.replay.sums import MOST_NAMED, Sums, differences, parted, sums
from cds_service.tools.replay.tally import INDICATORS, SPOKEN
from cds_service.tools.replay.titles import topic_title
from cds_service.web.html_pages import csp_hash, page_templates

PAGE = "report.html"
SCRIPT = Path(__file__).with_name("report.js")
UNITS_A_BIN, MOST_UNITS = 5_000, 70_000
MOST_BY_WEIGHT = 40
HOURS_A_BIN, MOST_HOURS = 6, 96
MOST_REASONS = 15
MOST_CODES = 15  # of each group; codes.csv has them all
PER = 100  # days


@dataclass(frozen=True, slots=True)
class Judged:
    """What the cards are judged by beside the record itself."""

    outcomes: GivenOutcomes = field(default_factory=GivenOutcomes)
    reviews: Reviewed = field(default_factory=lambda: Reviewed((), ()))


def write_report(
    out: Path,
    rulebooks: tuple[Rulebook, ...],
    replayed: Replayed,
    judged_by: Judged | None = None,
    now: datetime | None = None,
) -> Path:
    """Write report.html, quality.csv and summary.json beside the tables."""
    judged_by = judged_by or Judged()
    known = judged_by.outcomes
    protocols = {rules.protocol.name: rules.protocol for rules in rulebooks}
    lines = {name: p["heparin.high_daily_dose"] for name, p in protocols.items()}
    by_protocol = sums(out, lines)
    names = tuple(protocols)
    judged = read_quality(out, names, known)
    write_quality(out, judged)
    burden = burdens(out, names)
    run = run_information(rulebooks, replayed, now or datetime.now(UTC))
    write_summary(out, run, by_protocol, burden, judged)
    script = SCRIPT.read_text(encoding="utf-8")
    page = _TEMPLATES.get_template(PAGE).render(
        protocols=protocols,
        sums=by_protocol,
        line=lines[names[0]],
        run=run,
        burden=burden,
        quality=[row for row in judged if row.ppv.count or row.sensitivity.count],
        differences=differences(out, *names[:2]) if len(names) > 1 else {},
        parted=parted(out) if len(names) == PAIR else [],
        reviews=judged_by.reviews,
        fewest=FEWEST,
        script=script,
        script_hash=csp_hash(script),
        plots=_plots(by_protocol, lines[names[0]], rulebooks[0]),
        titles={name: label.title for name, label in {**labels(), **known.labels}.items()},
        **_parts(out, rulebooks[0], replayed.export, by_protocol),
    )
    place = out / PAGE
    place.write_text(page, encoding="utf-8")
    return place


_TEMPLATES = page_templates(Path(__file__).parent)
_TEMPLATES.filters["titled"] = topic_title


def _parts(
    out: Path, rules: Rulebook, export: Export, by_protocol: Mapping[str, Sums]
) -> dict[str, Any]:
    """What the page shows of the tables and of the export."""
    topics = _topics(by_protocol)
    whole = next(iter(by_protocol.values()))
    return {
        "whole": whole,
        "export": export,
        "topics": topics,
        "indicators": INDICATORS,
        "days": DAYS,
        "groups": by_kind(groups(out, topics)),
        "reasons": _reasons(whole, rules),
        "most_named": MOST_NAMED,
        "absent": _absent(rules.concepts, export),
        "unread": unread_codes(out, rules.concepts),
        "guesses": guesses,
        "concepts": rules.concepts,
    }


def _absent(concepts: Concepts, export: Export) -> dict[str, list[str]]:
    """Queries that found nothing for anybody: the resources never came, or no code was known."""
    lacking = [key for key in concepts.queries if key not in export.answered]
    came = [key for key in lacking if concepts.queries[key].resource in export.came]
    return {"never came": [key for key in lacking if key not in came], "not one code": came}


def unread_codes(out: Path, concepts: Concepts) -> dict[str, list[CodeRow]]:
    """Results, drugs and problems: the likeliest and most frequent codes that were not read."""
    found: dict[str, list[CodeRow]] = {group: [] for group, _ in GROUPS.values()}
    for row in unread_first_guessed(read_codes(out), concepts):
        group = found[GROUPS[row.resource][0]]
        if len(group) < MOST_CODES:
            group.append(row)
    return {group: rows for group, rows in found.items() if rows}


def _topics(by_protocol: Mapping[str, Sums]) -> tuple[str, ...]:
    return tuple(t for t in SPOKEN if any(s.shown[t] for s in by_protocol.values()))


def _plots(by_protocol: Mapping[str, Sums], line: float, rules: Rulebook) -> dict[str, str]:
    topics = _topics(by_protocol)
    named = [topic_title(topic) for topic in topics]
    whole = next(iter(by_protocol.values()))
    rates = {
        name: [_per_days(s.counted[t], s.heparin_days) for t in topics]
        for name, s in by_protocol.items()
    }
    burden = {
        "at every question": [whole.shown[t] for t in topics],
        "counted when new or changed": [whole.counted[t] for t in topics],
    }
    waited = {name: [_within(h, MOST_HOURS) for h in s.to_test] for name, s in by_protocol.items()}
    return {
        "rates": bars(named, rates, f"cards per {PER} days on heparin"),
        "burden": bars(named, burden, "cards"),
        "totals": histogram(
            {"": [_within(t, MOST_UNITS) for t in whole.totals]},
            range(0, MOST_UNITS + 1, UNITS_A_BIN),
            "largest infusion total of any 24 h, units",
            line,
        ),
        "by_weight": _drawn(
            {"": [_within(v, MOST_BY_WEIGHT) for v in whole.by_weight]},
            range(MOST_BY_WEIGHT + 1),
            "highest daily dose, U/kg/h",
            rules.protocol["heparin.standard_rate"],
        ),
        "waited": _drawn(
            waited,
            range(-MOST_HOURS, MOST_HOURS + 1, HOURS_A_BIN),
            "hours from the first sign to the next AT level (left of 0: it was there)",
        ),
        "unknown": _unknown(whole, rules),
    }


def _drawn(
    values: Mapping[str, list[float]], edges: Sequence[float], axis: str, line: float | None = None
) -> str:
    """A picture, where there is anything to draw."""
    return histogram(values, edges, axis, line) if any(values.values()) else ""


def _unknown(whole: Sums, rules: Rulebook) -> str:
    rows = _reasons(whole, rules)
    return bars(
        [f"{fact}: {why}" for fact, why, _, _ in rows],
        {"": [questions for _, _, questions, _ in rows]},
        "questions at which it was unknown",
    )


def _reasons(whole: Sums, rules: Rulebook) -> list[tuple[str, str, int, int]]:
    """Fact, why, questions, patients: the most frequent first."""
    ranked = sorted(whole.unknown.items(), key=lambda one: (-one[1], one[0]))
    words = rules.wording
    return [
        (
            words.facts.get(fact, fact),
            words.reasons.get(why, why),
            questions,
            whole.unknown_for[fact, why],
        )
        for (fact, why), questions in ranked[:MOST_REASONS]
    ]


def _per_days(count: int, days: float) -> float:
    return round(count / days * PER, 2) if days else 0.0


def _within(value: float, most: float) -> float:
    """What lies beyond the picture stands at its edge."""
    return max(-most, min(value, most))
