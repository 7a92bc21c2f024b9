"""Which code system a URI names: as it is published, or nearly so.

An official OID is the system, however it is written. What is only near, as `https://loinc.org`,
is not read as the system: whoever uses it is told so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_OID = re.compile(r"(?:urn:oid:|oid:)?([0-2](?:\.\d+){3,})", re.IGNORECASE)
_SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*:(?://)?(?:www\.)?")
_UNNAMED = "loinc"  # whose codes, with their check digit, are hardly anything else without a system


class Systems:
    """Looks up keys of code systems by URI."""

    def __init__(self, uris: Mapping[str, tuple[str, ...]]) -> None:
        self._exact = {uri: key for key, names in uris.items() for uri in names if uri}
        self._near = {_folded(uri): key for uri, key in self._exact.items()}
        self._near |= {key: key for key in uris}
        # The same few systems come thousands of times over.
        self.known = lru_cache(maxsize=1024)(self._known)

    def _known(self, uri: str) -> str:
        """The key of the system that a URI is a published name of, or nothing."""
        written = uri.strip().rstrip("/")
        oid = _OID.fullmatch(written)
        return self._exact.get(f"urn:oid:{oid[1]}" if oid else written, "")

    def nearly(self, uri: str) -> str:
        """The key of the system that a URI must be meant to name; nothing if it does name one."""
        if self.known(uri):
            return ""
        folded = _folded(uri)
        if not folded:
            return _UNNAMED if _UNNAMED in self._near else ""
        parents = folded.split("/")
        starts = ("/".join(parents[:depth]) for depth in range(len(parents), 0, -1))
        return next((self._near[start] for start in starts if start in self._near), "")


def _folded(uri: str) -> str:
    """Without scheme, "www.", version, case, blanks and slashes at the end."""
    bare = _SCHEME.sub("", uri.strip().lower().partition("|")[0])
    return bare.rstrip("/#").strip()
