"""A second opinion on the default protocol, written from the clinical text alone.

How to use it against the service (the runner is not part of this package):

1. take cells: `grid.sample(n, seed)`, `grid.cell_at(i)` or, for all of them, `grid.cells()`;
2. build the chart with `fhir_chart.resources(cell, now)` and the request with
   `fhir_chart.hook_request(cell)`; hand both to the service, with the same `now` as its clock;
3. compare the answer with `oracle.decide(cell)`: findings, expected topics with their indicators
   (before the cut to three), doses and drugs, withheld suggestions, and the topics shown.
   Drop the topics of `oracle.IGNORED` from the service's answer first.

A difference is a question, not a fault: see first whether `oracle.AMBIGUITIES` names it.
Nothing in here imports the service, so a misreading must have been made twice to stay unseen.
"""
