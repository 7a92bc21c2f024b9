"""Heparin resistance at the point of order: a CDS Hooks service.

Reading order: `advice.py` (the spine), then the three stages it joins, then `service.py` (one
call), then the rooms a call passes through.

    FHIR JSON --chart/--> facts --assessment/--> findings --cards/--> cards

    app -> web -> service -> security, hooks, fhir, advice, ledger

The stages are pure: no clock, environment, file or network. `ARROWS` says which room may import
which; `tests/test_architecture.py` holds it.

Where do I change... a threshold: `assessment/model/protocol.toml`; a word: `cards/wording.toml`;
a code or unit: `chart/concepts.toml`; a rule: `assessment/rules/`, beside `model/review.md`.
"""

ARROWS = {
    # room: what it may import of ours; `a.b` is one module or a room within a room. All but the
    # pure stages may import `errors` and `logs` besides.
    "app": (
        "web", "service", "security", "hooks", "fhir", "advice", "ledger", "outbound", "rulebook",
        "metrics", "settings", "cards.card", "demo", "smart", "tools.explain",
    ),
    "cli": ("serving", "tools", "ledger", "settings"),
    "serving": (
        "app", "settings", "advice", "rulebook", "security.clients", "ledger.database_url",
        "outbound.base_url", "tools.shipped_files",
    ),
    "web": (
        "service", "hooks", "ledger", "cards.due", "outbound", "rulebook", "security.clients",
        "metrics",
    ),
    "service": (
        "security.clients", "hooks", "fhir", "advice", "ledger", "outbound.workload", "metrics",
        "rulebook.practice", "cards.card", "chart.query_result",
    ),
    "security": (
        "outbound", "ledger.database", "ledger.schema", "rulebook.load", "cards.card",
        "cards.wording",
    ),
    "ledger": (
        "hooks", "advice", "rulebook.practice", "cards.card", "cards.due", "assessment.assess",
        "assessment.model", "assessment.recommend.registry",
    ),
    "rulebook": (
        "fhir.queries", "advice", "cards.wording", "assessment.model",
        "assessment.recommend.registry", "chart",
    ),
    "hooks": ("fhir.bundles", "chart", "outbound"),
    "fhir": ("chart", "outbound"),
    "outbound": (),
    "metrics": ("chart.query_result", "cards.due"),
    "settings": ("outbound.base_url", "ledger.database_url"),
    "errors": (),
    "logs": (),
    "advice": ("cards", "assessment", "chart"),
    "cards": ("assessment", "chart"),
    "assessment.assess": (
        "assessment.recommend", "assessment.rules", "assessment.measure", "assessment.model",
        "chart",
    ),
    "assessment.recommend": (
        "assessment.rules", "assessment.measure", "assessment.model", "chart",
    ),
    "assessment.rules": ("assessment.measure", "assessment.model", "chart"),
    "assessment.measure": ("assessment.model", "chart"),
    "assessment.model": ("chart",),
    "chart": (),
    "tools.explain": (
        "advice", "assessment", "cards", "chart", "rulebook", "fhir.queries", "hooks",
        "demo.fixtures", "tools.nearest", "tools.shipped_files", "tools.product", "web.html_pages",
    ),
    "tools": (
        "advice", "assessment", "cards", "chart", "rulebook", "fhir", "hooks", "outbound",
        "serving", "demo.fixtures", "demo.fhir", "demo.markdown", "web.html_pages",
    ),
    "demo": ("settings", "tools.shipped_files"),
    "smart": (
        "advice", "assessment", "cards", "chart", "fhir.prefetch", "fhir.queries",
        "outbound.base_url", "outbound.json_text", "outbound.workload", "tools.explain",
    ),
}  # fmt: skip
