"""Pages for chart review that need no network: a folder for each topic, a page for each card.

Script and style stand in the page, named by their hashes in its policy; nothing else may load or
run. A page from disk cannot write files: it offers the answers as a download.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cds_service.tools.replay.review.cases import ReviewCase, review_cases
from cds_service.tools.replay.review.sample import Sample, by_topic, sampled, write_cases
from cds_service.tools.replay.shards import Task
from cds_service.tools.replay.titles import topic_title
from cds_service.web.html_pages import csp_hash, page_templates

HERE = Path(__file__).parent
FOLDER = "review"
INDEX = "index.html"
SCRIPT, STYLE = "review.js", "review.css"
_TEMPLATES = page_templates(HERE)


def write_review(task: Task, out: Path, number: int, seed: int) -> int:
    """Write `review/` beside the tables, of the first protocol; says how many cards are in it."""
    protocol = task.rulebooks[0].protocol
    sample = sampled(out, protocol.name, number, seed)
    folder = out / FOLDER
    folder.mkdir(exist_ok=True)
    for earlier in folder.glob("*/*.html"):
        earlier.unlink()
    write_cases(folder, sample.cards)
    cases = {one.sampled.case: one for one in review_cases(task, sample.cards)}
    for topic, cards in by_topic(sample.cards):
        place = folder / topic
        place.mkdir(exist_ok=True)
        those = [cases[card.case] for card in cards]
        _write(place / INDEX, sample, topic, those)
        for one in those:
            _write(place / f"{one.sampled.case}.html", sample, topic, [one])
    return len(sample.cards)


def _write(place: Path, sample: Sample, topic: str, cases: Sequence[ReviewCase]) -> None:
    script, style = (_inlined(name) for name in (SCRIPT, STYLE))
    policy = (
        f"default-src 'none'; script-src '{csp_hash(script)}'; style-src '{csp_hash(style)}';"
        " base-uri 'none'; form-action 'none'"
    )
    page = _TEMPLATES.get_template("review.html").render(
        topic=topic,
        title=topic_title(topic),
        of=sample.of[topic],
        cases=cases,
        script=script,
        style=style,
        policy=policy,
    )  # fmt: skip
    place.write_text(page, encoding="utf-8")


@cache  # the same for every page of a review
def _inlined(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
