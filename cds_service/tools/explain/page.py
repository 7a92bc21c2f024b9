"""The explanation as one HTML page: a file that stands alone, or /explain beside the demo.

Served, it brings no script and no inline style, so the strictest policy fits it.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from flask import Blueprint, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cds_service.advice import Rulebook
from cds_service.tools.explain.review import load_review
from cds_service.tools.explain.tables import Explanation, explain_subject
from cds_service.tools.explain.text import QUESTIONS

TEMPLATES = Path(__file__).parent / "templates"
STYLE = TEMPLATES / "explain.css"
POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


def as_file(told: Explanation) -> str:
    """A page with its style in it, to be opened from disk or printed."""
    return _render(told, style=STYLE.read_text(encoding="utf-8"))


def as_page(told: Explanation) -> str:
    """The page as it is served, its style beside it."""
    return _render(told, stylesheet="/explain.css")


def create_page(rules: Rulebook) -> Blueprint:
    """`/explain`: what the service advises by, as it runs."""
    blueprint = Blueprint("explain", __name__)
    told = explain_subject(rules, load_review())
    html, style = as_page(told), STYLE.read_text(encoding="utf-8")

    @blueprint.get("/explain")
    def page() -> Response:
        return Response(html, mimetype="text/html")

    @blueprint.get("/explain.css")
    def css() -> Response:
        return Response(style, mimetype="text/css")

    @blueprint.after_request
    def secured(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return blueprint


def _render(told: Explanation, *, style: str = "", stylesheet: str = "") -> str:
    template = _environment().get_template("explain.html")
    return template.render(told=told, style=style, stylesheet=stylesheet, questions=QUESTIONS)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
