"""Joins settings, tables, sources and routes into the Flask application."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from uuid import uuid4

from flask import Flask, request
from flask_cors import CORS

from cds_service.advice import Rulebook
from cds_service.cards.card import LinkTargets
from cds_service.errors import NotStored, StartRefused
from cds_service.fhir.client import FhirLimits
from cds_service.fhir.retrieval import Retriever
from cds_service.ledger.calls import CallRecorder
from cds_service.ledger.database import Ledger
from cds_service.logs import log, set_up_logs
from cds_service.metrics import Metrics
from cds_service.outbound.base_url import is_literal
from cds_service.outbound.http import FhirHttp
from cds_service.outbound.workload import CallLimits
from cds_service.rulebook.load import warn_when_review_is_due
from cds_service.rulebook.practice import Practices, TableChoice, load_practices, new_practice
from cds_service.security.clients import Client, ClientPolicy, load_clients, open_mode_client
from cds_service.security.jwt import make_verifier
from cds_service.security.used_tokens import SeenTokens
from cds_service.service import RULES_PAGE, CdsService, capabilities
from cds_service.settings import NO_LEDGER_PAGE_KEY, Settings
from cds_service.smart.ehrs import LaunchingEhr
from cds_service.tools.explain.page import create_page
from cds_service.web.demo_variants import services_beside
from cds_service.web.errors import register_error_handlers
from cds_service.web.ledger_page import ledger_page_routes
from cds_service.web.operations import operations_routes
from cds_service.web.request_ids import prepare
from cds_service.web.routes import Authenticate, hook_routes, read_body

_BESIDE_FHIR_SECONDS = 3.0  # of a call, for reading its body and for computing
_LAUNCHES_LAST = timedelta(hours=1)  # longer than any handle or code of the demo's launcher
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_CSP_LOOPBACK = ("localhost", "127.0.0.1")  # a policy cannot name an IPv6 host
_LOOPBACK_ORIGIN = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\Z")


def utc_now() -> datetime:
    """The clock of the running service."""
    return datetime.now(UTC)


def random_id() -> str:
    """A fresh uuid for a card or suggestion."""
    return str(uuid4())


def create_app(
    settings: Settings,
    *,
    rulebook: Rulebook | None = None,
    clock: Callable[[], datetime] = utc_now,
    new_id: Callable[[], str] = random_id,
) -> Flask:
    """The service, ready to be served; refuses to start if a setting or a table is wrong."""
    metrics = Metrics()
    set_up_logs(settings.log_level, metrics.log_line_lost)
    clients = load_clients(settings.clients) if settings.clients else ()
    practices = _practices(settings, clients, rulebook, clock)
    protocols = [one.rulebook.protocol for one in practices.all]
    metrics.answers_by(version("heparin-cds"), {(one.name, one.digest) for one in protocols})
    ledger = _ledger(settings, metrics)
    cds = _cds_service(settings, practices, clients, ledger, metrics, clock, new_id)
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.body_cap + 1  # see web/routes.py
    app.url_map.strict_slashes = False
    app.extensions["ledger"] = ledger  # whoever ends the application closes it
    prepare(app, cds.metrics)
    register_error_handlers(app)
    authenticate = _authenticate(app, settings, clients, cds, clock)
    app.register_blueprint(hook_routes(cds, authenticate, ledger))
    app.register_blueprint(operations_routes(cds, ledger))
    if settings.demo and settings.open:
        for prefix, beside in services_beside(cds).items():
            app.register_blueprint(hook_routes(beside, authenticate, ledger, prefix))
    app.register_blueprint(create_page([one.rulebook for one in practices.all]))
    if settings.ledger_page:
        if settings.ledger_page_key is None:
            raise StartRefused([NO_LEDGER_PAGE_KEY])
        app.register_blueprint(ledger_page_routes(ledger, settings.ledger_page_key))
    if settings.demo:
        from cds_service.demo import create_demo  # its pages are never loaded in production

        app.register_blueprint(create_demo(settings, first_use=_first_use(ledger, clock)))
    if settings.smart:
        _add_smart_app(app, settings, clients, cds)
    _allow_browsers(app, settings)
    return app


def _first_use(ledger: Ledger, clock: Callable[[], datetime]) -> Callable[[str], bool]:
    """Whether an id of the demo's launcher is used for the first time, by whichever worker."""
    seen = SeenTokens(ledger)
    return lambda id_: seen.is_new("demo", id_, clock() + _LAUNCHES_LAST, clock())


def _add_smart_app(
    app: Flask, settings: Settings, clients: tuple[Client, ...], cds: CdsService
) -> None:
    """The app behind a card's link, for the EHRs that the hooks are answered for."""
    from cds_service.smart import SmartApp, create_smart  # most installations do without it

    smart_app = SmartApp(
        ehrs=_launching_ehrs(settings, clients, cds.practices),
        clock=cds.clock,
        limits=cds.limits,
        room=cds.room,
        read_body=read_body,
        rules_page=RULES_PAGE,
        rules_url=settings.rules_url,
        public_url=settings.public_url,
        token_origins=settings.smart_token_origins,
        frame_ancestors=settings.smart_frame_ancestors,
        own_host_too=settings.open,
    )
    app.register_blueprint(create_smart(smart_app))


def _launching_ehrs(
    settings: Settings, clients: tuple[Client, ...], practices: Practices
) -> tuple[LaunchingEhr, ...]:
    """Each EHR by the FHIR bases that it may name, with its own tables and client id."""
    if not settings.open:
        return tuple(
            _launching_ehr(
                one.caller,
                practices,
                one.smart_client_id or settings.smart_client_id,
                tuple(base.origin for base in one.caller.bases),
            )
            for one in clients
        )
    anybody = open_mode_client(settings.fhir_allow)
    hosts = (*_CSP_LOOPBACK, *settings.fhir_allow)
    origins = tuple(f"{scheme}://{host}:*" for host in hosts for scheme in ("http", "https"))
    return (_launching_ehr(anybody, practices, settings.smart_client_id, origins),)


def _launching_ehr(
    caller: ClientPolicy, practices: Practices, client_id: str, origins: tuple[str, ...]
) -> LaunchingEhr:
    practice = practices.of(caller.name)
    return LaunchingEhr(
        name=caller.name,
        address_of=caller.allowed_fhir_server,
        client_id=client_id,
        origins=origins,
        rulebook=practice.rulebook,
        queries=practice.queries,
        zone=practice.zone,
        capabilities=capabilities(caller, LinkTargets()),
    )


def _practices(
    settings: Settings,
    clients: tuple[Client, ...],
    rulebook: Rulebook | None,
    clock: Callable[[], datetime],
) -> Practices:
    """What callers are answered by; tables that are handed in answer everybody."""
    if rulebook is not None:
        return Practices(new_practice(rulebook, settings.concepts, settings.time_zone))
    own = TableChoice(settings.protocol, settings.concepts, settings.time_zone, settings.spelling)
    practices = load_practices(own, clients, review_acknowledged=settings.review_acknowledged)
    for practice in practices.all:
        warn_when_review_is_due(practice.rulebook.protocol, clock().date())
    return practices


def _cds_service(
    settings: Settings,
    practices: Practices,
    clients: tuple[Client, ...],
    ledger: Ledger,
    metrics: Metrics,
    clock: Callable[[], datetime],
    new_id: Callable[[], str],
) -> CdsService:
    retriever = Retriever(
        queries=practices.own.queries,
        http=FhirHttp(_private_hosts(settings, clients)),
        limits=FhirLimits(
            settings.fhir_deadline_seconds, settings.fhir_page_cap, settings.fhir_byte_cap
        ),
    )
    recorder = CallRecorder(ledger, _ledger_key(settings), timedelta(days=settings.retention_days))
    return CdsService(
        practices,
        retriever,
        clock,
        new_id,
        recorder,
        metrics,
        public_url=settings.public_url,
        rules_url=settings.rules_url,
        smart=settings.smart,
        limits=CallLimits(
            settings.fhir_deadline_seconds + _BESIDE_FHIR_SECONDS,
            settings.call_byte_cap,
            settings.call_value_cap,
            settings.call_resource_cap,
        ),
        record_required=settings.ledger_required,
    )


def _ledger_key(settings: Settings) -> bytes:
    """In open mode, without a key, the hashes of one run cannot be matched with the next."""
    if settings.ledger_key is None:
        return secrets.token_bytes(32)
    return settings.ledger_key.get_secret_value().encode()


def _private_hosts(settings: Settings, clients: tuple[Client, ...]) -> frozenset[str]:
    """Hosts that may lie at private addresses: those somebody has named as such."""
    bases = (base for client in clients for base in client.caller.bases)
    literal = (base.host for base in bases if is_literal(base.host) or base.is_loopback)
    loopback = _LOOPBACK_HOSTS if settings.open else frozenset()
    return frozenset(settings.fhir_allow) | frozenset(literal) | loopback


def _authenticate(
    app: Flask,
    settings: Settings,
    clients: tuple[Client, ...],
    cds: CdsService,
    clock: Callable[[], datetime],
) -> Authenticate:
    """Open mode takes anybody; otherwise every call has to prove who makes it."""
    if settings.open:
        caller = open_mode_client(settings.fhir_allow)
        return lambda: caller
    verifier = make_verifier(
        clients, SeenTokens(cds.recorder.ledger), clock, cds.metrics.keys_fetched
    )
    app.extensions["token_verifier"] = verifier  # a worker fetches its keys before it takes calls

    def authenticate() -> ClientPolicy:
        header = request.headers.get("Authorization", "")
        # Tokens are made out to the public URL; behind a proxy we see another one.
        return verifier.verify(header, settings.public_url + request.path)

    return authenticate


def _ledger(settings: Settings, metrics: Metrics) -> Ledger:
    """The database; a start without it is allowed, `/readyz` then says so."""
    ledger = Ledger(settings.database_url, metrics.ledger_failed)
    try:
        ledger.create()
    except NotStored as error:
        log().error("database", problem=str(error))
    ledger.close()  # no connection may be open when the server forks
    return ledger


def _allow_browsers(app: Flask, settings: Settings) -> None:
    """CORS for exactly these origins; preflights are answered before any authentication."""
    origins = [re.compile(re.escape(origin) + r"\Z") for origin in settings.cors_origins]
    CORS(
        app,
        resources=r"/(?!smart(/|\Z)).*",  # the app answers its own page only
        origins=origins + ([_LOOPBACK_ORIGIN] if settings.open else []),
        methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["X-Request-ID"],
        max_age=600,
    )
