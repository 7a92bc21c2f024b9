"""The table of concepts as FHIR terminology: a CodeSystem, ValueSets and ConceptMaps.

The CodeSystem holds one code for each row of the table (`drugs.heparin`); a ValueSet holds the
codes of one row; a ConceptMap leads from the codes of one kind of rows to the CodeSystem. Codes
that nobody confirmed are in none of them, as the service never matches them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.chart.concepts import Code, Concepts

Resource = dict[str, Any]

PREFIX = "heparin-cds"
COMMENTS = "http://hl7.org/fhir/StructureDefinition/valueset-concept-comments"
REMARKS = {
    "single-source": "confirmed by one public source only",
    "deprecated": "withdrawn by its publisher; still sent by laboratories",
    "site": "local code of the site file",
}
SITE = "site"
KINDS = ("observations", "drugs", "conditions", "allergies", "procedures", "routes")
LISTS = {
    "no_therapy": "heparin that is no treatment: flushes, locks, circuits",
    "not_given": "an administration that was not given",
    "halted": "an administration that was stopped",
    "other_drugs": "drugs that are none of this table",
    "hit_codes": "a reaction to heparin that means HIT or thrombocytopenia",
    "positive": "a positive result",
    "negative": "a negative result",
}


@dataclass(frozen=True, slots=True)
class ExportedCode:
    """One row of the table: its code in our CodeSystem, and the codes that lead to it."""

    kind: str  # "drugs", or "lists"
    code: str  # "drugs.heparin"
    label: str
    codes: tuple[Code, ...]
    except_codes: tuple[Code, ...] = ()
    words: tuple[str, ...] = ()
    except_words: tuple[str, ...] = ()
    unit: str = ""
    family: str = ""

    @property
    def matched(self) -> tuple[Code, ...]:
        """The codes that the service matches."""
        return tuple(code for code in self.codes if code.matched)


def code_rows(concepts: Concepts) -> Iterator[ExportedCode]:
    """Every row of the table that codes can lead to."""
    for kind in KINDS[:-1]:
        for key, row in getattr(concepts, kind).items():
            more = ("except_codes", "words", "except_words", "unit", "family")
            told = {name: getattr(row, name) for name in more if hasattr(row, name)}
            yield ExportedCode(kind, f"{kind}.{key}", row.label, row.codes, **told)
    for key, codes in concepts.routes.items():
        words = tuple(concepts.route_words.get(key, ()))
        yield ExportedCode("routes", f"routes.{key}", f"route: {key}", codes, words=words)
    for key, label in LISTS.items():
        yield ExportedCode("lists", f"lists.{key}", label, getattr(concepts, key))


def terminology_resources(concepts: Concepts, url: str, version: str) -> Iterator[Resource]:
    """All resources; `url` is the base of their canonical addresses, without a last slash."""
    rows = tuple(code_rows(concepts))
    writer = _Writer(concepts, url.rstrip("/"), version)
    yield writer.code_system(rows)
    yield from (writer.value_set(row) for row in rows if row.matched)
    for kind in (*KINDS, "lists"):
        of_kind = [row for row in rows if row.kind == kind]
        for of_site in (False, True):
            if found := writer.concept_map(kind, of_kind, of_site=of_site):
                yield found


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes the resources of one table under one base address."""

    concepts: Concepts
    url: str
    version: str

    def code_system(self, rows: Iterable[ExportedCode]) -> Resource:
        """One code for each row, with the unit we keep results in and the family of a drug."""
        head = self._head("CodeSystem", "concepts", "concepts of the heparin resistance service")
        return head | {
            "caseSensitive": True,
            "content": "complete",
            "property": [
                {"code": "unit", "type": "string", "description": "Results are kept in it."},
                {"code": "family", "type": "string", "description": "Of drugs with one meaning."},
            ],
            "concept": [_concept(row) for row in rows],
        }

    def value_set(self, row: ExportedCode) -> Resource:
        """The codes by which a row is told; the words that also tell it stand in the purpose."""
        head = self._head("ValueSet", slug(row.code), f"{row.label} ({row.kind})")
        compose = {"include": self._includes(row.matched)}
        if barred := [code for code in row.except_codes if code.matched]:
            compose["exclude"] = self._includes(barred)
        return head | {"purpose": _purpose(row), "compose": compose}

    def concept_map(
        self, kind: str, rows: Iterable[ExportedCode], *, of_site: bool
    ) -> Resource | None:
        """From codes to the rows of a kind: the shipped codes, or those of the site file."""
        groups = self._groups(rows, of_site=of_site)
        if not groups:
            return None
        whose = f"codes of {self.concepts.site}" if of_site else "public codes"
        name = f"{SITE}-{kind}" if of_site else kind
        head = self._head("ConceptMap", name, f"{whose} to concepts: {kind}")
        target = f"{self.url}/CodeSystem/{PREFIX}-concepts"
        return head | {
            "group": [
                {"source": system, "target": target, "element": _elements(elements)}
                for system, elements in groups.items()
            ]
        }

    def _groups(
        self, rows: Iterable[ExportedCode], *, of_site: bool
    ) -> dict[str, dict[str, list[str]]]:
        """The rows that each code stands for, by system."""
        groups: dict[str, dict[str, list[str]]] = {}
        for row in rows:
            for code in row.matched:
                if (code.status == SITE) == of_site and not code.prefix:
                    elements = groups.setdefault(self._system(code), {})
                    elements.setdefault(code.code, []).append(row.code)
        return groups

    def _head(self, kind: str, name: str, title: str) -> Resource:
        identity = f"{PREFIX}-{name}"
        of_site = f" With the codes of: {self.concepts.site}." if self.concepts.site else ""
        return {
            "resourceType": kind,
            "id": identity,
            "url": f"{self.url}/{kind}/{identity}",
            "version": self.version,
            "name": "".join(part.title() for part in re.split(r"[^A-Za-z0-9]+", identity)),
            "title": title,
            "status": "active",
            "description": f"{DESCRIPTIONS[kind]}{of_site}",
        }

    def _includes(self, codes: Iterable[Code]) -> list[Resource]:
        """One part per system for the codes, and one for each family of ICD-10-CM codes."""
        by_system: dict[str, list[Resource]] = {}
        families: list[Resource] = []
        for code in codes:
            if code.prefix:
                pattern = f"{re.escape(code.code)}.*"
                chosen = {"property": "code", "op": "regex", "value": pattern}
                families.append({"system": self._system(code), "filter": [chosen]})
            else:
                by_system.setdefault(self._system(code), []).append(_listed(code))
        return [
            *({"system": system, "concept": listed} for system, listed in by_system.items()),
            *families,
        ]

    def _system(self, code: Code) -> str:
        return self.concepts.systems[code.system][0]


DESCRIPTIONS = {
    "CodeSystem": "One code for each concept that the service reads from a record.",
    "ValueSet": "The codes by which the service tells this concept; displays are left to a"
    " terminology server.",
    "ConceptMap": "What each code is read as: a concept of the service is wider than the code."
    " Families of ICD-10-CM codes are no single codes; they stand in the ValueSets.",
}


def _concept(row: ExportedCode) -> Resource:
    told = {"unit": row.unit, "family": row.family}
    properties = [{"code": name, "valueString": value} for name, value in told.items() if value]
    return {"code": row.code, "display": row.label} | (
        {"property": properties} if properties else {}
    )


def _listed(code: Code) -> Resource:
    remark = REMARKS.get(code.status)
    return {"code": code.code} | (
        {"extension": [{"url": COMMENTS, "valueString": remark}]} if remark else {}
    )


def _elements(elements: Mapping[str, list[str]]) -> list[Resource]:
    return [
        {"code": code, "target": [{"code": c, "equivalence": "wider"} for c in dict.fromkeys(rows)]}
        for code, rows in elements.items()
    ]


def _purpose(row: ExportedCode) -> str:
    said = f"Read as `{row.code}`."
    if row.words:
        said += f" Without a code, these whole words tell it too: {', '.join(row.words)}."
    if row.except_words:
        said += f" Not with one of: {', '.join(row.except_words)}."
    return said


def slug(code: str) -> str:
    """A key as ids are written: lower case, with hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", code.lower())
