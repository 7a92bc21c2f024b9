"""The facts of one patient, measured one by one; `measurements.py` gathers them for the rules."""
