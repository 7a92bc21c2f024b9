"""Which URLs belong to which FHIR server: compared after parsing, by whole path segments.

A caller chooses `fhirServer` and a server chooses its `next` links; neither may lead elsewhere, not
even at a server or proxy that decodes a path twice, drops what follows a `;` or folds characters.
Looks at text only; what a name resolves to is checked when connecting (`http.py`).
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

# What an example leaves to be filled in: "https://<your EHR>/fhir".
PLACEHOLDER = re.compile(r"<[^<>]*>")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SEPARATING = frozenset("/\\;%?#\N{REPLACEMENT CHARACTER}")
_UNSEEN = frozenset({"Cc", "Cf", "Zl", "Zp"})  # control, format, line and paragraph separators
_LOOPBACK_NAMES = ("localhost",)


@dataclass(frozen=True, slots=True)
class Address:
    """A base URL in comparable form."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]

    def holds(self, other: Address) -> bool:
        """Whether the other lies at or below this one."""
        return (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port) and (
            other.path[: len(self.path)] == self.path
        )

    @property
    def origin(self) -> str:
        """Scheme, host and port, as browsers compare them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the host names this very machine."""
        return self.host in _LOOPBACK_NAMES or _is_loopback(self.host)


def parse_address(url: object, *, with_query: bool = False) -> Address | None:
    """The address of an absolute http(s) URL, or None for anything odd in it.

    A base has no query: what is appended to it would be part of that.
    """
    if not isinstance(url, str) or not _is_plain(url, with_query=with_query):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".")
    except ValueError:  # a port or an IPv6 host that cannot be read
        return None
    path = _segments(parts)
    if path is None or not _names_a_host(parts, host):
        return None
    return Address(parts.scheme, host, port or _DEFAULT_PORTS[parts.scheme], path)


def _is_plain(url: str, *, with_query: bool) -> bool:
    """Without blanks, control characters or backslashes, which clients read in different ways."""
    if any(c <= " " or c in "\\\x7f" for c in url):
        return False
    return "#" not in url and (with_query or "?" not in url)


def _names_a_host(parts: SplitResult, host: str) -> bool:
    return parts.scheme in _DEFAULT_PORTS and bool(host) and "@" not in parts.netloc


def next_within(base: str, page: str, link: str) -> str | None:
    """The absolute form of a page's link if it stays on the base, else None."""
    try:
        url = urljoin(page, link)
    except ValueError:
        return None
    home, there = parse_address(base), parse_address(url, with_query=True)
    return url if home and there and home.holds(there) else None


def is_literal(host: str) -> bool:
    """Whether the host is an IP address itself, so that nothing can resolve it elsewhere."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    """Whether an IP literal is a loopback address; names are not resolved."""
    return is_literal(host) and ipaddress.ip_address(host).is_loopback


def is_private(ip: str) -> bool:
    """Whether an IP address is not a public one: private, loopback, link-local, reserved."""
    address = ipaddress.ip_address(ip.split("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global or address.is_multicast


def _segments(parts: SplitResult) -> tuple[str, ...] | None:
    """Path segments without the empty one a final slash leaves; odd ones are refused."""
    segments = tuple(unquote(segment) for segment in parts.path.strip("/").split("/"))
    if any(is_odd(segment) for segment in segments):
        return None
    return segments if segments != ("",) else ()


def is_odd(segment: str) -> bool:
    """Whether some server could read another path in a decoded segment than is written.

    By dots, by what separates or ends a segment, by a second decoding (`%`), by control characters
    and bytes that are no UTF-8, and by characters that fold into one of these (`．` is a dot).
    """
    folded = unicodedata.normalize("NFKC", segment)
    return (
        folded.strip() in (".", "..")
        or any(sign in _SEPARATING for sign in folded)
        or any(unicodedata.category(sign) in _UNSEEN for sign in segment)
    )
