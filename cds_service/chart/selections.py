"""Which drafts were picked just now: `selections` of order-select, in whatever form they came.

By type and id, relative or absolute, with or without a version, or by the entry's `fullUrl`.
https://cds-hooks.hl7.org/hooks/order-select/STU1/order-select/
"""

from __future__ import annotations

from cds_service.chart.facts import HookContext
from cds_service.chart.fhir_json import Reference, member, place, source, text
from cds_service.chart.query_result import Resource


class Selected:
    """The drafts that count; all of them where no selection names one of the entries."""

    def __init__(self, asked: HookContext) -> None:
        self._urls: dict[int, set[str]] = {}
        for url, resource in asked.full_urls.items():
            self._urls.setdefault(id(resource), set()).add(url)
        self._names = {name for one in asked.selections for name in _forms(one)}
        named = any(self._is_named(resource) for resource in asked.drafts)
        self._all = not named

    def __contains__(self, resource: Resource) -> bool:
        return self._all or self._is_named(resource)

    def _is_named(self, resource: Resource) -> bool:
        own = {source(resource), text(member(resource, "id"))} - {""}
        urls = self._urls.get(id(resource), set())
        return bool(self._names & (own | urls))


def _forms(selection: str) -> set[str]:
    """Every form that an entry may be called by for it."""
    written = text(selection)
    to: Reference = place(written)
    bare = to.id if to.contained or to.base.startswith("urn:") else ""
    return {written, to.url, to.source, bare} - {""}
