"""What somebody may have meant: the known names that are spelled most like theirs."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

MOST = 3
ALIKE = 0.5  # difflib's measure, 1 for the same word


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """For the end of a message, "; did you mean a or b?"; empty if nothing comes near."""
    by_spelling = {name.casefold(): name for name in known}
    close = get_close_matches(word.casefold(), by_spelling, MOST, ALIKE)
    names = " or ".join(by_spelling[name] for name in close)
    return f"; did you mean {names}?" if names else ""
