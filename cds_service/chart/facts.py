"""What the chart says, as plain values: what reading hands to the assessment.

Times are aware datetimes; one that the record does not fix is a `Stretch` (`fhir_datetime.py`), and
`assessment/model/times.py` is where times are compared. Values are in the concept's canonical unit
(`concepts.toml`). Nothing here decides anything medical, and nothing here reads JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from enum import Enum

from cds_service.chart.goal import NO_GOAL, Goal
from cds_service.chart.query_result import QueryState, Resource
from cds_service.chart.unknown_medicine_orders import UnidentifiedMedicine


class Problem(Enum):
    """Why a result or a dosage carries no usable value."""

    UNIT = "unit"  # missing or not in the table
    IMPLAUSIBLE = "implausible"
    UNREADABLE = "unreadable"  # text, absent, not a number
    UNDATED = "undated"
    SYSTEM = "system"  # its code stands under a misspelt name of a code system
    NO_CONCENTRATION = "noConcentration"  # mL/h of an unknown solution
    TEXT_ONLY = "textOnly"  # a dose that stands only in free text


@dataclass(frozen=True, slots=True)
class Skipped:
    """A resource that was left out, and why; named on the card, never silently dropped."""

    source: str  # "Observation/123"
    reason: str  # "otherPatient", "malformed", "status", ...
    concept: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """One laboratory result or measurement of a known concept."""

    concept: str
    at: datetime | None  # time drawn: effective*, else issued
    source: str
    value: float | None  # canonical unit; None when `problem` says why
    comparator: str = ""  # "", "<", "<=", ">" or ">="
    problem: Problem | None = None
    written: str = ""  # value and unit as the record has them
    label: str = ""  # code text and displays, as the record has them
    code: str = ""
    preliminary: bool = False
    positive: bool | None = None  # qualitative tests: positive, negative, or not said
    issued: datetime | None = None
    hemolysed: bool = False  # the laboratory says so of the sample
    heparinase: bool = False  # measured after heparin was taken away


class Route(Enum):
    INTRAVENOUS = "iv"
    SUBCUTANEOUS = "sc"
    ORAL = "oral"
    OTHER = "other"
    UNKNOWN = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """A dose or rate in a canonical unit.

    `unit` is one of: "[IU]/h", "[IU]/kg/h", "[IU]", "[IU]/kg", "ug/kg/min", "mg/kg/h",
    "ug/min", "mg/h", "mg", "mg/kg", "ug". mL/h has become a drug rate already, or a Problem.
    """

    value: float
    unit: str
    from_text: bool = False  # concentration or dose read from product text
    per_ml: float | None = field(default=None, compare=False)  # strength, where mL were converted


@dataclass(frozen=True, slots=True)
class Dosage:
    """What one order or administration says about how much."""

    rate: Amount | None = None
    dose: Amount | None = None
    doses_per_day: float | None = None
    problem: Problem | None = None
    written: str = ""  # as the record has it, for the card ("1,800 U/h")
    spread: bool = False  # `rate` is the dose over the record's own duration: a mean


@dataclass(frozen=True, slots=True)
class Drug:
    """Which drug a medication is, by code or by name."""

    key: str  # "heparin", "enoxaparin", "antithrombin", ...
    family: str  # "heparin", "lmwh", "oralXa", "dti", ...
    label: str = ""  # as the record has it
    units_per_ml: float | None = None


class Use(Enum):
    """What the drug is given for, as far as route, method, product and text tell."""

    THERAPY = "therapy"
    NO_THERAPY = "noTherapy"  # flush, lock, patency, circuit, prime, dwell, laboratory, theatre


class Form(Enum):
    INFUSION = "infusion"
    SINGLE = "single"  # bolus, injection, tablet
    UNKNOWN = ""


ENDING = frozenset({"stopped", "cancelled", "completed", "entered-in-error"})
"""The states of a draft that ends an order."""


@dataclass(frozen=True, slots=True)
class Administration:
    """One MedicationAdministration of a known drug."""

    drug: Drug
    source: str
    given: bool | None  # False: "not given", by status or by local code; None: not said
    start: datetime | None
    end: datetime | None  # None: open period, point in time, or unread
    point: bool  # a point-in-time record: effectiveDateTime, or a Period of no length
    halted: bool  # a recorded stop or hold
    form: Form
    route: Route
    use: Use
    dosage: Dosage
    request: str = ""  # the order it carries out: "MedicationRequest/abc"
    unread_end: bool = False  # an end is recorded that cannot be one: it is over, or not
    status: str = ""
    site: str = ""  # where it runs to, by a listed word: "impella", "sheath", ...
    bag: bool = False  # charts a bag that was hung: its dose is the bag's content
    bolus: bool = False  # called a bolus or a push in words
    stopped: bool = False  # a stop in words, by code, or a rate of zero; not by status alone


@dataclass(frozen=True, slots=True)
class Order:
    """One MedicationRequest of a known drug, on record or drafted."""

    drug: Drug
    source: str  # "MedicationRequest/abc"
    status: str
    authored: datetime | None
    form: Form
    route: Route
    use: Use
    dosage: Dosage
    resource: Resource  # whole, as needed for an update to "stopped"
    drafted: bool = False
    selected: bool = True  # order-select: whether it was picked just now
    replaces: str = ""  # priorPrescription
    home: bool = False  # a home or community medicine
    intent: str = "order"  # plans and proposals are no orders
    goal: Goal = NO_GOAL  # of a heparin infusion
    begins: datetime | None = None  # the latest of authoredOn, bounds and validity period
    ends: datetime | None = None  # the earliest end of bounds and validity period
    site: str = ""  # where it runs to, by a listed word

    @property
    def begun(self) -> datetime | None:
        """When it takes effect, as far as the record says."""
        return self.begins or self.authored

    @property
    def active(self) -> bool:
        """On record and running."""
        return not self.drafted and self.status == "active"

    @property
    def stops(self) -> bool:
        """A draft that ends an order instead of starting one."""
        return self.drafted and self.status in ENDING


@dataclass(frozen=True, slots=True)
class Condition:
    """One problem, diagnosis or allergy of a known concept."""

    concept: str
    source: str
    active: bool | None  # clinicalStatus; None: none given
    onset: datetime | None
    recorded: datetime | None
    label: str = ""
    code: str = ""
    abated: datetime | None = None
    new: bool = False  # its text says that it came or grew although it was treated


@dataclass(frozen=True, slots=True)
class Procedure:
    """One procedure or device use of a known concept."""

    concept: str
    source: str
    start: datetime | None
    end: datetime | None
    in_progress: bool
    label: str = ""


@dataclass(frozen=True, slots=True)
class TestOrder:
    """One ServiceRequest for a laboratory test of a known concept."""

    concept: str
    source: str
    status: str
    authored: datetime | None
    drafted: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    birth_date: date | None = None
    sex: str = ""  # "male", "female", or "" when neither is said
    birth_unread: bool = False  # a birth date is on record that is no date


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything read, by kind; results newest first, undated ones last."""

    person: Person
    states: Mapping[str, QueryState]
    results: Mapping[str, Sequence[Result]] = field(default_factory=dict)
    administrations: tuple[Administration, ...] = ()
    orders: tuple[Order, ...] = ()
    drafts: tuple[Order, ...] = ()
    conditions: tuple[Condition, ...] = ()
    allergies: tuple[Condition, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    tests: tuple[TestOrder, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    unidentified: tuple[UnidentifiedMedicine, ...] = ()  # drafts among them
    admitted: datetime | None = None  # start of the current encounter, when known

    def of(self, concept: str) -> Sequence[Result]:
        """All results of a concept, newest first."""
        return self.results.get(concept, ())


@dataclass(frozen=True, slots=True)
class HookContext:
    """What the hook call itself says: who, what is drafted, what was picked."""

    hook: str  # "patient-view", "order-select", "order-sign"
    patient_id: str
    drafts: tuple[Resource, ...] = ()  # every entry of draftOrders, Medications too
    selections: frozenset[str] = frozenset()  # "MedicationRequest/abc"
    user: str = ""
    encounter: str = ""
    zone: tzinfo | None = None  # of times that the record gives without one
    full_urls: Mapping[str, Resource] = field(default_factory=dict)  # of the entries of draftOrders
    base: str = ""  # of the FHIR server the call names
