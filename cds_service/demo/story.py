"""What case.md tells of a patient: the story for everybody, how it is charted for developers."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.demo.markdown import to_html

CHARTING = "Charting:"


@dataclass(frozen=True, slots=True)
class Story:
    """Both parts as HTML that may stand in a page of ours."""

    patient: str
    charting: str  # which habit of recording the case stands for


def told(text: str) -> Story:
    """The paragraphs of a story, told apart by how they begin."""
    paragraphs = text.split("\n\n")
    charting = [one for one in paragraphs if one.startswith(CHARTING)]
    rest = [one for one in paragraphs if not one.startswith(CHARTING)]
    return Story(to_html("\n\n".join(rest)), to_html("\n\n".join(charting)))
