"""`/ledger`: what became of the cards, for the owner of a protocol. Read-only, off unless set.

HTTP Basic with a key of its own, whatever the user's name: the browser keeps it for as long as it
is open, and there is no session, cookie or form to protect. What is asked without the right key is
refused in one way, so that nothing is told of a wrong one.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from flask import Blueprint, Response, request
from pydantic import SecretStr

from cds_service.cards.due import CardPlace
from cds_service.ledger.database import Ledger
from cds_service.ledger.owner_report import MOST_COMMENTS, OwnerReport, owner_report
from cds_service.logs import log
from cds_service.web.html_pages import csp_hash, page_templates

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "ledger.css").read_text(encoding="utf-8").strip()
POLICY = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src"
    f" '{csp_hash(STYLE)}'"
)
CHALLENGE = 'Basic realm="heparin-cds ledger", charset="UTF-8"'
# A spreadsheet takes a cell that begins with one of these for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Rows = Iterable[Sequence[object]]


def ledger_page_routes(ledger: Ledger, key: SecretStr) -> Blueprint:
    """The page and its tables as CSV; every request needs the key."""
    blueprint = Blueprint("ledger_page", __name__, url_prefix="/ledger")
    wanted = hashlib.sha256(key.get_secret_value().encode()).digest()
    template = page_templates(TEMPLATES).get_template("ledger.html")

    def read() -> OwnerReport:
        with ledger.reading() as connection:
            return owner_report(connection)

    @blueprint.before_request
    def refuse_strangers() -> Response | None:
        given = (request.authorization and request.authorization.password) or ""
        # Hashed first: the time it takes says nothing of the key, not even its length.
        if hmac.compare_digest(hashlib.sha256(given.encode()).digest(), wanted):
            return None
        log().warning("ledger page refused")
        head = {"WWW-Authenticate": CHALLENGE}
        return Response("The key of this page is needed.\n", 401, head, mimetype="text/plain")

    @blueprint.get("")
    def page() -> Response:
        return Response(
            template.render(report=read(), style=STYLE, most=MOST_COMMENTS), mimetype="text/html"
        )

    @blueprint.get("/cards.csv")
    def cards_csv() -> Response:
        return _csv("cards", CARD_HEADS, _card_rows(read()))

    @blueprint.get("/overrides.csv")
    def overrides_csv() -> Response:
        rows = ((r.client, r.topic, r.reason, r.cards) for r in read().reasons)
        return _csv("overrides", ("client", "topic", "reason", "cards"), rows)

    @blueprint.get("/comments.csv")
    def comments_csv() -> Response:
        return _csv("comments", COMMENT_HEADS, _comment_rows(read()))

    @blueprint.after_request
    def secured(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


CARD_HEADS = (
    "client", "topic", "month", "shown", "would_have_been_shown", "no_room", "accepted",
    "overridden",
)  # fmt: skip
COMMENT_HEADS = ("received", "client", "topic", "reason", "comment")


def _card_rows(report: OwnerReport) -> Rows:
    for one in report.counts:
        places = (one.places[place.value] for place in CardPlace)
        outcomes = (one.outcomes["accepted"], one.outcomes["overridden"])
        yield one.client, one.topic, one.month, *places, *outcomes


def _comment_rows(report: OwnerReport) -> Rows:
    for one in report.comments:
        received = one.received.isoformat(timespec="seconds") + "Z"
        yield received, one.client, one.topic, one.reason, one.comment


def _csv(name: str, heads: Sequence[str], rows: Rows) -> Response:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(heads)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    head = {"Content-Disposition": f'attachment; filename="heparin-cds-{name}.csv"'}
    return Response(text.getvalue(), headers=head, mimetype="text/csv")


def harmless(cell: object) -> object:
    """The cell as a spreadsheet shows it and never computes it."""
    if not isinstance(cell, str) or not cell.lstrip(" \u00a0\ufeff").startswith(FORMULA):
        return cell
    return f"'{cell}"
