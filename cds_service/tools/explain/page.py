"""The rules as one public HTML page: `/explain`, or a file that a hospital hosts elsewhere.

The same bytes either way: the style is in the page, there is no script, and nothing of a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, request

from cds_service.advice import Rulebook
from cds_service.tools.explain.comparison import Comparison, compare
from cds_service.tools.product import product_version
from cds_service.web.html_pages import csp_hash, page_templates

TEMPLATES = Path(__file__).parent / "templates"
STYLE = (TEMPLATES / "explain.css").read_text(encoding="utf-8").strip()
POLICY = (
    f"default-src 'none'; style-src '{csp_hash(STYLE)}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
FRESH_SECONDS = 3600  # the rules change with a restart only


def as_html(compared: Comparison) -> str:
    """The whole page."""
    template = page_templates(TEMPLATES).get_template("explain.html")
    return template.render(page=compared, style=STYLE, version=product_version())


def create_page(in_force: Sequence[Rulebook]) -> Blueprint:
    """`/explain` for everybody: by what the service advises, as it runs."""
    blueprint = Blueprint("explain", __name__)

    @cache  # made for the first who asks: no start waits for it
    def html() -> str:
        return as_html(compare(in_force))

    @blueprint.get("/explain")
    def page() -> Response:
        response = Response(html(), mimetype="text/html")
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
        response.add_etag()
        response.make_conditional(request)
        return response

    return blueprint
