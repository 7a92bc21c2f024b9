"""One threshold moved step by step over the same patients: what each value would have come to."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from cds_service.advice import Rulebook
from cds_service.assessment.model.protocol import Bounds, Protocol, ProtocolFile, Threshold
from cds_service.errors import StartRefused
from cds_service.rulebook.load import BOUNDS, DIGEST_LENGTH, protocol_faults, protocol_path
from cds_service.rulebook.toml_table import read_table
from cds_service.tools.replay.outcomes import GivenOutcomes, labels
from cds_service.tools.replay.plots import curves
from cds_service.tools.replay.quality import FEWEST, Quality, read_quality, write_quality
from cds_service.tools.replay.sums import Sums, sums
from cds_service.tools.replay.tally import SPOKEN
from cds_service.tools.replay.titles import topic_title
from cds_service.web.html_pages import page_templates

FOLDER = "sweep"  # inside the output folder: the tables of the moved protocols
TABLE, PAGE = "sweep.csv", "sweep.html"
MOST_STEPS = 40
_FORM = re.compile(r"(\w+\.\w+)=(-?[\d.]+):(-?[\d.]+):([\d.]+)")
COLUMNS = (
    *("key", "value", "unit", "topic", "title"),
    *("patients", "cards", "cards_per_100_heparin_days"),
)


@dataclass(frozen=True, slots=True)
class ThresholdSweep:
    """A threshold and the values it takes, lowest first."""

    key: str  # "heparin.high_rate"
    values: tuple[Decimal, ...]
    left_out: tuple[str, ...] = ()  # values that no protocol file could hold, and why


def parse(written: str) -> ThresholdSweep:
    """`heparin.high_rate=20:26:1`: from 20 to 26 in steps of 1, both ends among them."""
    found = _FORM.fullmatch(written)
    try:
        low, high, step = (Decimal(part) for part in found.groups()[1:]) if found else (None,) * 3
    except ArithmeticError:
        low = high = step = None
    if found is None or low is None or high is None or not step or low > high:
        raise StartRefused(
            [f"--sweep: {written} is not KEY=LOW:HIGH:STEP, as heparin.high_rate=20:26:1"]
        )
    steps = int((high - low) / step) + 1
    if steps > MOST_STEPS:
        raise StartRefused([f"--sweep: {steps} values; at most {MOST_STEPS}: take a larger step"])
    return ThresholdSweep(found[1], tuple(low + step * n for n in range(steps)))


def moved(
    rules: Rulebook, protocol: str, sweep: ThresholdSweep
) -> tuple[ThresholdSweep, tuple[Rulebook, ...]]:
    """The rules with each value that a protocol file could hold; the others are left out, named."""
    file = read_table(protocol_path(protocol), ProtocolFile)
    bounds = read_table(BOUNDS, Bounds)
    section, _, name = sweep.key.partition(".")
    row = file.rows.get(section, {}).get(name)
    if row is None:
        raise StartRefused([f"--sweep: {sweep.key} is no threshold of {rules.protocol.name}"])
    kept, faults = list[Decimal](), list[str]()
    for value in sweep.values:
        rows = {**file.rows, section: {**file.rows[section], name: _at(row, value)}}
        wrong = list(protocol_faults(replace(file, rows=rows), bounds))
        faults += [f"--sweep: {value} is left out: {fault}" for fault in wrong[:1]]
        kept += [] if wrong else [value]
    if not kept:
        raise StartRefused(faults)
    steps = tuple(replace(rules, protocol=_moved(rules.protocol, sweep.key, v)) for v in kept)
    return replace(sweep, values=tuple(kept), left_out=tuple(faults)), steps


def _at(row: Threshold, value: Decimal) -> Threshold:
    return replace(row, value=float(value))


def _moved(protocol: Protocol, key: str, value: Decimal) -> Protocol:
    told = f"{protocol.digest} {key}={value}"
    return replace(
        protocol,
        name=named_threshold(protocol.name, value),
        rows={**protocol.rows, key: _at(protocol.rows[key], value)},
        digest=hashlib.sha256(told.encode()).hexdigest()[:DIGEST_LENGTH],
    )


def named_threshold(protocol: str, value: Decimal) -> str:
    """The name that a moved protocol goes by in the tables."""
    return f"{protocol}@{value}"


def write_sweep(
    out: Path,
    rulebooks: Sequence[Rulebook],
    sweep: ThresholdSweep,
    own: float,
    known: GivenOutcomes,
) -> Path:
    """Write sweep.csv and sweep.html, from the tables of the replay in the sweep's folder.

    `own` is the value that the protocol has: the page marks it.
    """
    folder = out / FOLDER
    lines = {r.protocol.name: r.protocol["heparin.high_daily_dose"] for r in rulebooks}
    found = dict(zip(sweep.values, sums(folder, lines).values(), strict=True))
    judged = read_quality(folder, list(lines), known)
    write_quality(folder, judged)
    unit = rulebooks[0].protocol.rows[sweep.key].unit
    with (out / TABLE).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([sweep.key, value, unit, *rest] for value, *rest in _rows(found))
    place = out / PAGE
    titles = {name: label.title for name, label in {**labels(), **known.labels}.items()}
    place.write_text(_page(sweep, found, judged, (unit, own), titles), encoding="utf-8")
    return place


def _rows(found: Mapping[Decimal, Sums]) -> Iterator[tuple[object, ...]]:
    for value, one in found.items():
        for topic in SPOKEN:
            cards, days = one.counted[topic], one.heparin_days
            rate = f"{100 * cards / days:.2f}" if days else ""
            yield value, topic, topic_title(topic), one.receivers[topic], cards, rate


def _page(
    sweep: ThresholdSweep,
    found: Mapping[Decimal, Sums],
    judged: list[Quality],
    in_use: tuple[str, float],
    titles: Mapping[str, str],
) -> str:
    unit, own = in_use
    values = [float(value) for value in sweep.values]
    receivers = {t: [float(s.receivers[t]) for s in found.values()] for t in SPOKEN}
    changing = {t: counts for t, counts in receivers.items() if len(set(counts)) > 1}
    named = {topic_title(t): counts for t, counts in changing.items()}
    axis = f"{sweep.key}, {unit}"
    return _TEMPLATES.get_template(PAGE).render(
        sweep=sweep,
        unit=unit,
        own=own,
        found=found,
        changing=changing,
        steady=[t for t, counts in receivers.items() if len(set(counts)) == 1 and counts[0]],
        curve=curves(values, named, (axis, "patients with a card"), own) if changing else "",
        quality=_quality(judged, changing, len(values)),
        titles=titles,
        fewest=FEWEST,
    )


def _quality(
    judged: Iterable[Quality], topics: Iterable[str], steps: int
) -> dict[tuple[str, str], list[Quality]]:
    """Topic and label -> one estimate for each value; pairs that nothing was judged by left out."""
    rows: dict[tuple[str, str], list[Quality]] = {}
    for one in judged:
        if one.topic in topics:
            rows.setdefault((one.topic, one.label), []).append(one)
    return {
        pair: estimates
        for pair, estimates in rows.items()
        if len(estimates) == steps and any(q.ppv.count or q.sensitivity.count for q in estimates)
    }


_TEMPLATES = page_templates(Path(__file__).parent)
_TEMPLATES.filters["titled"] = topic_title
