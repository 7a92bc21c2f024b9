"""A FHIR R4 server as an integrator's tool sees it: read, search, transaction, delete.

Any base may be given, by hand, so nothing is allow-listed here; but no redirect is followed, and
no `next` link that leaves the base. The token goes into one header and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Self

import requests

from cds_service.errors import HeparinCdsError
from cds_service.outbound.base_url import next_within, parse_address

Json = dict[str, Any]

SECONDS = 60.0
CONNECT_SECONDS = 4.0  # nobody listens: to be said soon
MOST_PAGES = 2000
LONGEST_NOTE = 300
MEDIA_TYPE = "application/fhir+json"
GONE = (404, 410)


class NotAnswered(HeparinCdsError):  # noqa: N818 - it says what happened
    """A server did not give what was asked; `status` is 0 if it gave no HTTP answer at all."""

    def __init__(self, text: str, status: int = 0) -> None:
        self.status = status
        super().__init__(text)


class Bearer(requests.auth.AuthBase):
    """The token on one request; without a token, nothing: a netrc file is never looked at."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class FhirBase:
    """One FHIR server, with the token it wants."""

    def __init__(self, url: str, token: str = "", seconds: float = SECONDS) -> None:
        address = parse_address(url)
        if address is None or "?" in url or "#" in url:
            raise NotAnswered("The FHIR base must be an http(s) URL without user or query.")
        if not token.isascii() or not token.isprintable() or " " in token:
            raise NotAnswered("The token holds characters that no header can carry.")
        self.url = url.rstrip("/")
        self._token = token
        self._seconds = seconds
        self._session = requests.Session()
        self._session.trust_env = not address.is_loopback  # a proxy cannot reach this machine

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def get(self, relative: str) -> Json:
        """A read or one page of a search."""
        return self._asked("GET", f"{self.url}/{relative}")

    def find(self, relative: str) -> Json | None:
        """A resource, or None if the server has none under this id."""
        try:
            return self.get(relative)
        except NotAnswered as fault:
            if fault.status in GONE:
                return None
            raise

    def search(self, relative: str) -> Iterator[Json]:
        """The matches of a search, page by page."""
        url, seen = f"{self.url}/{relative}", set[str]()
        while url:
            if url in seen or len(seen) >= MOST_PAGES:
                raise NotAnswered("The pages of a search have no end.")
            seen.add(url)
            page = self._asked("GET", url)
            yield from matches(page)
            url = self._next(page, url)

    def transact(self, bundle: Json) -> Json:
        """A transaction: all of it, or nothing."""
        return self._asked("POST", self.url, bundle)

    def delete(self, relative: str) -> None:
        """Remove one resource; one that is gone already is no fault."""
        try:
            self._asked("DELETE", f"{self.url}/{relative}")
        except NotAnswered as fault:
            if fault.status not in GONE:
                raise

    def _next(self, page: Json, url: str) -> str:
        links = (link for link in rows(page.get("link")) if link.get("relation") == "next")
        link = next(links, {}).get("url")
        if not isinstance(link, str):
            return ""
        within = next_within(self.url, url, link)
        if within is None:
            raise NotAnswered("A search goes on at another server: not followed.")
        return within

    def _asked(self, method: str, url: str, body: Json | None = None) -> Json:
        what = f"{method} {url.removeprefix(self.url).lstrip('/').partition('?')[0] or self.url}"
        try:
            response = self._session.request(
                method,
                url,
                data=None if body is None else json.dumps(body).encode(),
                headers=_headers(body),
                auth=Bearer(self._token),
                timeout=(min(CONNECT_SECONDS, self._seconds), self._seconds),
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as error:
            raise NotAnswered(f"{what}: no answer ({type(error).__name__}).") from error
        if not response.ok or response.is_redirect:
            raise NotAnswered(f"{what}: {self._said(response)}", response.status_code)
        return _read(response, what)

    def _said(self, response: requests.Response) -> str:
        """Status and diagnostics, without the token should the server repeat it."""
        if response.is_redirect:
            return f"{response.status_code}, it redirects: give the URL it redirects to"
        text = f"{response.status_code} {response.reason or ''} {diagnostics(response)}".strip()
        return text.replace(self._token, "[token]") if self._token else text


def matches(page: Mapping[str, Any]) -> Iterator[Json]:
    """The resources of a searchset that were searched for: no includes, no warnings."""
    for entry in rows(page.get("entry")):
        search, resource = entry.get("search"), entry.get("resource")
        mode = search.get("mode", "match") if isinstance(search, dict) else "match"
        if mode == "match" and isinstance(resource, dict):
            yield resource


def diagnostics(response: requests.Response) -> str:
    """What the first issues of an OperationOutcome say; empty if the answer is none."""
    try:
        body = response.json()
    except ValueError:
        return ""
    issues = rows(body.get("issue")) if isinstance(body, dict) else []
    told = (issue.get("diagnostics") or _detail(issue) for issue in issues[:3])
    text = "; ".join(str(one) for one in told if one)
    return text if len(text) <= LONGEST_NOTE else f"{text[:LONGEST_NOTE]} ..."


def _detail(issue: Json) -> str:
    details = issue.get("details")
    return str(details.get("text") or "") if isinstance(details, dict) else ""


def _headers(body: Json | None) -> dict[str, str]:
    # Some servers answer a repeated search from the last minute's result.
    headers = {"Accept": MEDIA_TYPE, "Cache-Control": "no-cache"}
    return headers if body is None else headers | {"Content-Type": MEDIA_TYPE}


def _read(response: requests.Response, what: str) -> Json:
    if not response.content:
        return {}
    try:
        body = response.json()
    except ValueError as error:
        raise NotAnswered(f"{what}: the answer is no JSON.", response.status_code) from error
    if not isinstance(body, dict):
        raise NotAnswered(f"{what}: the answer is no FHIR resource.", response.status_code)
    return body


def rows(value: object) -> list[Json]:
    """The objects of a JSON array; none of what is no array."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
