"""Loads the three tables into one rulebook, at start; every fault at once, by file and key.

A protocol may set only what `bounds.toml` lists, within its bounds; the fixed numbers of the
medicine come from there and cannot be set at all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from cds_service.advice import Rulebook
from cds_service.assessment.model.protocol import (
    Bound,
    Bounds,
    Protocol,
    ProtocolFile,
    SiteTarget,
    Threshold,
)
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.cards.wording import Spelling, Wording, respelled
from cds_service.errors import StartRefused
from cds_service.logs import log
from cds_service.rulebook.toml_table import TableFault, load_concepts, read_table

_Row = TypeVar("_Row")
PACKAGE = Path(__file__).parents[1]
PROTOCOLS = {
    "default": PACKAGE / "assessment" / "model" / "protocol.toml",
    "review-as-written": PACKAGE / "assessment" / "model" / "review-as-written.toml",
}
BOUNDS = PACKAGE / "assessment" / "model" / "bounds.toml"
WORDING = PACKAGE / "cards" / "wording.toml"


def load_rulebook(
    protocol: str, concepts: Path | None, review_acknowledged: bool, spelling: Spelling = "uk"
) -> Rulebook:
    """Load the tables of a protocol (a shipped one by name, or a file) and a site's own codes.

    Refuses a protocol that doses by another formula than the label's, unless that is acknowledged.
    """
    rules = rulebook(protocol_path(protocol), concepts, spelling)
    unlabelled = rules.protocol.chosen("dose_form") == "multiply"
    if unlabelled and not review_acknowledged:
        raise StartRefused([NOT_ACKNOWLEDGED.format(protocol=rules.protocol.name)])
    return rules


NOT_ACKNOWLEDGED = (
    "CDS_PROTOCOL: {protocol} doses antithrombin by the review's formula, not by the label;"
    " set CDS_ACKNOWLEDGE_REVIEW=1 if that is meant"
)


def warn_when_review_is_due(protocol: Protocol, today: date) -> bool:
    """Whether the protocol's review date has passed; if so the log says it at start."""
    due = today > protocol.review_due
    if due:
        log().warning(
            "protocol review due",
            protocol=protocol.name,
            digest=protocol.digest,
            review_due=protocol.review_due.isoformat(),
        )
    return due


def rulebook(
    protocol: Path | None = None, site: Path | None = None, spelling: Spelling = "uk"
) -> Rulebook:
    """The tables, the default protocol unless another file is named."""
    return Rulebook(
        load_concepts(site=site),
        load_protocol(protocol or PROTOCOLS["default"]),
        respelled(read_table(WORDING, Wording), spelling),
    )


def protocol_path(name: str) -> Path:
    """A shipped protocol by name, or a hospital's own file."""
    return PROTOCOLS.get(name, Path(name))


def load_protocol(path: Path) -> Protocol:
    """A protocol file, checked against the bounds."""
    bounds = read_table(BOUNDS, Bounds)
    file = read_table(path, ProtocolFile)
    faults = [f"{path.name}: {fault}" for fault in protocol_faults(file, bounds)]
    if faults:
        raise TableFault(faults)
    rows = {f"{s}.{k}": row for s, section in file.rows.items() for k, row in section.items()}
    fixed = {f"{s}.{k}": row for s, section in bounds.fixed.items() for k, row in section.items()}
    return Protocol(
        name=file.name,
        title=file.title,
        rows=rows | fixed,
        options=file.options,
        topics=file.topics,
        reviewed=file.reviewed,
        review_due=file.review_due,
        approver=file.approver,
        source_note=file.source_note,
        intensities=file.intensities,
        indications=file.indications,
        sources=file.sources,
        digest=hashlib.sha256(path.read_bytes()).hexdigest()[:DIGEST_LENGTH],
    )


DIGEST_LENGTH = 16


def protocol_faults(file: ProtocolFile, bounds: Bounds) -> Iterable[str]:
    """Everything wrong with a protocol: unknown, missing, out of bounds, fixed."""
    ranges, rows = _by_key(bounds.ranges), _by_key(file.rows)
    fixed = _by_key(bounds.fixed).keys()
    for key, row in rows.items():
        if key in fixed:
            yield f"rows.{key}: is fixed and cannot be set"
        elif key not in ranges:
            yield f"rows.{key}: unknown threshold"
        else:
            yield from _row_faults(key, row, ranges[key])
    yield from (f"rows.{key}: missing" for key in ranges if key not in rows)
    yield from _choice_faults(file, bounds)
    yield from _target_faults(file, bounds)
    yield from _product_faults(file, bounds)
    yield from _source_faults(file)
    yield from _order_faults(rows)


def _by_key(sections: Mapping[str, Mapping[str, _Row]]) -> dict[str, _Row]:
    """The rows of all sections by "section.key"."""
    return {f"{name}.{key}": row for name, rows in sections.items() for key, row in rows.items()}


def _row_faults(key: str, row: Threshold, bound: Bound) -> Iterable[str]:
    if row.unit != bound.unit:
        yield f"rows.{key}.unit: is {row.unit!r}, must be {bound.unit!r}"
    if not bound.lowest <= row.value <= bound.highest:
        yield f"rows.{key}.value: {row.value} is outside {bound.lowest} to {bound.highest}"
    if not row.source.strip():
        yield f"rows.{key}.source: missing"


def _target_faults(file: ProtocolFile, bounds: Bounds) -> Iterable[str]:
    """A site's own ranges: within the bounds of their test, and the laboratory's aPTT dated."""
    for section, sites in (("intensities", file.intensities), ("indications", file.indications)):
        for name, site in sites.items():
            yield from _site_faults(f"{section}.{name}", site, bounds.site_targets[site.test])
    if file.options.get("aptt_range") == "site":
        yield from _undated_faults(file.rows.get("levels", {}))


def _undated_faults(levels: Mapping[str, Threshold]) -> Iterable[str]:
    for key in ("aptt_low", "aptt_high"):
        if key in levels and not levels[key].reviewed:
            yield f"rows.levels.{key}.reviewed: when the laboratory set it"


def _site_faults(where: str, site: SiteTarget, bound: Bound) -> Iterable[str]:
    if not bound.lowest <= site.low < site.high <= bound.highest:
        yield f"{where}: {site.low} to {site.high} is no range of {site.test}"
    if not site.source.strip():
        yield f"{where}.source: missing"


MAY_BE_MISSING = ("allergies", "conditions", "procedures")


def _source_faults(file: ProtocolFile) -> Iterable[str]:
    """A source may be declared missing where cards can say so; medicines and results may not."""
    for name, declared in file.sources.items():
        if name not in MAY_BE_MISSING:
            yield f"sources.{name}: only {', '.join(MAY_BE_MISSING)} can be declared missing"
        if not declared.decided_by.strip():
            yield f"sources.{name}.decided_by: who decided it"


def _product_faults(file: ProtocolFile, bounds: Bounds) -> Iterable[str]:
    """A dose divides by the recovery that the product's label states."""
    product = file.options.get("antithrombin_product")
    label = bounds.fixed.get("antithrombin_product", {}).get(str(product))
    row = file.rows.get("antithrombin_dose", {}).get("recovery")
    divides = file.options.get("dose_form") == "divide"
    if divides and label is not None and row is not None and row.value != label.value:
        yield f"rows.antithrombin_dose.recovery.value: {product} has {label.value} on its label"


def _choice_faults(file: ProtocolFile, bounds: Bounds) -> Iterable[str]:
    for option, allowed in bounds.options.items():
        if option not in file.options:
            yield f"options.{option}: missing"
        elif not any(file.options[option] == a for a in allowed):
            yield f"options.{option}: must be one of {', '.join(map(str, allowed))}"
    yield from (f"options.{o}: unknown option" for o in file.options if o not in bounds.options)
    yield from _topic_faults(file)


def _topic_faults(file: ProtocolFile) -> Iterable[str]:
    for topic in TOPICS:
        if file.topics.get(topic) not in ("on", "silent", "off"):
            yield f"topics.{topic}: must be on, silent or off"
    yield from (f"topics.{t}: unknown topic" for t in file.topics if t not in TOPICS)


RISING = (
    ("antithrombin.severe", "antithrombin.low", "antithrombin.normal"),
    ("levels.anti_xa_low", "levels.anti_xa_high", "levels.anti_xa_far"),
    ("levels.aptt_low", "levels.aptt_high", "levels.aptt_far"),
    ("levels.aptt_ratio_low", "levels.aptt_ratio_high", "levels.aptt_ratio_far"),
    ("heparin.high_daily_dose", "heparin.very_high_daily_dose", "heparin.ceiling_daily_dose"),
    ("heparin.standard_rate", "heparin.high_rate"),
    ("heparin.ceiling_stays_rate", "heparin.ceiling_critical_rate"),
    ("switch.bivalirudin_severe_line", "organs.renal_line"),
    ("antithrombin_dose.target", "antithrombin_dose.highest_predicted"),
    ("hit.fall_some", "hit.fall_large"),
    ("bleeding.hemoglobin_risk", "bleeding.hemoglobin_fall"),
    ("bleeding.platelets_critical", "bleeding.platelets_low", "bleeding.platelets_risk"),
    ("hit.nadir_low", "hit.nadir_high"),
    ("hit.onset_first_day", "hit.onset_last_day"),
)


def _order_faults(rows: dict[str, Threshold]) -> Iterable[str]:
    """Lines that must rise: a lower one may not pass the next."""
    for chain in RISING:
        for low, high in pairwise(chain):
            if low in rows and high in rows and rows[low].value > rows[high].value:
                yield f"rows.{low}: {rows[low].value} is above rows.{high}"
