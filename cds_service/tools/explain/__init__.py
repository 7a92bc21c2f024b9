"""`heparin-cds explain`: the medicine of the service, told from the live tables.

review.py    the review's claims, as review.md numbers them
tables.py    every rule and topic: claims, question, limits, words; what became of each claim
patient.py   one patient, step by step: facts, gates, rules, dose, cards
text.py      both as text
citations.py a citation as parts, with links to publications and labels (sources.toml)
numbers.py   thresholds of several protocols side by side
comparison.py   cards (words: cards.toml), rules, doses and claims by several protocols
page.py      the comparison as one public HTML page: /explain, or a file
command.py   the command line
"""
