"""What the service must never do: `python -m tests.invariants --charts 10000`.

A chart is made from seeded dice (`charts.py`) that also write down the truth about it; the rules
(`rules.py`) judge the answer by that truth and by the JSON of the cards alone.
"""
