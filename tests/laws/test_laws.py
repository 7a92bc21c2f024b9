"""The laws over a smaller number of charts; `make laws` runs 20,000."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from tests.laws.asking import ask
from tests.laws.charts import draw
from tests.laws.laws import LAWS, Law

CHARTS = int(os.environ.get("CDS_LAW_CHARTS", "60"))
FIRST = 700_000


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_no_drawn_chart_breaks_the_law(law: Law) -> None:
    broken = {seed: wrong for seed in range(FIRST, FIRST + CHARTS) if (wrong := list(law(seed)))}

    assert not broken


def test_most_drawn_charts_speak_so_that_silence_would_be_noticed() -> None:
    cards = [ask(draw(seed)) for seed in range(FIRST, FIRST + 100)]

    assert sum(1 for one in cards if one) >= 70


def test_drawn_charts_reach_the_cards_that_offer_a_drug() -> None:
    told = Counter(
        card["source"]["topic"]["code"]
        for seed in range(FIRST, FIRST + 150)
        for card in ask(draw(seed)) or ()
    )

    assert {"antithrombinDose", "anticoagulantSwitch", "antithrombinOverdose"} <= told.keys()
