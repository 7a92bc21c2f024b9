"""The pages of the demonstration EHR.

They hold invented patients only and call nothing of the service: the browser does that, over
HTTP, as an EHR would. Nothing is stored; drafts live in the page until it is left.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request

from cds_service.demo.fhir import create_fhir
from cds_service.demo.fixtures import Case, Resource, load_cases, shifted
from cds_service.demo.markdown import to_html
from cds_service.demo.readings import banner, charted_orders, full_name, table_rows
from cds_service.demo.timeline import draw
from cds_service.demo.tracks import load_tracks

if TYPE_CHECKING:
    from cds_service.settings import Settings

FIXTURES = Path(__file__).resolve().parents[2] / "fhir_fixtures"
LONGEST_MARKDOWN = 50_000
WIDTHS = {"wide": 860, "narrow": 350}  # two drawings of one timeline; the style sheet shows one

# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def clock() -> datetime:
    """The present, to the minute: a reload shows the same chart."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def create_demo(
    settings: Settings, fixtures: Path = FIXTURES, now: Callable[[], datetime] = clock
) -> Blueprint:
    """The demonstration EHR at `/` and its FHIR endpoint at `/demo/fhir`."""
    cases = load_cases(fixtures)
    by_name = {case.name: case for case in cases}
    tracks = load_tracks()

    @lru_cache(maxsize=2)
    def present(moment: datetime) -> dict[str, Case]:
        return {name: shifted(case, moment) for name, case in by_name.items()}

    def everything() -> list[Resource]:
        return [entry for case in present(now()).values() for entry in case.resources]

    def chosen(name: str) -> Case:
        return present(now()).get(name) or abort(404)

    demo = Blueprint(
        "demo", __name__, template_folder="templates", static_folder="static",
        static_url_path="/demo/static",
    )  # fmt: skip
    demo.register_blueprint(create_fhir(everything, settings.public_url))

    @demo.get("/")
    def patients() -> str:
        shown = list(present(now()).values())
        return render_template("demo/patients.html", cases=shown, full_name=full_name)

    @demo.get("/demo/patients/<name>")
    def chart(name: str) -> str:
        case = chosen(name)
        drawings = {size: draw(case, tracks, width) for size, width in WIDTHS.items()}
        return render_template(
            "demo/chart.html",
            case=case,
            story=to_html(case.story),
            banner=banner(case, tracks),
            orders=charted_orders(case),
            drawings=drawings,
            rows=table_rows(case, tracks),
            neighbours=_neighbours(list(by_name), name),
            explain="/explain" if _is_served("/explain") else "",
        )

    @demo.get("/demo/patients/<name>/call")
    def call(name: str) -> Response:
        """What the page needs to call the service: the hook, its context, the running order."""
        case = chosen(name)
        weight = banner(case, tracks).weight_kg
        running = next((order.reference for order in charted_orders(case) if order.heparin), None)
        return jsonify(hook=case.hook, request=case.request, weight=weight, runningHeparin=running)

    @demo.post("/demo/markdown")
    def markdown() -> Response:
        text = request.get_data(cache=False, as_text=True)
        if len(text) > LONGEST_MARKDOWN:
            abort(413)
        return Response(to_html(text), mimetype="text/html")

    demo.after_request(_secured)
    return demo


def _secured(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers[name] = value
    return response


def _neighbours(names: list[str], name: str) -> tuple[str | None, str | None]:
    place = names.index(name)
    before = names[place - 1] if place else None
    after = names[place + 1] if place + 1 < len(names) else None
    return before, after


def _is_served(path: str) -> bool:
    return any(rule.rule == path for rule in current_app.url_map.iter_rules())
