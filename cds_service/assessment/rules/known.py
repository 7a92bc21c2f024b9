"""What a rule may ask."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assessment.measure.measurements import Measured
from cds_service.assessment.model.verdict import Verdicts


@dataclass(frozen=True, slots=True)
class Known:
    """What was measured, and the verdicts of the rules that stand before this one in RULES."""

    measured: Measured
    verdicts: Verdicts
