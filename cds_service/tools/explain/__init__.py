"""`heparin-cds explain`: the medicine of the service, told from the live tables.

review.py    the review's claims, as review.md numbers them
tables.py    every rule and topic: claims, question, limits, words; what became of each claim
patient.py   one patient, step by step: facts, gates, rules, dose, cards
text.py      both as text
page.py      both tables as one HTML page: a file, or /explain beside the demo
command.py   the command line
"""
