from __future__ import annotations

from cds_service.demo.story import told


def test_how_a_case_is_charted_stands_apart_from_its_story() -> None:
    story = told("# Ada\n\nShe **bleeds**.\n\nCharting: rates in mL/h; <b>odd</b> codes.")
    assert story.patient == "<h3>Ada</h3>\n<p>She <strong>bleeds</strong>.</p>\n"
    assert story.charting == "<p>Charting: rates in mL/h; &lt;b&gt;odd&lt;/b&gt; codes.</p>\n"


def test_a_story_need_not_say_how_it_is_charted() -> None:
    assert told("Ada bleeds.").charting == ""
