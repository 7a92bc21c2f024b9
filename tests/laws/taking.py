"""What a chart looks like after a clinician has taken a suggestion."""

from __future__ import annotations

import copy
from typing import Any

from tests.laws.charts import NOW, PATIENT, Chart

Json = dict[str, Any]


def taken(chart: Chart, suggestion: Json) -> Chart:
    """The chart with each action carried out: created orders are drafts of the same session.

    An order is drafted beside the others where the hook has drafts; on patient-view it is signed.
    """
    after = copy.deepcopy(chart)
    for action in suggestion["actions"]:
        _CARRY_OUT[action["type"]](after, action)
    return after


def _entries(chart: Chart) -> list[Json] | None:
    drafts = chart.request["context"].get("draftOrders")
    return None if drafts is None else drafts["entry"]


def _create(chart: Chart, action: Json) -> None:
    resource = copy.deepcopy(action["resource"])
    resource["id"] = f"taken{len(chart.resources)}-{len(_entries(chart) or ())}"
    resource["subject"] = {"reference": f"Patient/{PATIENT}"}
    resource["authoredOn"] = NOW.isoformat()
    entries = _entries(chart)
    if entries is None or resource["resourceType"] == "ServiceRequest":
        resource["status"] = "active"
        chart.resources.append(resource)
    else:
        entries.append({"resource": resource})
        _select(chart, resource)


def _select(chart: Chart, resource: Json) -> None:
    selections = chart.request["context"].get("selections")
    if selections is not None:
        selections.append(f"{resource['resourceType']}/{resource['id']}")


def _update(chart: Chart, action: Json) -> None:
    changed = copy.deepcopy(action["resource"])
    same = (changed["resourceType"], changed["id"])
    for place, one in enumerate(chart.resources):
        if (one["resourceType"], one.get("id")) == same:
            chart.resources[place] = changed


def _delete(chart: Chart, action: Json) -> None:
    context = chart.request["context"]
    named = action["resourceId"]
    entries = _entries(chart) or []
    entries[:] = [e for e in entries if not _is(e["resource"], named)]
    if "selections" in context:
        left = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in entries}
        context["selections"] = [one for one in context["selections"] if one in left]


def _is(resource: Json, named: str) -> bool:
    return named in (resource["id"], f"{resource['resourceType']}/{resource['id']}")


_CARRY_OUT = {"create": _create, "update": _update, "delete": _delete}
