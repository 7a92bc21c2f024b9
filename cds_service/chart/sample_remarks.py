"""What the laboratory notes of a sample: that it is hemolysed, that heparin was taken out of it."""

from __future__ import annotations

from functools import lru_cache

from cds_service.chart.fhir_json import each, member, text
from cds_service.chart.results import ResultRow
from cds_service.chart.vocabulary import Vocabulary, Words, spaced


class SampleRemarks:
    """Reads them in the name of the test, in the notes and in the interpretation beside it."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        concepts = vocabulary.concepts
        self._hemolysed = Words(concepts.hemolysed_words)
        self._not_hemolysed = Words(concepts.not_hemolysed_words)
        self._heparinase = Words(concepts.heparinase_words)
        # A laboratory's few names of tests come thousands of times over. Notes are not kept:
        # those may be about the patient.
        self._in_name = lru_cache(maxsize=4096)(self._in_text)

    def of(self, row: ResultRow, name: str) -> dict[str, bool]:
        """`hemolysed` and `heparinase` of the result in a row, whose test is called `name`."""
        hemolysed, heparinase = self._in_name(name)
        for beside in (*each(row.resource.get("note")), *each(row.node.get("interpretation"))):
            if written := text(member(beside, "text")):
                found = self._in_text(written)
                hemolysed, heparinase = hemolysed or found[0], heparinase or found[1]
        return {"hemolysed": hemolysed, "heparinase": heparinase}

    def _in_text(self, written: str) -> tuple[bool, bool]:
        whole = spaced(written)
        # "not hemolysed" is taken out first, so that it leaves no "hemolysed" behind
        left = self._not_hemolysed.taken_from(whole)
        return self._hemolysed.within(left), self._heparinase.within(whole)
