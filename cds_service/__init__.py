"""Heparin resistance at the point of order: a CDS Hooks service.

Reading order: `advice.py` (the spine), then the three stages it joins, then the shell.

    FHIR JSON --chart/--> facts --assessment/--> findings --cards/--> cards

Arrows: cards -> assessment -> chart -> the standard library (cards also build FHIR resources
with fhir.resources). The stages are pure: no clock, environment, file or network. `advice` joins
the three. The shell (hooks, web, fhir_server, ledger, cli, replay ...) imports `advice`, never
the reverse. `demo` imports nothing of ours but settings. tests/test_architecture.py holds this.

Where do I change... a threshold: `assessment/protocol.toml`; a word: `cards/wording.toml`;
a code or unit: `chart/concepts.toml`; a rule: `assessment/rules.py`, beside `review.md`.
"""
