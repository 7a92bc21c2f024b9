"""The truth of a simulated unit as outcomes: states that held for a time, which no chart tells."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from cds_service.assessment.model.protocol import Protocol
from cds_service.errors import StartRefused
from cds_service.tools.replay.outcomes import GivenOutcomes, OutcomeLabel, labels

TRUTH = "truth"  # instead of a file
FILE = "truth.jsonl"  # what `heparin-cds simulate` calls it
TABLE = Path(__file__).with_name("truth.toml")
LINE = "required_rate.line"

Stretch = tuple[datetime, datetime]


def read_truth(source: Path, protocol: Protocol) -> GivenOutcomes:
    """The states of every stay; what is needed is judged by the protocol's own line."""
    file = source / FILE
    if not file.is_file():
        raise StartRefused([f"--outcomes {TRUTH}: {source} holds no {FILE}; simulate writes one"])
    rows: list[OutcomeLabel] = []
    with file.open("rb") as stays:
        for number, line in enumerate(stays, 1):
            try:
                rows += _outcomes(orjson.loads(line), protocol[LINE])
            except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as fault:
                raise StartRefused([f"{file}: line {number} is no truth of a stay"]) from fault
    return GivenOutcomes(tuple(rows), labels(TABLE))


def _outcomes(stay: dict[str, Any], line: float) -> Iterator[OutcomeLabel]:
    patient, ended = str(stay["patient"]), _at(stay["infusion"][1])
    states = {
        "truthNeed": list(_above(stay["needed_U_per_kg_h"], line)),
        "truthHit": [(_at(stay["hit_begins"]), ended)] if stay["hit_begins"] else [],
        "truthBleed": [(_at(bleed["begins"]), ended) for bleed in stay["bleeds"]],
        "truthFault": [(_at(f["start"]), _at(f["end"])) for f in stay["delivery_faults"]],
    }
    for label, stretches in states.items():
        for since, until in stretches:
            if since <= until:  # a state of after the infusion meets no card
                yield OutcomeLabel(patient, label, since, until)


def _above(samples: list[tuple[str, float]], line: float) -> Iterator[Stretch]:
    """Stretches in which the needed rate lay above the line, each sample good until the next."""
    times = [_at(when) for when, _ in samples]
    step = times[1] - times[0] if len(times) > 1 else timedelta(0)
    begun: datetime | None = None
    for at, (_, need) in zip(times, samples, strict=True):
        if need > line and begun is None:
            begun = at
        elif need <= line and begun is not None:
            yield begun, at
            begun = None
    if begun is not None:
        yield begun, times[-1] + step


def _at(written: str) -> datetime:
    return datetime.fromisoformat(written)
