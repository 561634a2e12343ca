"""From a line's coding to an account of the chart, and the proof that the ledger stored it. Pure functions.

An account is a string of segment values: the natural account is segment 1, cost centres and the like are others
(Epicor dossier 13).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from ml_connector.connectors.epicor_kinetic.documents import of_line
from ml_connector.connectors.epicor_kinetic.values import account_of
from ml_connector.connectors.rows import Row, day, integer, is_set, text
from ml_connector.connectors.texts import code
from ml_connector.records.invoice import BillLine
from ml_connector.records.reason import Finding, Reason

NATURAL: Final = 1
"""The segment that is the natural account (Epicor dossier 13.1)."""
SEGMENTS: Final = 20
SEPARATOR: Final = "|"
"""Between the values of the stored form, whatever the chart shows (Epicor dossier 9.5.3)."""
_MANDATORY: Final = 0
_AN_ACCOUNT: Final = "A"

Value = tuple[int, str]
"""A segment's number and the code of one of its values, in capitals."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment of the chart."""

    number: int
    name: str
    is_dynamic: bool
    """True: its values are no part of the stored form."""
    is_mandatory: bool

    @classmethod
    def of(cls, row: Row) -> Segment:
        """From its definition."""
        return cls(
            integer(row, "SegmentNbr"),
            text(row, "SegmentName"),
            is_set(row, "Dynamic"),
            integer(row, "EntryControl") == _MANDATORY,
        )


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart of accounts as far as coding needs it."""

    code: str
    segments: tuple[Segment, ...]
    """In the order of their numbers, which is that of the stored form (Epicor dossier 13.3, UNCONFIRMED)."""

    def segment(self, name: str) -> Segment | None:
        """The segment of that number or name, the natural account left out."""
        wanted = code(name)
        return next(
            (each for each in self.segments
             if each.number != NATURAL and wanted in (str(each.number), code(each.name))),
            None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class ValueFacts:
    """A value of a segment, with the window in which it is active."""

    row: Row

    @property
    def code(self) -> str:
        """As the ledger spells it."""
        return text(self.row, "SegmentCode")

    def is_active_on(self, when: date) -> bool:
        """True where a line may carry it on that day."""
        first, last = day(self.row, "EffectiveFrom"), day(self.row, "EffectiveTo")
        is_in_time = (first is None or first <= when) and (last is None or when <= last)
        return is_set(self.row, "ActiveFlag") and is_in_time


Values = Mapping[Value, ValueFacts | None]


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the chart, as a coding row of an invoice carries it."""

    chart: str
    stored: str
    """The values of the segments that are not dynamic, by number, joined by bars."""
    segments: Mapping[int, str] = field(default_factory=dict[int, str])
    """All values, those of dynamic segments too."""

    def columns(self) -> dict[str, Any]:
        """As columns of APInvExpTGLC; segments without a value are blanked."""
        values = {f"SegValue{each}": self.segments.get(each, "") for each in range(1, SEGMENTS + 1)}
        return {"COACode": self.chart, "GLAccount": self.stored, **values}

    def is_in(self, row: Row) -> bool:
        """True where a coding row carries it."""
        if code(account_of(row)) != code(self.stored):
            return False
        return all(code(text(row, f"SegValue{number}")) == code(value) for number, value in self.segments.items())


# ------------------------------------------------------------------ what is asked for


def wanted_dimensions(line: BillLine) -> dict[str, str]:
    """A line's dimensions by their names in the settings, empty values left out."""
    return {name: value.strip() for name, value in line.dimensions.items() if value.strip()}


def wanted_values(line: BillLine, chart: Chart) -> set[Value]:
    """The segment values that a line names."""
    wanted = {(NATURAL, code(line.account))} if line.account.strip() else set[Value]()
    for name, value in wanted_dimensions(line).items():
        segment = chart.segment(name)
        if segment is not None:
            wanted.add((segment.number, code(value)))
    return wanted


def account_for(line: BillLine, chart: Chart, values: Values, *, when: date) -> Account | tuple[Finding, ...]:
    """The account that a line is coded on, or all that speaks against it."""
    chosen: dict[int, str] = {}
    findings = _natural(line, values, chosen, when)
    for name, value in wanted_dimensions(line).items():
        segment = chart.segment(name)
        if segment is None:
            findings.append(Finding(Reason.DIMENSION_UNKNOWN, f"The dimension {name}"))
            continue
        facts = values.get((segment.number, code(value)))
        title = f"{segment.name or f'Segment {segment.number}'} {value}"
        chosen[segment.number] = facts.code if facts else value
        if facts is None:
            findings.append(Finding(Reason.DIMENSION_UNKNOWN, title))
        elif not facts.is_active_on(when):
            findings.append(Finding(Reason.DIMENSION_BLOCKED, title))
    findings += [
        Finding(Reason.DIMENSION_MISSING, each.name or f"segment {each.number}")
        for each in chart.segments
        if each.is_mandatory and each.number != NATURAL and each.number not in chosen
    ]
    return tuple(findings) or Account(chart.code, stored_form(chosen, chart.segments), chosen)


def _natural(line: BillLine, values: Values, chosen: dict[int, str], when: date) -> list[Finding]:
    facts = values.get((NATURAL, code(line.account)))
    if facts is None:
        return [Finding(Reason.ACCOUNT_UNKNOWN, line.account)]
    chosen[NATURAL] = facts.code
    return [] if facts.is_active_on(when) else [Finding(Reason.ACCOUNT_BLOCKED, line.account)]


def stored_form(chosen: Mapping[int, str], segments: Iterable[Segment]) -> str:
    """Values by segment number, joined by bars: empty ones in the middle stay, those at the end go (dossier 13.3)."""
    kept = [chosen.get(each.number, "") for each in segments if not each.is_dynamic]
    while kept and not kept[-1]:
        kept.pop()
    return SEPARATOR.join(kept)


# ------------------------------------------------------------------ what is stored


def coding_row(rows: Sequence[Row], line: int, *, chart: str) -> Row | None:
    """The row that holds a line's account, None where there is none that we may write.

    With several books there is a row for each: ours is the main book's, which names no book (Epicor dossier 9.5.3).
    """
    ours = [
        row for row in of_line(rows, line)
        if text(row, "RecordType") in (_AN_ACCOUNT, "")
        and not is_set(row, "IsExternalCompany")
        and row.get("UserCanModify") is not False
    ]  # fmt: skip
    main = [row for row in ours if not text(row, "BookID") or is_set(row, "IsMainBook")]
    of_chart = [row for row in main or ours if text(row, "COACode") in (chart, "")]
    return min(of_chart, key=lambda row: integer(row, "InvExpSeq"), default=None)
