"""How times and words stand in a view: one clock for all of it, and plain text.

Texts made for cards are escaped for markdown; the page puts text into the document as text, so the
escapes are taken out again here.
"""

from __future__ import annotations

import html
from datetime import datetime, tzinfo

from cds_service.assessment.measure.measurements import Measured
from cds_service.chart.fhir_datetime import Stretch, earliest, latest


def clock_of(m: Measured) -> tzinfo | None:
    """The zone of all times of a view: the hospital's, else that of the newest level or rate."""
    if m.case.asked.zone is not None:
        return m.case.asked.zone
    times = [level.drawn for level in m.levels.history if level.drawn is not None]
    times += [one.start for one in m.infusion.segments[-1:]]
    exact = [at for at in times if not isinstance(at, Stretch)]
    return max(exact).tzinfo if exact else m.case.now.tzinfo


def iso(at: datetime, clock: tzinfo | None) -> str:
    """A moment by the clock of the view, to the minute; of a stretch its first moment."""
    return earliest(at).astimezone(clock).isoformat(timespec="minutes")


def stretch(at: datetime, clock: tzinfo | None) -> dict[str, str]:
    """A recorded time: `at`, and where it is not exact `atLatest` and `written`."""
    told = {"at": iso(at, clock)}
    if isinstance(at, Stretch):
        told |= {"atLatest": iso(latest(at), clock), "written": at.written}
    return told


def unescaped(text: str) -> str:
    """A text made for a card, without its escapes."""
    return html.unescape(text)
