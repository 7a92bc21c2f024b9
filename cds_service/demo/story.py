"""What case.md tells of a patient: the story for everybody, how it is charted for developers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cds_service.demo.markdown import to_html

CHARTING = "Charting:"


@dataclass(frozen=True, slots=True)
class Story:
    """Both parts as HTML that may stand in a page of ours."""

    patient: str
    charting: str  # which habit of recording the case stands for


def told(text: str) -> Story:
    """A story's paragraphs, told apart by how they begin; its title is a heading of a part."""
    below_the_page = re.sub(r"^# ", "### ", text, flags=re.MULTILINE)
    paragraphs = below_the_page.split("\n\n")
    charting = [one for one in paragraphs if one.startswith(CHARTING)]
    rest = [one for one in paragraphs if not one.startswith(CHARTING)]
    return Story(to_html("\n\n".join(rest)), to_html("\n\n".join(charting)))
