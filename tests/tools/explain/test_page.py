"""The public page of the rules: served to everybody, readable without script, complete, cited."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.topics.topic import Opener, View
from cds_service.assessment.rules.rules import RULES
from cds_service.cli import main
from cds_service.rulebook.load import PROTOCOLS, rulebook
from cds_service.tools.explain.citations import citation_parts, source_table
from cds_service.tools.explain.comparison import card_texts, compare
from cds_service.tools.explain.page import as_html
from cds_service.tools.explain.review import load_review
from tests.cases import FIXTURES, cases, tables
from tests.hospitals import Hospitals
from tests.html_pages import Element, ids, read, unreadable
from tests.service import Service

DATED = re.compile(r"\d{4}-\d{2}-\d{2}")
DEFAULT = PROTOCOLS["default"].read_text(encoding="utf-8")
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def html() -> str:
    return as_html(compare([tables()]))


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    return read(html)


class TestAnchors:
    def test_every_card_rule_and_claim_has_one(self, page: Element) -> None:
        wanted = {*TOPICS, *(f"rule-{name}" for name in RULES), *load_review(), "dose"}
        assert wanted <= ids(page).keys()

    def test_no_anchor_stands_twice(self, page: Element) -> None:
        assert [name for name, count in ids(page).items() if count > 1] == []

    @pytest.mark.parametrize("fixture", sorted(cases()))
    def test_every_card_of_every_patient_is_explained(self, page: Element, fixture: str) -> None:
        cards = json.loads((FIXTURES / fixture / "expected.json").read_text(encoding="utf-8"))
        text = json.dumps(cards)
        topics = {found for found in re.findall(r'"code": "(\w+)"', text) if found in TOPICS}
        cited = set(re.findall(r"\bR\d+\b", text))
        assert topics | cited <= ids(page).keys()

    def test_every_link_within_leads_somewhere(self, page: Element) -> None:
        wanted = {a.attributes["href"] for a in page.all("a")}
        within = {link.removeprefix("#") for link in wanted if link.startswith("#")}
        assert within
        assert within <= ids(page).keys()

    def test_every_link_out_is_whole_and_encrypted(self, page: Element) -> None:
        out = {a.attributes["href"] for a in page.all("a")} - {""}
        out = {link for link in out if not link.startswith("#")}
        assert len(out) > 20
        for link in out:
            url = urlsplit(link)
            assert url.scheme == "https", link
            assert "." in url.netloc, link
            assert not re.search(r"[\s<>\"{}|\\^`]", link), link
            assert url.netloc != "doi.org" or re.fullmatch(r"/10\.\d{4,9}/\S+", url.path), link


class TestNumbers:
    def rows(self, page: Element) -> Iterator[tuple[list[str], Element]]:
        """Each row of each table of numbers, with its table's heads."""
        for table in page.all("table"):
            heads = [th.text for th in next(table.all("thead")).all("th")]
            if "Source" in heads:
                for row in next(table.all("tbody")).all("tr"):
                    yield heads, row

    def test_every_number_has_unit_source_and_date(self, page: Element) -> None:
        found = list(self.rows(page))
        assert len(found) > len(tables().protocol.rows)
        for heads, row in found:
            cells = dict(zip(heads, row.all("th", "td"), strict=True))
            assert re.search(r"[A-Za-z]{2}", cells["Source"].text), row.text
            assert DATED.findall(cells["Reviewed"].text), row.text
            for name in ("default", "review-as-written"):
                assert re.match(r"[\d.,]+( \S+)*$", cells[name].text), row.text

    def test_every_threshold_of_every_shipped_protocol_stands_there(self, page: Element) -> None:
        (section,) = (one for one in page.all("section") if one.attributes["id"] == "numbers")
        told = {}
        for _, row in self.rows(section):
            name, *cells = (cell.text for cell in row.all("th", "td"))
            told[name] = cells
        for place, protocol in enumerate(PROTOCOLS):
            rules = tables(protocol)
            for key, one in rules.protocol.rows.items():
                cells = told[key.replace(".", ": ").replace("_", " ")]
                value, _, unit = cells[place].partition(" ")
                assert float(value.replace(",", "")) == one.value, key
                assert unit == rules.wording.unit(one.unit), key
                assert " ".join(one.source.split()) in " ".join(cells[-2].split()), key
                assert (one.reviewed or rules.protocol.reviewed).isoformat() in cells[-1], key

    def test_a_card_s_numbers_are_those_of_its_row_and_its_rules(self, page: Element) -> None:
        for name, topic in TOPICS.items():
            (section,) = (one for one in page.all("section") if one.attributes["id"] == name)
            told = {next(row.all("th")).text for _, row in self.rows(section)}
            behind = (key for rule in topic.cites.rules for key in RULES[rule].limits)
            wanted = {*topic.cites.limits, *behind}
            assert told == {key.replace(".", ": ").replace("_", " ") for key in wanted}, name

    def test_rows_that_differ_are_marked(self, page: Element) -> None:
        for heads, row in self.rows(page):
            values = [c.text for h, c in zip(heads, row.all("th", "td"), strict=True) if "-" in h]
            first = list(row.all("th", "td"))[heads.index("default")].text
            marked = row.attributes.get("class") == "differs"
            assert marked == (first != values[0]), row.text

    def test_the_dose_stands_side_by_side(self, page: Element) -> None:
        (section,) = (one for one in page.all("section") if one.attributes["id"] == "dose")
        first = next(next(section.all("tbody")).all("tr")).text
        assert first == "70 kg, 50 to 100 % 2,500 IU (36 IU/kg) 100 % 4,900 IU (70 IU/kg) 148 %"
        assert "1.96 times the label's dose" in section.text
        assert "#R44" in {a.attributes["href"] for a in section.all("a")}


class TestProtocols:
    def columns(self, html: str) -> list[list[str]]:
        (section,) = (
            one for one in read(html).all("section") if one.attributes["id"] == "protocols"
        )
        rows = next(section.all("tbody")).all("tr")
        return [[cell.text for cell in row.all("th", "td")] for row in rows]

    def test_both_shipped_ones_stand_there_and_which_is_in_force(self, html: str) -> None:
        assert [(row[0], row[2]) for row in self.columns(html)] == [
            ("default", "in force"),
            ("review-as-written", "for comparison"),
        ]

    def test_a_hospital_s_own_stands_beside_them(self, tmp_path: Path) -> None:
        own = DEFAULT.replace("high_rate = { value = 20,", "high_rate = { value = 21,", 1)
        own = own.replace("Intensive Care Med 2023;49:1005: centres use 20 U/kg/h", EVIL, 1)
        own = own.replace('approver = ""', f'approver = "{EVIL}"', 1)
        (tmp_path / "own.toml").write_text(own, encoding="utf-8")
        html = as_html(compare([rulebook(tmp_path / "own.toml")]))
        rows = self.columns(html)
        assert [row[2] for row in rows] == ["for comparison", "for comparison", "in force"]
        assert rows[2][0] != rows[0][0] == "default"  # though its file still says "default"
        assert rows[2][5] == EVIL
        (row,) = {r.text for r in read(html).all("tr") if r.text.startswith("heparin: high rate ")}
        assert row.startswith("heparin: high rate 20 U/kg/h 20 U/kg/h 21 U/kg/h")
        assert EVIL in row
        assert "<img" not in html

    def test_every_protocol_that_answers_somebody_is_in_force(self, tmp_path: Path) -> None:
        south = DEFAULT.replace('name = "default"', 'name = "south"', 1)
        (tmp_path / "south.toml").write_text(south, encoding="utf-8")
        profiles = {"North": "", "South": 'protocol = "south.toml"'}
        two = Hospitals(tmp_path, profiles, rulebook=None)
        served = two.service.client.get("/explain")
        two.service.close()
        assert [(row[0], row[2]) for row in self.columns(served.text)] == [
            ("default", "in force"),
            ("review-as-written", "for comparison"),
            ("south", "in force"),
        ]


class TestReadable:
    """Without script, with a keyboard, by a screen reader, on paper."""

    def test_it_is_readable(self, html: str) -> None:
        assert list(unreadable(html)) == []

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('lang="en"', ""),
            ("<main>", "<main><script></script>"),
            ("<main>", "<main><img src='x'>"),
            ("<main>", "<main><h1>again</h1>"),
            ("<h3 ", "<h4 "),
            ('aria-label="Parts"', ""),
            (' aria-labelledby="cards-title"', ""),
            ("@media print", "@media screen"),
            ("<caption>Choices that are no numbers</caption>", ""),
            ('<th scope="col">Choice</th>', "<th>Choice</th>"),
            ('<th scope="col">Choice</th>', ""),
            ('id="R2"', 'id="R1"'),
            ('<a href="#cards">Cards</a>', '<a href="#cards"></a>'),
            (
                '<div class="wide" tabindex="0" role="region" aria-label="Protocols">',
                '<div tabindex="0">',
            ),
        ],
    )
    def test_what_would_not_be_is_noticed(self, html: str, old: str, new: str) -> None:
        spoilt = html.replace(old, new)
        if new == "<h4 ":
            spoilt = spoilt.replace("</h3>", "</h4>")
        assert spoilt != html
        assert list(unreadable(spoilt))


class TestServed:
    def test_to_everybody_without_a_token(self, tmp_path: Path, html: str) -> None:
        one = Hospitals(tmp_path, {"North": ""})
        served = one.service.client.get("/explain")
        assert one.service.client.get("/cds-services").status_code == 401
        assert one.service.client.post("/explain").status_code == 405
        one.service.close()
        assert served.status_code == 200
        assert served.mimetype == "text/html"
        assert served.text == html

    def test_under_the_strictest_policy_that_fits(self, tmp_path: Path, page: Element) -> None:
        service = Service(tmp_path)
        head = service.client.get("/explain").headers
        service.close()
        style = "".join(str(part) for part in next(page.all("style")).children)
        digest = b64encode(sha256(style.encode()).digest()).decode()
        rules = dict(
            rule.strip().split(" ", 1) for rule in head["Content-Security-Policy"].split(";")
        )
        assert rules["default-src"] == "'none'"
        assert rules["style-src"] == f"'sha256-{digest}'"
        assert rules["frame-ancestors"] == "'none'"
        assert head["X-Content-Type-Options"] == "nosniff"
        assert head["Referrer-Policy"] == "no-referrer"

    def test_once_an_hour_at_most(self, tmp_path: Path) -> None:
        service = Service(tmp_path)
        first = service.client.get("/explain")
        again = service.client.get("/explain", headers={"If-None-Match": first.headers["ETag"]})
        service.close()
        assert first.headers["Cache-Control"] == "public, max-age=3600"
        assert (again.status_code, again.data) == (304, b"")


class TestFile:
    def test_the_same_page_to_host_elsewhere(self, tmp_path: Path, html: str) -> None:
        for given, file in (
            ("rules.html", "rules.html"),
            ("new/folder", "new/folder/index.html"),
            (".", "index.html"),
        ):
            done = CliRunner().invoke(main, ["explain", "--html", str(tmp_path / given)])
            assert done.exit_code == 0, done.output
            assert done.output == f"Written: {tmp_path / file}\n"
            assert (tmp_path / file).read_text(encoding="utf-8") == html

    def test_a_protocol_of_its_own(self, tmp_path: Path) -> None:
        options = ["--html", str(tmp_path), "--protocol", "review-as-written"]
        assert CliRunner().invoke(main, ["explain", *options]).exit_code == 0
        html = (tmp_path / "index.html").read_text(encoding="utf-8")
        assert [row[2] for row in TestProtocols().columns(html)] == ["for comparison", "in force"]


class TestTables:
    def test_every_card_opener_and_situation_has_words(self) -> None:
        texts = card_texts()
        assert list(texts.cards) == list(TOPICS)
        assert set(texts.openers) == {one.name for one in Opener}
        assert set(texts.views) == {one.name for one in View}

    def test_words_hold_no_threshold(self) -> None:
        for topic, one in card_texts().cards.items():
            told = " ".join((one.title, one.says, one.do, one.cannot))
            assert not re.search(r"\d", re.sub(r"4Ts|PF4|P2Y12", "", told)), topic

    def test_every_source_is_cited(self) -> None:
        cited = {
            part.text
            for protocol in PROTOCOLS
            for row in tables(protocol).protocol.rows.values()
            for part in citation_parts(row.source)
            if part.href
        }
        assert source_table().keys() - cited == set()

    def test_a_citation_keeps_its_words(self) -> None:
        for row in tables().protocol.rows.values():
            assert "".join(part.text for part in citation_parts(row.source)) == row.source

    @pytest.mark.parametrize(
        ("citation", "linked"),
        [
            ("review R8; J Thromb Haemost 2023;21:3649", ["R8", "J Thromb Haemost 2023;21:3649"]),
            ("heparin label nomogram 18 U/kg/h", ["heparin label", "nomogram"]),
            ("4Ts score: day 5-10", ["4Ts score"]),
            ("pump rounding", []),
            ("nomograms", []),
        ],
    )
    def test_the_longest_source_is_linked(self, citation: str, linked: list[str]) -> None:
        assert [part.text for part in citation_parts(citation) if part.href] == linked

    def test_a_review_date_is_a_date(self) -> None:
        for row in compare([tables()]).numbers:
            assert all(date.fromisoformat(one.reviewed) for one in row.citations), row.key
