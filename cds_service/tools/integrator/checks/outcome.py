"""One point that was looked at: what, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CheckVerdict = Literal["pass", "FAIL", "skip"]


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """One line of the report."""

    area: str
    what: str
    verdict: CheckVerdict
    note: str = ""

    @property
    def row(self) -> tuple[str, str, str, str]:
        """As a table shows it."""
        return self.area, self.what, self.verdict, self.note


def held(area: str, what: str, holds: bool, note: str = "") -> CheckOutcome:
    """A point that holds or does not."""
    return CheckOutcome(area, what, "pass" if holds else "FAIL", note)


def status(area: str, what: str, got: int, *wanted: int) -> CheckOutcome:
    """A point that is an HTTP status."""
    said = str(got) if got in wanted else f"{got}, should be {' or '.join(map(str, wanted))}"
    return held(area, what, got in wanted, said)


def skipped(area: str, what: str, why: str) -> CheckOutcome:
    """A point that could not be looked at."""
    return CheckOutcome(area, what, "skip", why)
