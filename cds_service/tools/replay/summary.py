"""summary.json: what was replayed, by what, and the figures of the report for programs to read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from cds_service.advice import Rulebook
from cds_service.tools.product import product_version
from cds_service.tools.replay.burden import Burden
from cds_service.tools.replay.quality import Quality
from cds_service.tools.replay.run import Replayed
from cds_service.tools.replay.sums import Sums

SUMMARY = "summary.json"
TABLES = tuple(
    f"{name}.csv"
    for name in ("patients", "events", "unknown", "codes", "outcomes", "quality", "differences")
)


def run_information(
    rulebooks: Sequence[Rulebook], replayed: Replayed, now: datetime
) -> dict[str, Any]:
    """What makes a replay repeatable: version, protocols with their fingerprints, the export."""
    export = replayed.export
    return {
        "version": product_version(),
        "written": now.isoformat(timespec="seconds"),
        "protocols": {
            rules.protocol.name: {"title": rules.protocol.title, "digest": rules.protocol.digest}
            for rules in rulebooks
        },
        "site": rulebooks[0].concepts.site,
        "files": list(export.files),
        "lines": export.lines,
        "unreadable_lines": export.bad_lines,
        "left_out": list(export.notes),
        "patients": replayed.patients,
        "questions": replayed.questions,
    }


def write_summary(
    out: Path,
    run: Mapping[str, Any],
    sums: Mapping[str, Sums],
    burden: Mapping[str, Burden],
    quality: Sequence[Quality],
) -> None:
    """Write summary.json beside the tables, with the hash of each."""
    document = {
        "run": run,
        "tables": {name: _hash(out / name) for name in TABLES if (out / name).exists()},
        "protocols": {
            name: {
                "patients": one.patients,
                "on_heparin": one.on_heparin,
                "heparin_days": round(one.heparin_days, 2),
                "cards": dict(sorted((t, n) for t, n in one.counted.items() if n)),
                "patients_with": dict(sorted((t, n) for t, n in one.receivers.items() if n)),
                "cards_per_patient": {
                    "median": burden[name].quantile(0.5),
                    "p95": burden[name].quantile(0.95),
                    "most": burden[name].quantile(1.0),
                },
                "repeats_within_24_h": burden[name].repeats,
            }
            for name, one in sums.items()
        },
        "quality": [asdict(row) for row in quality],
    }
    options = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
    (out / SUMMARY).write_bytes(orjson.dumps(document, option=options))


def _hash(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
