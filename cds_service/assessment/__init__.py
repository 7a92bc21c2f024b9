"""Stage 2, facts -> findings: model, then measure, then rules, then recommend.

The medicine. Imports the chart, never the cards or the shell; no clock, file or network.
"""
