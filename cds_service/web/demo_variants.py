"""What the demo EHR calls besides the service itself: never there without CDS_DEMO and CDS_OPEN.

/review-as-written      the same services by the review's protocol, to compare
.../looking-back        the same again, without a record: a look back asks about a dozen moments
                        of the past, which nobody was advised at
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cds_service.rulebook.load import PROTOCOLS, load_protocol
from cds_service.rulebook.practice import Practices
from cds_service.service import CdsService

REVIEW = "review-as-written"
LOOKING_BACK = "/looking-back"


def services_beside(cds: CdsService) -> Mapping[str, CdsService]:
    """By prefix of the address: who answers there."""
    protocol = load_protocol(PROTOCOLS[REVIEW])
    own = cds.practices.own
    practice = replace(own, rulebook=replace(own.rulebook, protocol=protocol))
    review = replace(cds, practices=Practices(practice))
    return {
        f"/{REVIEW}": review,
        LOOKING_BACK: replace(cds, recorded=False),
        f"/{REVIEW}{LOOKING_BACK}": replace(review, recorded=False),
    }
