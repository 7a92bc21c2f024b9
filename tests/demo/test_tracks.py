"""The bands of the display are those of the default protocol, wherever it has one."""

from __future__ import annotations

import pytest

from cds_service.demo.tracks import Track, load_tracks, ward_unit
from tests.cases import tables

# Track -> the thresholds that its band shows; none where the protocol has no such line.
BANDS = {
    "aptt": ("levels.aptt_low", "levels.aptt_high"),
    "antiXa": ("levels.anti_xa_low", "levels.anti_xa_high"),
    "antithrombin": ("antithrombin.normal", None),
    "platelets": (None, None),
}
USUAL = {"antithrombin": (None, 120), "platelets": (150, 400)}  # reference ranges


def test_every_band_is_accounted_for() -> None:
    assert {track.key for track in load_tracks().drawn if track.target} == BANDS.keys()


CONCEPTS = {"antiXa": "anti_xa"}  # where the service's key is another one


@pytest.mark.parametrize(
    "track", [*load_tracks().drawn, load_tracks().weight], ids=lambda track: track.key
)
def test_what_is_flagged_is_what_the_service_refuses(track: Track) -> None:
    concept = tables().concepts.observations[CONCEPTS.get(track.key, track.key)]
    assert track.plausible == concept.plausible


def test_a_rate_is_flagged_where_the_service_refuses_it() -> None:
    rows = tables().protocol.rows
    shown = (load_tracks().highest_rate_per_kg, load_tracks().highest_rate)
    assert shown == (rows["heparin.highest_rate"].value, rows["heparin.highest_units"].value)


@pytest.mark.parametrize(
    ("rate", "weight", "may_be"),
    [
        (7900, 80, True),
        (8100, 80, False),
        (9900, None, True),
        (10100, None, False),
        (-1, 80, False),
    ],
)
def test_a_rate_is_judged_by_weight_where_there_is_one(
    rate: float, weight: float | None, may_be: bool
) -> None:
    assert load_tracks().may_be_true(rate, weight) is may_be


@pytest.mark.parametrize("track", load_tracks().drawn, ids=lambda track: track.key)
def test_a_band_is_what_the_default_protocol_says(track: Track) -> None:
    rows = tables().protocol.rows
    usual = USUAL.get(track.key, (None, None))
    edges = zip(BANDS[track.key], usual, strict=True)
    assert track.target == tuple(rows[key].value if key else edge for key, edge in edges)


@pytest.mark.parametrize(
    ("unit", "written"),
    [
        ("%{activity}", "%"),
        ("[IU]/mL", "IU/mL"),
        ("[USP'U]/mL", "U/mL"),
        ("10*9/L", "10⁹/L"),
        ("x10E3/uL", "x10E3/uL"),
        ("{score}", "(no unit)"),
        ("(no unit)", "(no unit)"),
    ],
)
def test_a_unit_is_written_as_on_a_ward(unit: str, written: str) -> None:
    assert ward_unit(unit) == written
