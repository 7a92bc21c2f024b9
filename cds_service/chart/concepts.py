"""The table of concepts: which codes, names and units of the outside world mean what to us.

Shapes and look-ups only; the rows stand in `concepts.toml` and are loaded by the shell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

DECIDING = frozenset({"heparinDose", "coagulation", "platelets", "conditions", "allergies"})
"""The facts without which heparin in play cannot be judged; each has a query that brings it."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a code system; `status` says how well it was checked."""

    system: str  # a key of Concepts.systems
    code: str
    status: str = "verified"  # or "single-source", "deprecated", "site"; "unverified": not matched
    prefix: bool = False  # ICD-10-CM families: matches every code that starts so

    @property
    def matched(self) -> bool:
        """Whether it may be used: nobody confirmed an unverified one."""
        return self.status != "unverified"


@dataclass(frozen=True, slots=True)
class ObservationConcept:
    """A laboratory test or measurement: its codes, canonical unit and plausible range."""

    label: str
    query: str  # the query that fetches it
    codes: tuple[Code, ...]
    unit: str = ""  # canonical; empty for qualitative tests
    units: str = ""  # the row of [units] with the accepted spellings
    plausible: tuple[float, float] | None = None
    order_code: str = ""  # LOINC to order it by
    names: tuple[str, ...] = ()  # what laboratories call it: to suggest, never to read by
    else_read_as: str = ""  # another row, whose scale a result is on where its unit is that row's


@dataclass(frozen=True, slots=True)
class DrugConcept:
    """A drug: its family, codes, and the words its products are written with."""

    label: str
    family: str
    codes: tuple[Code, ...]
    words: tuple[str, ...] = ()  # whole words, case-folded
    except_words: tuple[str, ...] = ()
    except_codes: tuple[Code, ...] = ()  # with one of these, no word counts
    measured_in: str = ""  # "iu" or "mass" where a dose in the other would be a mistake


@dataclass(frozen=True, slots=True)
class FindingConcept:
    """A condition, allergy substance or procedure."""

    label: str
    codes: tuple[Code, ...]
    words: tuple[str, ...] = ()
    except_words: tuple[str, ...] = ()
    except_codes: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """One question to the FHIR server; windows are applied by us, never by date tokens."""

    resource: str  # "Observation"
    params: Mapping[str, str]  # without patient and code
    window_hours: float | None = None  # None: no window, every page is followed
    deciding: str = ""  # the fact that cannot be decided without it


@dataclass(frozen=True, slots=True)
class GoalWords:
    """The words and units in which an order states a goal; `word*` may go on."""

    goal: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    action: tuple[str, ...] = ()
    condition: tuple[str, ...] = ()
    intensity: tuple[str, ...] = ()
    anti_xa: tuple[str, ...] = ()
    aptt: tuple[str, ...] = ()
    aptt_ratio: tuple[str, ...] = ()
    act: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    anti_xa_units: tuple[str, ...] = ()
    second_units: tuple[str, ...] = ()
    ratio_units: tuple[str, ...] = ()
    other_units: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    bare_units: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    between_and: tuple[str, ...] = ()
    about: tuple[str, ...] = ()
    anti_xa_range: tuple[float, float] = (0.0, 0.0)
    aptt_range: tuple[float, float] = (0.0, 0.0)
    aptt_ratio_range: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, eq=False)  # one object is one table: look-ups are kept by it
class Concepts:
    """The whole table."""

    systems: Mapping[str, tuple[str, ...]]  # key -> URIs that name it, preferred first
    units: Mapping[str, Mapping[str, float]]  # family -> spelling -> factor to canonical
    observations: Mapping[str, ObservationConcept]
    drugs: Mapping[str, DrugConcept]
    conditions: Mapping[str, FindingConcept]
    allergies: Mapping[str, FindingConcept]
    procedures: Mapping[str, FindingConcept]
    queries: Mapping[str, Query]
    routes: Mapping[str, tuple[Code, ...]]  # Route value -> codes
    route_words: Mapping[str, tuple[str, ...]]
    no_therapy_words: tuple[str, ...]  # flush, lock, circuit, ...
    not_given: tuple[Code, ...] = ()
    not_given_words: tuple[str, ...] = ()
    site: str = ""  # name of the site file merged in
    products: Mapping[str, float] = field(default_factory=dict)  # RxNorm product -> units per mL
    no_therapy: tuple[Code, ...] = ()  # products, methods and categories that are no treatment
    patency_units_per_ml: float = 2.0  # heparin of this strength or weaker keeps a line open
    halted: tuple[Code, ...] = ()  # methods that record a stop
    halted_words: tuple[str, ...] = ()
    infusion_words: tuple[str, ...] = ()
    bag_words: tuple[str, ...] = ()  # a bag was hung: neither a bolus nor a rate
    site_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # infusions apart
    single_words: tuple[str, ...] = ()  # bolus, push
    infusion_minutes: float = 30.0  # a dose given over longer than this is an infusion
    diluents: tuple[str, ...] = ()  # "25,000 units in D5W 250 mL"
    timings: Mapping[str, float] = field(default_factory=dict)  # "BID" -> doses per day
    negations: tuple[str, ...] = ()  # with one of these, the words of a finding do not count
    positive: tuple[Code, ...] = ()
    positive_words: tuple[str, ...] = ()
    negative: tuple[Code, ...] = ()
    hit_words: tuple[str, ...] = ()  # in a heparin allergy: it was HIT, or thrombocytopenia
    hit_codes: tuple[Code, ...] = ()
    negative_words: tuple[str, ...] = ()
    hemolysed_words: tuple[str, ...] = ()  # in the name or a note of a result
    not_hemolysed_words: tuple[str, ...] = ()
    heparinase_words: tuple[str, ...] = ()
    new_words: tuple[str, ...] = ()  # a clot that came or grew although it was treated
    goals: GoalWords = field(default_factory=GoalWords)  # of an infusion, in an order's texts
    other_drugs: tuple[Code, ...] = ()  # known to be none of these
    whole_systems: tuple[str, ...] = ()  # whose drugs of ours all stand in the table

    def order_codes(self) -> Iterable[tuple[str, str]]:
        """Concept and LOINC of every test that can be ordered."""
        return ((k, o.order_code) for k, o in self.observations.items() if o.order_code)
