"""Heparin resistance at the point of order: a CDS Hooks service.

Reading order: `advice.py` (the spine), then the three stages it joins, then `service.py` (one
call), then the rooms a call passes through.

    FHIR JSON --chart/--> facts --assessment/--> findings --cards/--> cards

    app -> web -> service -> security, hooks, fhir, advice, ledger

The stages are pure: no clock, environment, file or network. `tests/test_architecture.py` holds the
arrows.

Where do I change... a threshold: `assessment/model/protocol.toml`; a word: `cards/wording.toml`;
a code or unit: `chart/concepts.toml`; a rule: `assessment/rules/`, beside `model/review.md`.
"""
