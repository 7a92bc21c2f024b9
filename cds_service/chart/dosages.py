"""How much: the dose, the rate and how often, from one Dosage element.

Orders write it as `doseAndRate` in R4, as a bare `doseQuantity` in R3, and as text anywhere;
administrations as `dose` and `rate[x]`. Ranges and contradictions are not read.
https://hl7.org/fhir/R4/dosage.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from cds_service.chart.concentrations import Concentration
from cds_service.chart.facts import Amount, Dosage, Problem
from cds_service.chart.fhir_datetime import Period
from cds_service.chart.fhir_json import codings, each, member, text, texts, written
from cds_service.chart.units import Quantity, Unit, Units, read_quantity, rounded

_NAMES = {  # kind, per kg, per hour, in micrograms -> unit of Amount and factor to it
    ("iu", False, True, False): ("[IU]/h", 1.0),
    ("iu", True, True, False): ("[IU]/kg/h", 1.0),
    ("iu", False, False, False): ("[IU]", 1.0),
    ("iu", True, False, False): ("[IU]/kg", 1.0),
    ("mass", False, True, False): ("mg/h", 1.0),
    ("mass", True, True, False): ("mg/kg/h", 1.0),
    ("mass", False, False, False): ("mg", 1.0),
    ("mass", True, False, False): ("mg/kg", 1.0),
    ("mass", False, True, True): ("ug/min", 1000.0 / 60.0),
    ("mass", True, True, True): ("ug/kg/min", 1000.0 / 60.0),
    ("mass", False, False, True): ("ug", 1000.0),
    ("mass", True, False, True): ("mg/kg", 1.0),
}

ParsedAmount = Amount | Problem
_Measure = tuple[Quantity, Unit | None]


class DosageReader:
    """Reads dosages with one table of units and of abbreviations for how often."""

    def __init__(self, units: Units, timings: Mapping[str, float]) -> None:
        self._units = units
        self._timings = {code.upper(): per_day for code, per_day in timings.items()}

    def of_order(
        self, instructions: object, measured_in: str, concentration: Concentration | None
    ) -> Dosage:
        """All instructions of an order taken together; one with a rate goes before those
        without.
        """
        read = [self._instruction(node, measured_in, concentration) for node in each(instructions)]
        with_rate = [one for one in read if one.rate]
        if with_rate:
            same = len({one.rate for one in with_rate}) == 1
            return with_rate[0] if same else _contradiction(with_rate)
        return _together(read)

    def of_administration(
        self, node: object, measured_in: str, concentration: Concentration | None, period: Period
    ) -> Dosage:
        """What was given; a dose over a period, without a rate, becomes a mean rate (`spread`)."""
        dosage = next(iter(each(node)), None)
        read = self._instruction(dosage, measured_in, concentration)
        if read.rate or read.problem or read.dose is None or period.hours is None:
            return read
        rate = _over(read.dose, period.hours)
        return Dosage(rate, read.dose, None, None, read.written, spread=True) if rate else read

    def _instruction(
        self, node: object, measured_in: str, concentration: Concentration | None
    ) -> Dosage:
        rates, doses = self._quantities(node)
        rate = _one_of([self._amount(q, u, measured_in, concentration) for q, u in rates])
        dose = _one_of([self._amount(q, u, measured_in, concentration) for q, u in doses])
        ranged = any(True for _ in _elements(node, ("rateRange", "doseRange")))
        return Dosage(
            rate if isinstance(rate, Amount) and _is_rate(rate) else None,
            dose if isinstance(dose, Amount) else None,
            self._doses_per_day(member(node, "timing")),
            _problem(rate, dose, ranged, text(member(node, "text"))),
            _written(node, [q for q, _ in (*rates, *doses)]),
        )

    def _quantities(self, node: object) -> tuple[list[_Measure], list[_Measure]]:
        """Rates and doses; a dose whose unit is per time ("18 U/kg/h") is a rate."""
        rates, doses = list(self._rates(node)), list[_Measure]()
        for quantity in map(read_quantity, _elements(node, ("doseQuantity", "dose"))):
            unit = self._units.unit_of(quantity)
            (rates if unit and unit.per_hour else doses).append((quantity, unit))
        return rates, doses

    def _rates(self, node: object) -> Iterator[tuple[Quantity, Unit | None]]:
        for quantity in map(read_quantity, _elements(node, ("rateQuantity",))):
            yield quantity, self._units.unit_of(quantity)
        for ratio in _elements(node, ("rateRatio",)):
            yield self._ratio(ratio)

    def _ratio(self, ratio: object) -> tuple[Quantity, Unit | None]:
        """ "18 [IU]/kg per 1 h", "500 mL per 24 h"."""
        over, under = (read_quantity(member(ratio, end)) for end in ("numerator", "denominator"))
        unit, hours = self._units.unit_of(over), self._units.factor_of("time", under)
        if unit is None or unit.per_hour or not hours or not under.value or under.value < 0:
            return over, None
        factor = unit.factor / (under.value * hours)
        return over, Unit(unit.kind, factor, unit.per_kg, True, unit.micro)

    def _amount(
        self,
        quantity: Quantity,
        unit: Unit | None,
        measured_in: str,
        concentration: Concentration | None,
    ) -> ParsedAmount:
        if quantity.value is None or quantity.comparator != "":
            return Problem.UNREADABLE
        if unit is None:
            return Problem.UNIT
        solution = _solution(unit, concentration)
        if unit.kind == "volume" and solution is None:
            return Problem.NO_CONCENTRATION
        if quantity.value < 0:
            return Problem.IMPLAUSIBLE
        if measured_in not in ("", _kind(unit, solution)):
            return Problem.UNIT  # heparin in mg, antithrombin in mg: another drug's dose
        return _canonical(quantity.value * unit.factor, unit, solution)

    def _doses_per_day(self, timing: object) -> float | None:
        if timing is None:
            return None  # an administration never has one
        repeat = member(timing, "repeat")
        period = read_quantity({"value": member(repeat, "period")}).value
        hours = self._units.factor("time", text(member(repeat, "periodUnit")))
        if period and period > 0 and hours:
            return rounded(_times(repeat) * 24 / (period * hours))
        if times := each(member(repeat, "timeOfDay")):
            return float(len(times))
        return self._by_abbreviation(member(timing, "code"))

    def _by_abbreviation(self, code: object) -> float | None:
        """ "BID", "q8h": as listed, in the code itself or in its text."""
        names = (*(coding.code for coding in codings(code)), *texts(code))
        return next((self._timings[n.upper()] for n in names if n.upper() in self._timings), None)


def _elements(node: object, keys: tuple[str, ...]) -> Iterator[object]:
    """The elements of those names, in `doseAndRate` or bare."""
    for holder in (*each(member(node, "doseAndRate")), node):
        yield from (found for key in keys if (found := member(holder, key)) is not None)


def _times(repeat: object) -> float:
    """How often in a period; of a range the most."""
    found = (
        read_quantity({"value": member(repeat, k)}).value for k in ("frequencyMax", "frequency")
    )
    return next((times for times in found if times and times > 0), 1.0)


def _one_of(parsed: list[ParsedAmount]) -> ParsedAmount | None:
    """The one amount that all say; UNREADABLE where two differ.

    A total goes before an amount per kg: some systems send "1,800 U/h" beside "18 U/kg/h", the
    second of which the first was calculated from.
    """
    amounts = {one for one in parsed if isinstance(one, Amount)}
    totals = {one for one in amounts if "/kg" not in one.unit}
    chosen = totals or amounts
    if len(chosen) > 1:
        return Problem.UNREADABLE
    return next(iter(chosen)) if chosen else _one_problem(parsed)


def _one_problem(parsed: list[ParsedAmount]) -> Problem | None:
    return min((one for one in parsed if isinstance(one, Problem)), key=_rank, default=None)


def _solution(unit: Unit, concentration: Concentration | None) -> Concentration | None:
    """What a volume holds; an amount of drug needs no concentration."""
    return concentration if unit.kind == "volume" else None


def _kind(unit: Unit, solution: Concentration | None) -> str:
    return unit.kind if solution is None else solution.kind


def _canonical(value: float, unit: Unit, solution: Concentration | None) -> Amount:
    """An amount by the canonical name of its unit; volumes by what the solution holds."""
    name, factor = _NAMES[_kind(unit, solution), unit.per_kg, unit.per_hour, unit.micro]
    if solution is None:
        return Amount(rounded(value * factor), name)
    value *= solution.per_ml
    return Amount(rounded(value * factor), name, solution.from_text, solution.per_ml)


def _rank(problem: Problem) -> str:
    return problem.value


def _is_rate(amount: Amount) -> bool:
    return amount.unit.endswith(("/h", "/min"))


def _problem(
    rate: ParsedAmount | None, dose: ParsedAmount | None, ranged: bool, words: str
) -> Problem | None:
    """Why no amount is known: the rate's problem, else the dose's; text only where nothing else
    stands.
    """
    if isinstance(rate, Amount):
        return None if _is_rate(rate) else Problem.UNIT
    if isinstance(rate, Problem):
        return rate
    if isinstance(dose, Problem):
        return dose
    if isinstance(dose, Amount):
        return None
    if ranged:
        return Problem.UNREADABLE
    return Problem.TEXT_ONLY if words else None


def _over(dose: Amount, hours: float) -> Amount | None:
    """A dose spread over hours, in the unit of a rate."""
    per_hour = {"[IU]": "[IU]/h", "[IU]/kg": "[IU]/kg/h", "mg": "mg/h", "mg/kg": "mg/kg/h"}
    name = per_hour.get(dose.unit)
    value = rounded(dose.value / hours)
    return Amount(value, name, dose.from_text, dose.per_ml) if name else None


def _together(read: list[Dosage]) -> Dosage:
    """Several instructions without a rate: the largest dose, and all times of the day."""
    doses = [one.dose for one in read if one.dose]
    problem = next((one.problem for one in read if one.problem), None)
    if len({dose.unit for dose in doses}) > 1:
        return _contradiction(read)
    return Dosage(
        dose=max(doses, key=lambda dose: dose.value, default=None),
        doses_per_day=_times_a_day(read),
        problem=problem,
        written=_texts(read),
    )


def _times_a_day(read: list[Dosage]) -> float | None:
    """How often a day in all; None where one of the instructions does not say."""
    known = [one.doses_per_day for one in read if one.doses_per_day is not None]
    return sum(known) if known and len(known) == len(read) else None


def _texts(read: Iterable[Dosage]) -> str:
    return "; ".join(one.written for one in read if one.written)


def _contradiction(read: Iterable[Dosage]) -> Dosage:
    return Dosage(problem=Problem.UNREADABLE, written=_texts(read))


def _written(node: object, quantities: list[Quantity]) -> str:
    """The rate, else the dose, else the text, as the record has it."""
    for quantity in quantities:
        if quantity.value is not None:
            unit = quantity.unit or quantity.code
            return f"{_grouped(quantity.value)} {unit}".strip()
    return text(member(node, "text"))


def _grouped(value: float) -> str:
    """ "1,800": doses of heparin run into the thousands."""
    whole, dot, fraction = written(value).partition(".")
    return f"{int(whole):,}{dot}{fraction}" if whole.lstrip("-").isdigit() else written(value)
