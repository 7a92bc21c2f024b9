"""Readers' answers, as the pages save them, to how often the cards were right and readers agree.

A case that one reader answered twice counts by the later answer. Cards of one patient are not
independent: an interval rests on the number of patients, the value on the number of cards.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import sqrt
from pathlib import Path

from cds_service.errors import StartRefused
from cds_service.tools.replay.quality import Estimate, Z, share_of_groups
from cds_service.tools.replay.titles import topic_title

ANSWERS = ("agree", "disagree", "unsure")
COLUMNS = ("case", "protocol", "topic", "patient", "reader", "answer", "why", "answered")
MOST_FAULTS = 20
CONSENSUS = "readers at one"
FILE = "review.csv"


@dataclass(frozen=True, slots=True)
class ReviewAnswer:
    """What one reader said of one card."""

    case: str
    topic: str
    patient: str
    reader: str
    answer: str
    why: str
    answered: str


@dataclass(frozen=True, slots=True)
class TopicReview:
    """One topic as one reader judged it, or as all did who agreed."""

    topic: str
    reader: str
    counts: Mapping[str, int]  # by answer
    split: int  # cards on which readers differ; of a single reader none
    ppv: Estimate  # of the cards that were agreed or disagreed with


@dataclass(frozen=True, slots=True)
class ReaderAgreement:
    """Two readers on the cards of a topic that both answered."""

    topic: str
    readers: tuple[str, str]
    same: int
    kappa: Estimate  # Cohen's, over the three answers


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the answers come to."""

    topics: tuple[TopicReview, ...]
    agreements: tuple[ReaderAgreement, ...]


def read_answers(files: Iterable[Path]) -> tuple[ReviewAnswer, ...]:
    """The answers of some files, one for each reader and case; every faulty line is named."""
    newest: dict[tuple[str, str], ReviewAnswer] = {}
    faults: list[str] = []
    for file in files:
        for number, row in _rows(file):
            fault = _fault(row)
            if fault:
                faults.append(f"{file.name}: line {number}: {fault}")
                continue
            one = ReviewAnswer(**{name: row[name] for name in ReviewAnswer.__slots__})
            key = (one.reader, one.case)
            if key not in newest or newest[key].answered <= one.answered:
                newest[key] = one
    if faults:
        raise StartRefused(faults[:MOST_FAULTS])
    return tuple(newest.values())


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.DictReader(opened, restval="")
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise StartRefused([f"{file.name}: no answers: no column {', '.join(missing)}"])
            for row in reader:
                yield reader.line_num, row
    except (UnicodeDecodeError, csv.Error) as fault:
        raise StartRefused([f"{file.name}: no answers: it is no CSV text"]) from fault


def _fault(row: Mapping[str, str]) -> str:
    if row["answer"] not in ANSWERS:
        return f"the answer is none of {', '.join(ANSWERS)}"
    empty = [name for name in ("case", "topic", "patient", "reader") if not row[name].strip()]
    return f"no {empty[0]}" if empty else ""


def reviewed(answers: Iterable[ReviewAnswer]) -> Reviewed:
    """Each topic by each reader, by all together where there are several, and their kappa."""
    topics: dict[str, dict[str, dict[str, ReviewAnswer]]] = defaultdict(lambda: defaultdict(dict))
    for one in answers:
        topics[one.topic][one.reader][one.case] = one
    rows, agreements = list[TopicReview](), list[ReaderAgreement]()
    for topic, readers in sorted(topics.items()):
        rows += [_by_one(topic, name, given.values()) for name, given in sorted(readers.items())]
        if len(readers) > 1:
            rows.append(_together(topic, readers.values()))
        for first, second in combinations(sorted(readers), 2):
            agreements.append(_agreement(topic, (first, second), readers))
    return Reviewed(tuple(rows), tuple(agreements))


def _by_one(topic: str, reader: str, given: Iterable[ReviewAnswer], split: int = 0) -> TopicReview:
    told = tuple(given)
    counts = Counter(one.answer for one in told)
    judged = [one for one in told if one.answer != "unsure"]
    patients = {one.patient for one in judged}
    ppv = share_of_groups(counts["agree"], len(judged), len(patients))
    return TopicReview(topic, reader, {name: counts[name] for name in ANSWERS}, split, ppv)


def _together(topic: str, readers: Iterable[Mapping[str, ReviewAnswer]]) -> TopicReview:
    """The cards that several answered alike; those on which they differ are counted apart."""
    of: dict[str, list[ReviewAnswer]] = defaultdict(list)
    for given in readers:
        for case, one in given.items():
            of[case].append(one)
    several = [told for told in of.values() if len(told) > 1]
    alike = [told[0] for told in several if len({one.answer for one in told}) == 1]
    return _by_one(topic, CONSENSUS, alike, split=len(several) - len(alike))


def _agreement(
    topic: str, pair: tuple[str, str], readers: Mapping[str, Mapping[str, ReviewAnswer]]
) -> ReaderAgreement:
    first, second = (readers[name] for name in pair)
    both = [(first[case].answer, second[case].answer) for case in sorted(first.keys() & second)]
    return ReaderAgreement(topic, pair, sum(a == b for a, b in both), kappa(both))


def kappa(pairs: Iterable[tuple[str, str]]) -> Estimate:
    """Cohen's kappa with its interval; none where both gave one and the same answer throughout."""
    told = tuple(pairs)
    n = len(told)
    if not n:
        return Estimate(None, None, None, 0)
    same = sum(a == b for a, b in told) / n
    first, second = Counter(a for a, _ in told), Counter(b for _, b in told)
    chance = sum(first[name] * second[name] for name in first) / n**2
    if chance == 1:
        return Estimate(None, None, None, n)
    value = (same - chance) / (1 - chance)
    half = Z * sqrt(same * (1 - same) / n) / (1 - chance)
    return Estimate(value, max(value - half, -1.0), min(value + half, 1.0), n)


# --- the table ---------------------------------------------------------------------------------

FIGURES = ("topic", "title", "reader", *ANSWERS, "split", "ppv", "ppv_low", "ppv_high", "ppv_count")
AGREEMENT = ("kappa", "kappa_low", "kappa_high", "kappa_count")


def write_reviewed(place: Path, found: Reviewed) -> None:
    """Write a CSV file: a row for each topic and reader, and one for each pair with its kappa."""
    with place.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*FIGURES, *AGREEMENT))
        for row in found.topics:
            counts = [row.counts[name] for name in ANSWERS]
            cells = [
                row.topic,
                topic_title(row.topic),
                row.reader,
                *counts,
                row.split,
                *_cells(row.ppv),
            ]
            writer.writerow([*cells, *[""] * len(AGREEMENT)])
        for pair in found.agreements:
            blank = [""] * (len(FIGURES) - 3)
            named = (pair.topic, topic_title(pair.topic))
            writer.writerow([*named, " / ".join(pair.readers), *blank, *_cells(pair.kappa)])


def _cells(one: Estimate) -> list[object]:
    numbers = (one.value, one.low, one.high)
    return [*("" if n is None else f"{n:.3f}" for n in numbers), one.count]
