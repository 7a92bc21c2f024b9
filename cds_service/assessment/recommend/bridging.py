"""Warfarin that has taken over: an INR in range on two days ends the bridging by heparin."""

from __future__ import annotations

from cds_service.assessment.model.case import Case


def bridging_ends(case: Case) -> bool:
    """Whether, on warfarin, the last INR of each of the two newest days reaches the line."""
    if not case.active_orders("vka"):
        return False
    line, since = case.protocol["switch.inr_bridged"], case.ago("switch.inr_within")
    last: dict[object, float] = {}
    for result in case.results("inr", since):
        if result.at is not None and result.value is not None and result.comparator in ("", ">"):
            # Newest first: the first of each day is its last.
            last.setdefault(result.at.date(), result.value)
    return len(last) >= _DAYS and all(value >= line for value in list(last.values())[:_DAYS])


_DAYS = 2
