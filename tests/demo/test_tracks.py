"""The bands of the display are those of the default protocol, wherever it has one."""

from __future__ import annotations

import pytest

from cds_service.demo.tracks import Track, load_tracks
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


@pytest.mark.parametrize("track", load_tracks().drawn, ids=lambda track: track.key)
def test_a_band_is_what_the_default_protocol_says(track: Track) -> None:
    rows = tables().protocol.rows
    usual = USUAL.get(track.key, (None, None))
    edges = zip(BANDS[track.key], usual, strict=True)
    assert track.target == tuple(rows[key].value if key else edge for key, edge in edges)
