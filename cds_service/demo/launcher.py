"""A small SMART launcher over the invented patients, for the one app that this service serves.

EHR launch and standalone launch, authorization code with PKCE (S256), public client. There is
nobody to ask: the demonstration's user approves everything, and who no launch context comes with
chooses a patient. https://hl7.org/fhir/smart-app-launch/app-launch.html
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request

from cds_service.demo.fhir import PRESENT, fhir_outcome
from cds_service.demo.fixtures import Fixture, Resource
from cds_service.demo.grants import SECONDS, Grants
from cds_service.demo.patient_list import entries

APP, APP_LAUNCH = "/smart/", "/smart/launch"  # redirect URI and launch URL, below our own address
LAUNCH, AUTHORIZE, TOKEN = "/demo/launch", "/demo/authorize", "/demo/token"
WELL_KNOWN = f"{PRESENT}/.well-known/smart-configuration"
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # SHA-256, base64url
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")  # RFC 7636, section 4.1
SCOPE = re.compile(r"patient/(\*|[A-Z][A-Za-z]+)\.(read|c?r?u?d?s?)")
CONTEXT_SCOPES = ("launch", "launch/patient")
LONGEST_CONTEXT = 2000

Patients = Callable[[], Mapping[str, Fixture]]


class LaunchRefused(Exception):  # noqa: N818 - it says what happened
    """An OAuth error: its code and what the app is told."""

    def __init__(self, error: str, says: str) -> None:
        super().__init__(says)
        self.told = {"error": error, "error_description": says}


@dataclass(frozen=True, slots=True)
class Launcher:
    """The authorization server of the demonstration EHR."""

    patients: Patients
    grants: Grants
    client_id: str
    public_url: str

    @property
    def address(self) -> str:
        """Our own, as browsers see it."""
        return (self.public_url or request.url_root).rstrip("/")

    @property
    def base(self) -> str:
        """The FHIR base, which is the `iss` of launches and the `aud` of tokens."""
        return self.address + PRESENT

    def routes(self) -> Blueprint:
        """The launcher's addresses."""
        blueprint = Blueprint("launcher", __name__)
        blueprint.add_url_rule(WELL_KNOWN, "configuration", self.configuration)
        blueprint.add_url_rule(LAUNCH, "launch", self.launch)
        blueprint.add_url_rule(AUTHORIZE, "authorize", self.authorize)
        blueprint.add_url_rule(TOKEN, "token", self.token, methods=["POST"])
        return blueprint

    def configuration(self) -> Mapping[str, Any]:
        """https://hl7.org/fhir/smart-app-launch/conformance.html"""
        return {
            "authorization_endpoint": self.address + AUTHORIZE,
            "token_endpoint": self.address + TOKEN,
            "token_endpoint_auth_methods_supported": ["none"],
            "grant_types_supported": ["authorization_code"],
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": [*CONTEXT_SCOPES, "patient/*.rs", "patient/*.read"],
            "capabilities": [
                "launch-ehr", "launch-standalone", "client-public", "permission-patient",
                "permission-v1", "permission-v2", "context-ehr-patient",
                "context-ehr-encounter", "context-standalone-patient",
            ],
        }  # fmt: skip

    def launch(self) -> Any:
        """What a card's link does: the app is opened with a handle for what it is opened for."""
        asked = {name: request.args.get(name, "") for name in ("patient", "encounter")}
        context = request.args.get("appContext", "")
        if request.args.get("app") != self.address + APP_LAUNCH:
            return _page("There is no such app in this EHR.", 404)
        if not self._is_patient(asked["patient"]) or len(context) > LONGEST_CONTEXT:
            return _page("There is no such patient in this EHR.", 404)
        handle = self.grants.issue("launch", {**asked, "appContext": context})
        return redirect(f"{self.address}{APP_LAUNCH}?{urlencode(_launch(self.base, handle))}")

    def authorize(self) -> Any:
        """The authorization endpoint: approves, or asks for a patient first."""
        asked = {name: request.args.get(name, "") for name in request.args}
        repeated = len(asked) < len(list(request.args.items(multi=True)))
        known = asked.get("client_id") == self.client_id
        if repeated or not known or asked.get("redirect_uri") != self.address + APP:
            # Nothing is sent to an address that nobody has registered.
            return _page("The app that asks is not registered here as it says it is.", 400)
        try:
            context = self._context(asked)
        except LaunchRefused as refusal:
            return self._back(asked, refusal.told)
        if context is None:
            return self._choice(asked)
        scope = " ".join(_granted(asked["scope"].split()))
        code = self.grants.issue(
            "code", {**context, "scope": scope, "challenge": asked["code_challenge"]}
        )
        return self._back(asked, {"code": code})

    def _context(self, asked: Mapping[str, str]) -> Mapping[str, Any] | None:
        """For whom and what the app is opened; None where a patient is still to be chosen."""
        _check_request(asked, self.base)
        scopes = asked.get("scope", "").split()
        if "launch" in scopes:
            handle = self.grants.redeem("launch", asked.get("launch", ""))
            if handle is None:
                raise LaunchRefused("invalid_request", "launch is unknown, used or too old")
            return {name: handle[name] for name in ("patient", "encounter", "appContext")}
        if "launch/patient" not in scopes:
            raise LaunchRefused("invalid_scope", "launch or launch/patient is needed")
        chosen = asked.get("patient", "")
        return {"patient": chosen} if self._is_patient(chosen) else None

    def _is_patient(self, id_: str) -> bool:
        return any(case.patient["id"] == id_ for case in self.patients().values())

    def _back(self, asked: Mapping[str, str], told: Mapping[str, str]) -> Any:
        state = {"state": asked["state"]} if asked.get("state") else {}
        return redirect(f"{self.address}{APP}?{urlencode({**told, **state})}")

    def _choice(self, asked: Mapping[str, str]) -> str:
        """A list of patients; each link is the same request with one of them."""
        cases = list(self.patients().values())
        ways = (urlencode({**asked, "patient": case.patient["id"]}) for case in cases)
        choices = list(zip(entries(cases), (f"{AUTHORIZE}?{way}" for way in ways), strict=True))
        return render_template("demo/choose_patient.html", choices=choices)

    def token(self) -> Response:
        """The token endpoint: a code, once, to whom can show what its challenge was made of."""
        try:
            return _uncached(self._exchanged(request.form.to_dict(flat=False)))
        except LaunchRefused as refusal:
            return _uncached(refusal.told, 400)

    def _exchanged(self, form: Mapping[str, list[str]]) -> Mapping[str, Any]:
        asked = {name: values[0] for name, values in form.items()}
        if any(len(values) > 1 for values in form.values()):
            raise LaunchRefused("invalid_request", "a parameter was sent twice")
        if asked.get("grant_type") != "authorization_code":
            raise LaunchRefused("unsupported_grant_type", "only authorization_code")
        if asked.get("client_id") != self.client_id:
            raise LaunchRefused("invalid_client", "client_id is not registered")
        held = self._proven(asked)
        granted = {"patient": held["patient"], "scope": held["scope"]}
        context = {name: held[name] for name in ("encounter", "appContext") if held.get(name)}
        return {
            "access_token": self.grants.issue("token", granted),
            "token_type": "Bearer",
            "expires_in": SECONDS["token"],
            **granted,
            **context,
            "need_patient_banner": True,
        }

    def _proven(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """What a code stands for; it is spent whether or not the rest is right."""
        held = self.grants.redeem("code", asked.get("code", ""))
        if held is None:
            raise LaunchRefused("invalid_grant", "code is unknown, used or too old")
        if asked.get("redirect_uri") != self.address + APP:
            raise LaunchRefused("invalid_grant", "redirect_uri is not that of the code")
        if not _proves(asked.get("code_verifier", ""), held["challenge"]):
            raise LaunchRefused("invalid_grant", "code_verifier is not that of the code")
        return held

    def guard(self) -> Response | None:
        """Before a FHIR request with a token: whose record it opens, and which kinds of resource.

        Without a token the endpoint is open, as it is to the service: the patients are invented.
        """
        g.only_patient = None
        header = request.headers.get("Authorization")
        if header is None:
            return None
        scheme, _, sealed = header.partition(" ")
        held = self.grants.read("token", sealed) if scheme.lower() == "bearer" else None
        if held is None:
            refused = fhir_outcome(401, "login", "The access token is unknown or too old.")
            refused.headers["WWW-Authenticate"] = "Bearer"
            return refused
        g.only_patient = held["patient"]
        values = request.view_args or {}
        kind, right = values.get("kind", ""), "r" if "id_" in values else "s"
        if kind and not _covers(held["scope"].split(), kind, right):
            return fhir_outcome(403, "forbidden", "The scopes of the token do not cover this.")
        return None

    def within_token(self, cases: Iterable[Fixture]) -> list[Resource]:
        """The resources that the request may see: with a token, those of its patient only."""
        only = g.get("only_patient")
        return [
            one
            for case in cases
            if only is None or case.patient["id"] == only
            for one in case.resources
        ]


def _check_request(asked: Mapping[str, str], base: str) -> None:
    if not asked.get("state"):
        raise LaunchRefused("invalid_request", "state is missing")
    if asked.get("response_type") != "code":
        raise LaunchRefused("unsupported_response_type", "only code")
    if asked.get("aud", "").rstrip("/") != base:
        raise LaunchRefused("invalid_request", "aud is not this FHIR server")
    if asked.get("code_challenge_method") != "S256":
        raise LaunchRefused("invalid_request", "code_challenge_method must be S256")
    if not CHALLENGE.fullmatch(asked.get("code_challenge", "")):
        raise LaunchRefused("invalid_request", "code_challenge is none of S256")


def _launch(base: str, handle: str) -> Mapping[str, str]:
    return {"iss": base, "launch": handle}


def _granted(scopes: Iterable[str]) -> list[str]:
    """Of what was asked what there is here; the answer tells the app."""
    return [one for one in scopes if one in CONTEXT_SCOPES or SCOPE.fullmatch(one)]


def _covers(scopes: Iterable[str], kind: str, right: str) -> bool:
    for scope in scopes:
        found = SCOPE.fullmatch(scope)
        if found and found[1] in ("*", kind) and (found[2] == "read" or right in found[2]):
            return True
    return False


def _proves(verifier: str, challenge: str) -> bool:
    """https://www.rfc-editor.org/rfc/rfc7636#section-4.6"""
    if not VERIFIER.fullmatch(verifier):
        return False
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    return hmac.compare_digest(digest.decode().rstrip("="), challenge)


def _page(text: str, status: int) -> tuple[str, int]:
    return render_template("demo/refused.html", text=text), status


def _uncached(body: Mapping[str, Any], status: int = 200) -> Response:
    answer = jsonify(body)
    answer.status_code = status
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["Pragma"] = "no-cache"
    return answer
