"""Business Central's date formulas (`30D`, `CM+10D`) as payment terms say them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TERM: Final = re.compile(r"([+-]?)(\d*)([A-Z]+)")


@dataclass(frozen=True, slots=True)
class DueRule:
    """Days, then the end of that many months (1: of the month reached), then days again."""

    days: int = 0
    end_of_month: int = 0
    days_after: int = 0


def parse_formula(formula: str) -> DueRule | None:
    """The rule a date formula says, None where it cannot be said that way.

    `CM+1M` is None on purpose: a month after 30 April is 30 May, not the end of May; `1M+CM` is the end of
    next month. Week days, quarters and years, and steps back, cannot be said either.
    """
    text = formula.strip().strip("<>").upper().replace(" ", "")
    rule, end = DueRule(), 0
    months = 0
    while end < len(text):
        term = _TERM.match(text, end)
        if term is None:
            return None
        sign, count, unit = term.groups()
        if sign == "-" or (end and not sign):
            return None
        step = _step(rule, months, count=count, unit=unit)
        if step is None:
            return None
        rule, months = step
        end = term.end()
    return None if months else rule


def _step(rule: DueRule, months: int, *, count: str, unit: str) -> tuple[DueRule, int] | None:
    """One term applied: the rule, and months that still wait for the month's end after them."""
    if unit == "CM" and not count and not rule.end_of_month:
        return DueRule(days=rule.days, end_of_month=months + 1), 0
    if unit in ("D", "W") and count and not months:
        days = int(count) * (7 if unit == "W" else 1)
        if rule.end_of_month:
            return DueRule(rule.days, rule.end_of_month, rule.days_after + days), 0
        return DueRule(days=rule.days + days), 0
    if unit == "M" and count and not rule.end_of_month:
        return rule, months + int(count)
    return None


def plain_days(formula: str) -> int | None:
    """The days of a formula that is days only, None of any other."""
    rule = parse_formula(formula)
    return rule.days if rule is not None and not rule.end_of_month else None
