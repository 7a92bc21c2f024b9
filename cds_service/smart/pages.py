"""The routes of the app, and what browsers are told about them.

The pages hold no patient data; only `/smart/view` answers with any, and only to its own pages. The
token that the EHR gives stays in the browser: no route here takes one.
https://hl7.org/fhir/smart-app-launch/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlsplit

from flask import Blueprint, Response, render_template, request

from cds_service.cards.card import LinkTargets
from cds_service.errors import MalformedRequest, WrongMediaType
from cds_service.outbound.json_text import write_json
from cds_service.outbound.workload import CallLimits, Room, Workload
from cds_service.smart.ehrs import LaunchingEhr, ehr_of, queries_told
from cds_service.smart.view import view_of
from cds_service.smart.view_request import LONGEST_URL, read_view_request
from cds_service.smart.why import Questions, questions_of

ROOM = "/smart"
LONGEST_LAUNCH = 4000  # characters of the EHR's opaque handle


STRANGER = (
    "The FHIR server that the launch names (iss) is none that this service is set up for."
    " Nothing was asked of it."
)


class LaunchUnreadableError(ValueError):
    """A launch that cannot be one; the message is for the page."""


@dataclass(frozen=True, slots=True)
class SmartApp:
    """What the app needs, joined once at start."""

    ehrs: tuple[LaunchingEhr, ...]
    clock: Callable[[], datetime]
    limits: CallLimits
    room: Room  # shared with the hook calls
    read_body: Callable[[Workload], object]  # the JSON of the request, weighed
    rules_page: str  # "/explain": where each card's rule is told in public
    rules_url: str = ""  # of that page, where it is hosted elsewhere
    public_url: str = ""
    token_origins: tuple[str, ...] = ()  # of token endpoints that lie elsewhere than the FHIR base
    frame_ancestors: tuple[str, ...] = ()  # EHRs that may show the app inside a page of theirs
    own_host_too: bool = False  # development: also by the host that the browser asked


def create_smart(app: SmartApp) -> Blueprint:
    """`/smart/launch`, `/smart/`, `/smart/queries`, `/smart/view` and the static files."""
    routes = Routes(app, _questions(app.ehrs))
    smart = Blueprint(
        "smart",
        __name__,
        url_prefix=ROOM,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    smart.add_url_rule("/launch", "launch", routes.launch)
    smart.add_url_rule("/", "page", routes.page)
    smart.add_url_rule("/queries", "queries", routes.queries)
    smart.add_url_rule("/view", "view", routes.view, methods=["POST"])
    smart.after_request(routes.secured)
    return smart


def _questions(ehrs: Iterable[LaunchingEhr]) -> Mapping[str, Questions]:
    """By EHR; worked out once for all that share their tables."""
    by_rulebook: dict[int, Questions] = {}
    for ehr in ehrs:
        if id(ehr.rulebook) not in by_rulebook:
            by_rulebook[id(ehr.rulebook)] = questions_of(ehr.rulebook)
    return {ehr.name: by_rulebook[id(ehr.rulebook)] for ehr in ehrs}


@dataclass(frozen=True, slots=True)
class Routes:
    """The handlers."""

    app: SmartApp
    questions: Mapping[str, Questions]  # by EHR

    def launch(self) -> tuple[str, int]:
        """Where an EHR opens the app: `iss` and `launch`; without `launch` it is standalone."""
        try:
            iss, launch = _launch_asked()
        except LaunchUnreadableError as fault:
            return render_template("smart/refused.html", text=str(fault)), 400
        ehr = ehr_of(self.app.ehrs, iss)
        if ehr is None:
            return render_template("smart/refused.html", text=STRANGER), 403
        return render_template("smart/launch.html", iss=iss, launch=launch, ehr=ehr), 200

    def page(self) -> str:
        """The page that the EHR leads back to; its script does the rest."""
        return render_template("smart/app.html")

    def queries(self) -> Response:
        """What the page has to ask the EHR's FHIR server."""
        ehr = self._ehr(request.args.get("iss", ""))
        return _json({"queries": queries_told(ehr)})

    def view(self) -> Response:
        """The view of one patient, from the body alone."""
        self._check_origin()
        with Workload(self.app.limits, self.app.room) as work:
            if request.mimetype != "application/json":  # others need no preflight
                raise WrongMediaType("The body must be application/json.", "Content-Type")
            asked = read_view_request(self.app.read_body(work))
            ehr = self._linked(self._ehr(asked.iss))
            now = self.app.clock()
            return _json(view_of(asked, ehr, self.questions[ehr.name], now, work))

    def _linked(self, ehr: LaunchingEhr) -> LaunchingEhr:
        """The EHR with cards that link to their rules, as those of a hook call do."""
        address = self.app.public_url or request.host_url.rstrip("/")
        rules = LinkTargets(rules=self.app.rules_url or f"{address}{self.app.rules_page}")
        return replace(ehr, capabilities=replace(ehr.capabilities, targets=rules))

    def _ehr(self, iss: str) -> LaunchingEhr:
        ehr = ehr_of(self.app.ehrs, iss)
        if ehr is None:
            raise MalformedRequest("iss is no FHIR server of this service's EHRs.", "iss")
        return ehr

    def _check_origin(self) -> None:
        """Only pages of this very service: a browser names the origin of every POST."""
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if site != "same-origin" or request.headers.get("Origin") not in self._own_origins():
            raise MalformedRequest("This address answers the app's own page only.", "Origin")

    def _own_origins(self) -> frozenset[str]:
        own = [self.app.public_url] if self.app.public_url else []
        if self.app.own_host_too or not own:
            own.append(request.host_url)
        return frozenset(_origin(url) for url in own)

    def secured(self, response: Response) -> Response:
        """Headers of every answer; the policy lets no script but ours run, and names who is asked.

        https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
        """
        asked = [origin for ehr in self.app.ehrs for origin in ehr.origins]
        connect = " ".join(dict.fromkeys(["'self'", *asked, *self.app.token_origins]))
        ancestors = " ".join(self.app.frame_ancestors) or "'none'"
        response.headers["Content-Security-Policy"] = (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
            f" connect-src {connect}; base-uri 'none'; form-action 'none';"
            f" frame-ancestors {ancestors}"
        )
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.endpoint != "smart.static":
            response.headers["Cache-Control"] = "no-store"
        return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _launch_asked() -> tuple[str, str]:
    """`iss` and `launch` of the request, each once at most."""
    given = {name: request.args.getlist(name) for name in ("iss", "launch")}
    if any(len(values) > 1 for values in given.values()):
        raise LaunchUnreadableError(
            "The launch names its FHIR server or its context more than once."
        )
    iss, launch = ("".join(given[name]) for name in ("iss", "launch"))
    if len(iss) > LONGEST_URL or len(launch) > LONGEST_LAUNCH:
        raise LaunchUnreadableError("The launch is longer than any that this app takes.")
    if not iss:
        raise LaunchUnreadableError(
            "The launch names no FHIR server (iss). Open this page from a patient's chart."
        )
    return iss, launch


def _json(value: object) -> Response:
    return Response(write_json(value), content_type="application/json")
