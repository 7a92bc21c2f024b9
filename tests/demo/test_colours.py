"""How urgent a card is can be told without red and green, and read in both schemes.

Simulation: Machado, Oliveira, Fernandes, IEEE Trans Vis Comput Graph 2009;15:1291, severity 1.0.
Contrast: https://www.w3.org/TR/WCAG21/#contrast-minimum (text 4.5) and #non-text-contrast (3).
"""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

import cds_service.demo

STYLES = Path(cds_service.demo.__file__).with_name("static") / "demo.css"
DEUTERANOPIA = (
    (0.367322, 0.860646, -0.227968),
    (0.280085, 0.672501, 0.047413),
    (-0.011820, 0.042940, 0.968881),
)
PROTANOPIA = (
    (0.152286, 1.052583, -0.204868),
    (0.114503, 0.786281, 0.099216),
    (-0.003882, -0.048116, 1.051998),
)
FAR_APART = 25  # CIE 1976; 2.3 is just noticeable
MARKS = ("mark-critical", "mark-warning", "mark-info")
Rgb = tuple[float, ...]


def palette(scheme: str) -> dict[str, str]:
    """The colours of the style sheet by name, as the scheme has them."""
    light, dark = STYLES.read_text(encoding="utf-8").split("@media (prefers-color-scheme: dark)")
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light))
    if scheme == "dark":
        named |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", dark.partition("\n}\n")[0]))
    return named


def linear(colour: str) -> Rgb:
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)


def seen(colour: str, sight: tuple[Rgb, ...]) -> Rgb:
    rgb = linear(colour)
    mixed = (sum(m * c for m, c in zip(row, rgb, strict=True)) for row in sight)
    return tuple(min(1.0, max(0.0, c)) for c in mixed)


def lab(rgb: Rgb) -> Rgb:
    red, green, blue = rgb
    xyz = (
        (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047,
        0.2126 * red + 0.7152 * green + 0.0722 * blue,
        (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883,
    )
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def distance(one: Rgb, other: Rgb) -> float:
    pairs = zip(lab(one), lab(other), strict=True)
    return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)


def contrast(one: str, other: str) -> float:
    light = [
        sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(each), strict=True))
        for each in (one, other)
    ]
    return (max(light) + 0.05) / (min(light) + 0.05)


@pytest.mark.parametrize("sight", [DEUTERANOPIA, PROTANOPIA], ids=["deuteranopia", "protanopia"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_urgencies_are_told_apart_without_red_and_green(
    scheme: str, sight: tuple[Rgb, ...]
) -> None:
    colours = [seen(palette(scheme)[name], sight) for name in MARKS]
    assert min(distance(one, other) for one, other in combinations(colours, 2)) >= FAR_APART


def test_the_measure_finds_colours_that_are_not_told_apart() -> None:
    """A dark red beside a brown: one colour to a deuteranope."""
    colours = [seen(colour, DEUTERANOPIA) for colour in ("#b3201f", "#8f5600")]
    assert distance(*colours) < FAR_APART / 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_and_words_stand_out(scheme: str) -> None:
    named = palette(scheme)
    assert [name for name in MARKS if contrast(named[name], named["panel"]) < 3] == []
    words = {
        "on-critical": "mark-critical",
        "on-warning": "warning-fill",
        "info": "info-wash",
        "critical": "panel",
        "warning": "panel",
        "quiet": "panel",
    }
    assert [text for text, on in words.items() if contrast(named[text], named[on]) < 4.5] == []
