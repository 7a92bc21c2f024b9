"""Reads the tables (TOML) into the frozen shapes the pure stages work with.

Checks everything at start and reports all faults of a file at once, each naming file and key.
What the rows mean is none of its business; what belongs together is.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from cds_service.chart.concepts import Concepts
from cds_service.errors import StartRefused
from cds_service.rulebook.concept_checks import faults_of
from cds_service.rulebook.site_concepts import SiteConcepts, strangers, with_site

CONCEPTS = Path(__file__).parents[1] / "chart" / "concepts.toml"

T = TypeVar("T")


class TableFault(StartRefused):
    """A table cannot be used; every fault is listed as "file: key.path: what"."""


def read_table(path: Path, kind: type[T]) -> T:
    """One TOML file as a frozen dataclass; unknown keys and loose types are faults."""
    _close(kind)
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        # By way of JSON: in strict mode pydantic takes a list for a tuple only there.
        return TypeAdapter(kind).validate_json(json.dumps(document, default=str), strict=True)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableFault([f"{path.name}: {error}"]) from error
    except ValidationError as error:
        raise TableFault(_said(path, fault) for fault in error.errors()) from error


def load_concepts(path: Path = CONCEPTS, site: Path | None = None) -> Concepts:
    """The table of concepts, with a site's own codes if it has a file of them."""
    concepts = read_table(path, Concepts)
    _refuse(path, faults_of(concepts))
    if site is None:
        return concepts
    additions = read_table(site, SiteConcepts)
    _refuse(site, strangers(concepts, additions))
    whole = with_site(concepts, additions)
    _refuse(site, faults_of(whole))
    return whole


def _refuse(path: Path, faults: Iterable[str]) -> None:
    found = [f"{path.name}: {fault}" for fault in faults]
    if found:
        raise TableFault(found)


def _said(path: Path, fault: Mapping[str, Any]) -> str:
    where = ".".join(str(step) for step in fault["loc"])
    return f"{path.name}: {where}: {fault['msg']}"


def _close(kind: Any) -> None:
    """Make every dataclass within a type refuse unknown keys and numbers that are none.

    Set from here, because the pure stages know nothing of pydantic.
    """
    for part in get_args(kind):
        _close(part)
    if isinstance(kind, type) and is_dataclass(kind) and "__pydantic_config__" not in vars(kind):
        with_config(ConfigDict(extra="forbid", allow_inf_nan=False))(kind)
        for hint in get_type_hints(kind).values():
            _close(hint)
