"""Every claim of the review is accounted for, and nothing is cited that is not there."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from cds_service.assessment.model.verdict import Verdict
from cds_service.assessment.recommend.citations import AS_WRITTEN, FEEDS, PARTS
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.topics.topic import Assessed
from cds_service.assessment.rules.rules import RULES
from cds_service.rulebook.load import BOUNDS
from cds_service.rulebook.toml_table import TableFault
from cds_service.tools.explain.review import REVIEW, STATUSES, Claim, load_review
from cds_service.tools.explain.tables import users
from tests.cases import advice_for, cases, tables
from tests.vignettes import PROTOCOLS

CLAIMS = load_review()
PACKAGE = Path(__file__).parents[1] / "cds_service"
CITING = [
    path
    for pattern in ("assessment/**/*.py", "cards/*.py", "assessment/*.toml", "cards/*.toml")
    for path in sorted(PACKAGE.glob(pattern))
]


def cited() -> dict[str, tuple[str, ...]]:
    """Who cites each claim, by either protocol."""
    by_default, as_written = (users(tables(name).protocol) for name in PROTOCOLS)
    return {n: by_default.get(n, ()) or as_written.get(n, ()) for n in by_default | as_written}


def test_the_numbers_have_no_gap() -> None:
    assert list(CLAIMS) == [f"R{number}" for number in range(1, len(CLAIMS) + 1)]


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.number)
def test_a_claim_is_used_exactly_if_something_rests_on_it(claim: Claim) -> None:
    """`replaced` may be cited where the service does something else, and says why."""
    by = cited().get(claim.number, ())
    if claim.status == "used":
        assert by, "used, but nothing cites it"
    if claim.status == "not computed":
        assert not by, "not computed, yet cited"
    assert bool(claim.reason) is (claim.status != "used")


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.number)
def test_a_claim_says_something(claim: Claim) -> None:
    assert claim.title
    assert claim.text.endswith((".", "?"))
    assert claim.status in STATUSES


@pytest.mark.parametrize("path", CITING, ids=lambda path: path.name)
def test_nothing_cites_a_claim_that_is_not_there(path: Path) -> None:
    named = set(re.findall(r"\bR\d+\b", path.read_text(encoding="utf-8")))
    assert named - CLAIMS.keys() == set()


def test_the_review_refers_only_to_its_own_claims() -> None:
    assert set(re.findall(r"\bR\d+\b", REVIEW.read_text(encoding="utf-8"))) <= CLAIMS.keys()


def test_every_row_that_names_the_review_names_a_claim() -> None:
    for name in PROTOCOLS:
        rows = tables(name).protocol.rows
        nameless = [k for k, r in rows.items() if "review" in r.source and "R" not in r.source]
        assert nameless == []


def test_topics_rest_on_rules_and_rows_that_exist() -> None:
    rows = tables().protocol.rows
    for topic, one in ((name, row.cites) for name, row in TOPICS.items()):
        assert set(one.rules) <= RULES.keys(), topic
        assert set(one.limits) <= rows.keys(), topic
    assert {key for rule in RULES.values() for key in rule.limits} <= rows.keys()


def test_rules_feed_rules_that_come_after_them() -> None:
    order = list(RULES)
    for name, fed in FEEDS.items():
        assert all(order.index(name) < order.index(other) for other in fed), name


@pytest.mark.parametrize("place", PARTS)
def test_every_part_is_code_that_exists(place: str) -> None:
    module, _, name = place.rpartition(".")
    assert hasattr(importlib.import_module(f"cds_service.assessment.{module}"), name)


def test_options_followed_as_written_can_be_set_so() -> None:
    options = tables("review-as-written").protocol.options
    assert {option: value for option, (value, _) in AS_WRITTEN.items()}.items() <= options.items()
    assert BOUNDS.is_file()


@pytest.mark.parametrize(
    "text",
    [
        "## R1 A title\nA text.\n",
        "## R1 A title\nA text.\nStatus: perhaps\n",
        "## A title\nA text.\nStatus: used\n",
        "## R1 A title\n",
    ],
)
def test_a_review_out_of_shape_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "review.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TableFault):
        load_review(path)


class Asked(dict[str, Verdict]):
    """Verdicts that remember which of them a card asked for."""

    def __init__(self, verdicts: Mapping[str, Verdict]) -> None:
        super().__init__(verdicts)
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> Verdict:
        self.names.add(name)
        return super().__getitem__(name)


@pytest.mark.parametrize("name", cases())
def test_a_card_that_waits_for_confirmation_names_it_among_its_rules(name: str) -> None:
    """What opens or holds back a drug may not be missing on the page that a card links to."""
    findings = advice_for(name).findings
    for item in findings.items:
        others = {other.topic: other for other in findings.items if other is not item}
        asked = Asked(findings.verdicts)
        row = TOPICS[item.topic]
        row.ask(Assessed(findings.measured, asked, others))
        decides = asked.names & {"confirmed", "waits"}
        assert decides <= set(row.cites.rules), item.topic
