"""What happened to a patient that shows whether a card was right, and when it became known.

The built-in labels are read from the same record as the cards; others come from a file. The time
of a label is when it was known, not when its sample was drawn: no card is praised for what it read.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cds_service.assessment.measure.bleeding import ANY_BLEEDING as BLEEDS
from cds_service.assessment.model.protocol import Protocol
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.chart.facts import Chart
from cds_service.chart.fhir_datetime import Stretch, read_instant
from cds_service.chart.fhir_json import source
from cds_service.errors import StartRefused
from cds_service.rulebook.toml_table import read_table
from cds_service.tools.replay.walk import Past

TABLE = Path(__file__).with_name("outcomes.toml")
COLUMNS = ("patient", "time", "label")
THROMBOSES = ("vte", "arterial_thrombosis", "circuit_thrombosis")
TRANSFUSION = "transfusion"  # no rule reads them: they are found beside the chart
OTHER_DRUGS = ("antithrombin", "dti", "fondaparinux", "danaparoid")

Known = Mapping[str, datetime]  # source of a resource -> when it was first known


@dataclass(frozen=True, slots=True)
class Label:
    """One kind of outcome, and within how many hours after a card it judges that topic.

    The last two are for a state, which holds for a time: hours after its end at which a card still
    counts as right, and hours it must have held before a card counts as missed.
    """

    title: str
    judges: Mapping[str, float]
    after: float = 0.0
    lasting: float = 0.0


@dataclass(frozen=True, slots=True)
class OutcomeLabel:
    """One label of one patient: known from `time` on, or with `until` a state that held so long."""

    patient: str
    label: str
    time: datetime
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class GivenOutcomes:
    """Labels that do not come from the record itself, with the table of those that need one."""

    rows: tuple[OutcomeLabel, ...] = ()
    labels: Mapping[str, Label] = field(default_factory=dict)


def labels(table: Path = TABLE) -> Mapping[str, Label]:
    """A table of labels; a topic that does not exist is a fault."""
    found = read_table(table, dict[str, Label])
    wrong = [t for label in found.values() for t in label.judges if t not in TOPICS]
    if wrong:
        raise StartRefused([f"{table.name}: no such topic: {', '.join(wrong)}"])
    return found


def outcomes(patient: str, past: Past, protocol: Protocol) -> Iterator[OutcomeLabel]:
    """Every built-in label of a patient; what nobody can date is left out."""
    known = _known(past)
    for label, find in BUILT_IN.items():
        for found in find(past.chart, protocol):
            if (at := known.get(found)) is not None:
                yield OutcomeLabel(patient, label, at)
    for at in past.transfused:
        yield OutcomeLabel(patient, TRANSFUSION, at)


def _known(past: Past) -> Known:
    first: dict[str, datetime] = {}
    for version in past.dated:  # in the order in which they became known
        if version.since is not None:
            first.setdefault(source(version.resource), version.since)
    return first


def _antithrombin_low(chart: Chart, protocol: Protocol) -> Iterator[str]:
    line = protocol["antithrombin.low"]
    for result in chart.of("antithrombin"):
        if result.value is not None and result.value < line and ">" not in result.comparator:
            yield result.source


def _hit_confirmed(chart: Chart, _: Protocol) -> Iterator[str]:
    for concept in ("hit_antibody", "hit_functional"):
        yield from (result.source for result in chart.of(concept) if result.positive)


def _new_thrombosis(chart: Chart, _: Protocol) -> Iterator[str]:
    yield from (c.source for c in chart.conditions if c.concept in THROMBOSES)


def _bleeding(chart: Chart, protocol: Protocol) -> Iterator[str]:
    yield from (c.source for c in chart.conditions if c.concept in BLEEDS)
    fall, window = protocol["bleeding.hemoglobin_fall"], protocol.span("bleeding.hemoglobin_window")
    counts = [(r.at, r.value, r.source) for r in chart.of("hemoglobin") if r.at and r.value]
    for at, value, found in counts:
        before = [v for when, v, _ in counts if at - window <= when < at]
        if before and round(max(before) - value, 2) >= fall:
            yield found


def _treated(chart: Chart, _: Protocol) -> Iterator[str]:
    for row in chart.administrations:
        if row.drug.family in OTHER_DRUGS and row.given is not False:
            yield row.source


BUILT_IN: Mapping[str, Callable[[Chart, Protocol], Iterator[str]]] = {
    "antithrombinLow": _antithrombin_low,
    "hitConfirmed": _hit_confirmed,
    "newThrombosis": _new_thrombosis,
    "bleeding": _bleeding,
    "treated": _treated,
}


def read_outcomes(file: Path) -> GivenOutcomes:
    """A hospital's own labels: CSV with patient, time and label; every faulty line is named."""
    known = {*labels(), *TOPICS}
    found, faults = list[OutcomeLabel](), list[str]()
    with file.open(encoding="utf-8", newline="") as rows:
        reader = csv.DictReader(rows)
        if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
            raise StartRefused([f"{file.name}: no column {', '.join(missing)}"])
        for number, row in enumerate(reader, 2):
            at = read_instant(row["time"])
            if at is None or isinstance(at, Stretch):
                faults.append(f"{file.name}: line {number}: no time with a zone")
            elif row["label"] not in known:
                faults.append(f"{file.name}: line {number}: no such label or topic")
            else:
                found.append(OutcomeLabel(row["patient"], row["label"], at))
    if faults:
        raise StartRefused(faults[:MOST_FAULTS])
    return GivenOutcomes(tuple(found))


MOST_FAULTS = 20  # of a file with thousands of lines the first tell enough
