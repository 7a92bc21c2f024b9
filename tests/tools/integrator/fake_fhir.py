"""A FHIR server in memory with the habits that real ones differ in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request

Json = dict[str, Any]


@dataclass
class FakeFhir:
    """What is stored, and how the server behaves."""

    held: dict[str, Json] = field(default_factory=dict)
    tag: str = "searched"  # or "ignored", "refused", "never found"
    transactions: bool = True
    forbidden: frozenset[str] = frozenset()  # cannot be deleted: somebody refers to them
    version: str = "4.0.1"
    page: int = 50
    full_after: int = 1000  # transactions
    says_stored: bool = True
    broken_at: str = ""  # "search Patient", "transaction DELETE"
    asked: list[str] = field(default_factory=list)

    def app(self) -> Flask:
        """The server."""
        app = Flask(__name__)
        app.add_url_rule("/fhir/metadata", "metadata", self._metadata)
        app.add_url_rule("/fhir", "transaction", self._transaction, methods=["POST"])
        app.add_url_rule("/fhir/<kind>", "search", self._search)
        app.add_url_rule("/fhir/<kind>/<id_>", "one", self._one, methods=["GET", "DELETE"])
        return app

    def _metadata(self) -> Json:
        return {"resourceType": "CapabilityStatement", "fhirVersion": self.version}

    def _transaction(self) -> Any:
        entries = request.get_json(force=True)["entry"]
        methods = {entry["request"]["method"] for entry in entries}
        self.asked.append(f"transaction {'/'.join(sorted(methods))}")
        if self.asked[-1] == self.broken_at:
            return _outcome(503, "maintenance")
        if sum(1 for one in self.asked if one == "transaction PUT") > self.full_after:
            return _outcome(507, "disk full")
        names = [entry["request"]["url"] for entry in entries]
        if "DELETE" in methods and (not self.transactions or self.forbidden & set(names)):
            return _outcome(422, "transaction refused")
        for entry in entries:
            if entry["request"]["method"] == "PUT":
                self.held[entry["request"]["url"]] = entry["resource"]
            else:
                self.held.pop(entry["request"]["url"], None)
        status = "200 OK" if self.says_stored else "409 Conflict"
        answers = [{"response": {"status": status}} for _ in entries]
        return {"resourceType": "Bundle", "type": "transaction-response", "entry": answers}

    def _search(self, kind: str) -> Any:
        self.asked.append(f"search {kind}")
        if self.asked[-1] == self.broken_at:
            return _outcome(503, "maintenance")
        if self.tag == "refused":
            return _outcome(400, "unknown parameter _tag")
        found = [r for r in self.held.values() if r["resourceType"] == kind]
        if self.tag == "never found":
            found = []
        if self.tag == "searched":
            found = [r for r in found if request.args["_tag"] in _tags(r)]
        start = int(request.args.get("_offset", 0))
        link = []
        if start + self.page < len(found):
            onward = {**request.args, "_offset": start + self.page}
            query = "&".join(f"{key}={value}" for key, value in onward.items())
            link = [{"relation": "next", "url": f"{request.base_url}?{query}"}]
        entry = [{"resource": r} for r in found[start : start + self.page]]
        return {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entry}

    def _one(self, kind: str, id_: str) -> Any:
        name = f"{kind}/{id_}"
        self.asked.append(f"{request.method} {name}")
        if name not in self.held:
            return _outcome(404, "not found")
        if request.method == "GET":
            return self.held[name]
        if name in self.forbidden:
            return _outcome(409, f"{name} is referred to")
        del self.held[name]
        return Response(status=204)


def _tags(resource: Json) -> list[str]:
    tags = resource.get("meta", {}).get("tag", [])
    return [f"{tag.get('system')}|{tag.get('code')}" for tag in tags]


def _outcome(status: int, text: str) -> tuple[Response, int]:
    issue = {"severity": "error", "code": "processing", "diagnostics": text}
    return jsonify({"resourceType": "OperationOutcome", "issue": [issue]}), status
