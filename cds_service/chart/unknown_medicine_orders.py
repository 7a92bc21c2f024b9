"""An order or administration of a medicine that cannot be identified: what it says all the same."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class UnidentifiedMedicine:
    """An order, draft or administration of a medicine that cannot be identified from what was sent.

    It might be heparin or any other drug of ours.
    """

    source: str
    start: datetime | None  # of an administration; an order's is when it was written
    end: datetime | None
    open: bool  # an administration without an end, an active order, a draft
    rate: bool  # it runs at a rate, whatever the unit
    weighs: bool  # a rate, a dose in international units, or a dose without a unit
    written: str = ""  # the rate or dose as the record has it
    drafted: bool = False
    selected: bool = True

    @property
    def query(self) -> str:
        """The query that brought it."""
        given = self.source.startswith("MedicationAdministration/")
        return "administrations" if given else "orders"
