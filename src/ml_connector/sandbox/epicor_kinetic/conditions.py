"""Conditions on rows: a test, and the values that narrow the search; both query dialects end in these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ml_connector.sandbox.epicor_kinetic.schema import Entity, Kind, Row
from ml_connector.sandbox.epicor_kinetic.table import folded
from ml_connector.sandbox.expressions import COMPARE

Test = Callable[[Row], bool]
DAY_LENGTH, SECOND_LENGTH = 10, 19


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition."""

    test: Test
    equal: dict[str, frozenset[Any]] = field(default_factory=dict)
    """Columns that must have one of these folded values for the test to hold."""
    above: int | None = None
    """The SysRevID must be greater for the test to hold."""
    since: str | None = None
    """The ChangeDate must be at or after it for the test to hold."""


EVERYTHING = Condition(lambda _: True)
NOTHING = Condition(lambda _: False)


def both(left: Condition, right: Condition) -> Condition:
    """Holds where both hold."""
    one, other = left.test, right.test
    equal = dict(left.equal)
    for name, values in right.equal.items():
        equal[name] = equal[name] & values if name in equal else values
    return Condition(
        lambda row: one(row) and other(row),
        equal,
        max((each for each in (left.above, right.above) if each is not None), default=None),
        max((each for each in (left.since, right.since) if each is not None), default=None),
    )


def either(left: Condition, right: Condition) -> Condition:
    """Holds where one of them holds."""
    one, other = left.test, right.test
    shared = left.equal.keys() & right.equal.keys()
    return Condition(
        lambda row: one(row) or other(row),
        {name: left.equal[name] | right.equal[name] for name in shared},
        None if left.above is None or right.above is None else min(left.above, right.above),
        None if left.since is None or right.since is None else min(left.since, right.since),
    )


def negated(inside: Condition) -> Condition:
    """Holds where the other does not."""
    test = inside.test
    return Condition(lambda row: not test(row))


def compared(entity: Entity, name: str, operator: str, value: Any) -> Condition:
    """A column against a value of its type; text compares without case, null is neither above nor below."""
    compare, blank, wanted = COMPARE[operator], entity.blank[name], folded(value)
    if value is None:
        return Condition(lambda row: compare(row.get(name, blank), None))

    def test(row: Row) -> bool:
        found = row.get(name, blank)
        return operator == "ne" if found is None else compare(folded(found), wanted)

    if entity.columns[name] is Kind.DATE:
        return _dated(test, name, operator, str(value))
    equal = {name: frozenset({wanted})} if operator == "eq" else {}
    above = {"gt": wanted, "ge": wanted - 1}.get(operator) if name == "SysRevID" and operator in ("gt", "ge") else None
    return Condition(test, equal, None if above is None else int(above))


def _dated(test: Test, name: str, operator: str, moment: str) -> Condition:
    since = moment if name == "ChangeDate" and operator in ("gt", "ge", "eq") else None
    return Condition(test, since=since)


def number(text: str, kind: Kind) -> int | Decimal | None:
    """A number as the column keeps it; None where the text is none."""
    try:
        value = Decimal(text)
    except ArithmeticError:
        return None
    if kind is Kind.NUMBER:
        return value
    return int(value) if value == int(value) else value


def moment(text: str) -> str | None:
    """A date literal as rows keep dates, zone cut off: `2025-01-31`, with a time, with `Z` or an offset."""
    text = text.replace(" ", "T")
    if len(text) < DAY_LENGTH or text[4] != "-" or text[7] != "-" or not text[:4].isdecimal():
        return None
    return f"{text[:DAY_LENGTH]}T00:00:00" if len(text) < SECOND_LENGTH else text[:SECOND_LENGTH]
