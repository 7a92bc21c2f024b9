"""The pages of the demonstration EHR.

They hold invented patients only and call nothing of the service: the browser does that, over
HTTP, as an EHR would. Nothing is stored; drafts live in the page until it is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request

from cds_service.demo.fhir import EARLIER, PRESENT, create_fhir
from cds_service.demo.fixtures import Fixture, Resource, load_cases, shifted
from cds_service.demo.grants import FirstUse, Grants, UsedIds
from cds_service.demo.history import earlier, moments
from cds_service.demo.infusion import medication_name
from cds_service.demo.launcher import LAUNCH, Launcher
from cds_service.demo.markdown import to_html
from cds_service.demo.patient_list import entries
from cds_service.demo.readings import banner, charted_orders, running_rate, table_rows
from cds_service.demo.story import told
from cds_service.demo.timeline import draw, hours_shown
from cds_service.demo.times import clock_time, ward_zone
from cds_service.demo.tracks import Tracks, load_tracks
from cds_service.tools.shipped_files import FIXTURES

if TYPE_CHECKING:
    from cds_service.settings import Settings

LONGEST_MARKDOWN = 50_000
EXPLAIN = "/explain"
NEVER_A_PAGE = ("/cds-services", "/demo/fhir", "/demo/earlier", "/demo/static")
DISCOVERY = "/cds-services"
REVIEW = "/review-as-written"  # the same services by the other protocol
LOOKING_BACK = "/looking-back"  # ... and without a record, for moments of the past
CACHED = 16  # moments kept: the present, and those of one look back
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
    settings: Settings,
    fixtures: Path = FIXTURES,
    now: Callable[[], datetime] = clock,
    first_use: FirstUse | None = None,
) -> Blueprint:
    """The demonstration EHR at `/` and its FHIR endpoint at `/demo/fhir`.

    `first_use` tells whether an id is used for the first time, by whichever worker; without it
    each process keeps its own account.
    """
    ward = Ward(load_cases(fixtures), now)
    pages = Pages(ward, load_tracks(), Path(settings.protocol).stem)
    demo = Blueprint(
        "demo",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/demo/static",
    )
    grants = Grants(first_use or UsedIds().is_first)
    launcher = Launcher(ward.patients, grants, settings.smart_client_id, settings.public_url)
    if settings.smart:
        demo.register_blueprint(launcher.routes())

    def visible(hours_ago: int) -> list[Resource]:
        return launcher.within_token(ward.patients(hours_ago).values())

    for name, prefix in (("fhir", PRESENT), ("earlier", EARLIER)):
        endpoint = create_fhir(name, prefix, visible, settings.public_url, launcher.guard)
        demo.register_blueprint(endpoint)
    demo.add_url_rule("/", "patients", pages.patients)
    demo.add_url_rule("/demo/patients/<name>", "chart", pages.chart)
    demo.add_url_rule("/demo/patients/<name>/call", "call", pages.call)
    demo.add_url_rule("/demo/markdown", "markdown", markdown, methods=["POST"])
    demo.after_request(_secured)
    demo.after_app_request(_page_for_a_wrong_address)
    return demo


class Ward:
    """The patients, always at present, with what was worked out for the last few moments."""

    def __init__(self, cases: Sequence[Fixture], now: Callable[[], datetime]) -> None:
        self._cases = {case.name: case for case in cases}
        self._now = now
        self._at = lru_cache(maxsize=CACHED)(self._moved)
        self._one_at_a_time = Lock()  # parallel queries about a new moment wait for the first

    def patients(self, hours_ago: int = 0) -> Mapping[str, Fixture]:
        """Every case by name, as it was so many hours ago, with that moment as the present."""
        with self._one_at_a_time:
            return self._at(self._now(), hours_ago)

    def _moved(self, moment: datetime, hours_ago: int) -> Mapping[str, Fixture]:
        cases = self._cases.items()
        return {name: shifted(earlier(case, hours_ago), moment) for name, case in cases}


@dataclass(frozen=True, slots=True)
class Pages:
    """What the browser is given."""

    ward: Ward
    tracks: Tracks
    protocol: str  # of the service itself

    def patients(self) -> str:
        """The list to choose from."""
        cases = self.ward.patients().values()
        return render_template("demo/patients.html", entries=entries(cases))

    def chart(self, name: str) -> str:
        """One patient."""
        case = self._chosen(name)
        drawings = {size: draw(case, self.tracks, width) for size, width in WIDTHS.items()}
        return render_template(
            "demo/chart.html",
            story=told(case.story),
            banner=banner(case, self.tracks),
            orders=charted_orders(case),
            drawings=drawings,
            rows=table_rows(case, self.tracks),
            neighbours=_neighbours(list(self.ward.patients()), name),
            protocols=self._protocols(),
            explain=EXPLAIN if _is_served(EXPLAIN) else "",
        )

    def call(self, name: str) -> Response:
        """What the page needs to call the service: the hook, its context, the active orders."""
        case = self._chosen(name)
        orders = charted_orders(case)
        return jsonify(
            hook=case.hook,
            request=case.request,
            moments=self._moments(case),
            names={order.reference: order.name for order in orders} | _medicines(case),
            runningHeparin=next((order.reference for order in orders if order.heparin), None),
            runningRate=running_rate(case, self.tracks),
            lookingBack=LOOKING_BACK if _is_served(LOOKING_BACK + DISCOVERY) else "",
            launch=LAUNCH if _is_served(LAUNCH) else "",
        )

    def _moments(self, case: Fixture) -> list[dict[str, int | str]]:
        """When to look back at, each with its clock time."""
        zone = ward_zone(case)
        back = moments(case, self.tracks.codes, hours_shown(case, self.tracks))
        at = {ago: case.now - timedelta(hours=ago) for ago in back}
        return [{"ago": ago, "at": clock_time(at[ago], case.now, zone)} for ago in back]

    def _protocols(self) -> Mapping[str, str]:
        """By prefix of the services' address; none where there is nothing to choose."""
        name = REVIEW.strip("/")
        if self.protocol == name or not _is_served(REVIEW + DISCOVERY):
            return {}
        return {"": self.protocol, REVIEW: name.replace("-", " ")}

    def _chosen(self, name: str) -> Fixture:
        return self.ward.patients().get(name) or abort(404)


def markdown() -> Response:
    """A card's detail as HTML."""
    text = request.get_data(cache=False, as_text=True)
    if len(text) > LONGEST_MARKDOWN:
        abort(413)
    return Response(to_html(text), mimetype="text/html")


def _secured(response: Response) -> Response:
    for name, value in SECURITY_HEADERS.items():
        response.headers[name] = value
    return response


def _page_for_a_wrong_address(response: Response) -> Response:
    """Whoever looks with a browser gets a page; programs keep the answer made for them."""
    is_page = request.url_rule is None or request.endpoint == "demo.chart"
    wanted = request.accept_mimetypes
    by_a_person = wanted["text/html"] > wanted["application/json"]
    if response.status_code != 404 or not is_page or not by_a_person:
        return response
    if request.method != "GET" or request.path.startswith(NEVER_A_PAGE):
        return response
    return _secured(Response(render_template("demo/wrong_address.html"), 404))


def _medicines(case: Fixture) -> dict[str, str]:
    """Names of the medicines that stand alone, for drafts that refer to them."""
    alone = (one for one in case.resources if one["resourceType"] == "Medication")
    return {
        f"Medication/{one['id']}": medication_name(
            {"medicationCodeableConcept": one.get("code")}, case
        )
        for one in alone
    }


def _neighbours(names: list[str], name: str) -> tuple[str | None, str | None]:
    place = names.index(name)
    before = names[place - 1] if place else None
    after = names[place + 1] if place + 1 < len(names) else None
    return before, after


def _is_served(path: str) -> bool:
    return any(rule.rule == path for rule in current_app.url_map.iter_rules())
