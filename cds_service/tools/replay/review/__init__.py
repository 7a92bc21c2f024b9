"""Chart review: a sample of cards for clinicians to judge, offline, and their answers read back.

sample.py   the cards of a replay -> a seeded sample of each topic
cases.py    a sampled card -> the card and the record of that moment, as pages show them
drawing.py  the record -> where everything of the picture stands
pages.py    cases -> pages that need no network
answers.py  files of answers -> PPV and kappa
command.py  `heparin-cds review`
"""
