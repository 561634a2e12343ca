"""Money: an amount in a currency, and the one place where amounts are rounded."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import orjson

# ISO 4217: the currencies whose minor unit is not a hundredth.
_DECIMALS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND",
                     "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}  # fmt: skip


def round_amount(amount: Decimal, currency: str) -> Decimal:
    """`amount` in whole minor units of `currency`, halves away from zero as ledgers round."""
    return round_to(amount, _DECIMALS.get(currency.upper(), 2))


def round_to(number: Decimal, decimals: int) -> Decimal:
    """`number` with so many decimals, halves away from zero: every rounding of the product is this one."""
    return number.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def add_up(amounts: Iterable[Decimal]) -> Decimal:
    """The sum, zero for none."""
    return sum(amounts, Decimal(0))


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency (ISO 4217 code)."""

    amount: Decimal
    currency: str

    def __str__(self) -> str:
        return f"{round_amount(self.amount, self.currency)} {self.currency}"


def json_number(amount: Decimal) -> int | float:
    """`amount` as a number that JSON writes with the same digits. Raises ValueError where there is none."""
    if amount == amount.to_integral_value() and abs(amount) < 2**53:
        return int(amount)
    number = float(amount)
    if Decimal(repr(number)) != amount:
        raise ValueError(f"{amount} has more digits than a JSON number carries.")
    return number


def write_json(body: object) -> str:
    """JSON without spaces; Decimals leave as numbers, digit for digit. Raises ValueError where one cannot."""
    try:
        return orjson.dumps(body, default=_as_number, option=_OURS_ALONE).decode()
    except orjson.JSONEncodeError:
        # What the quick encoder does not write (half a surrogate pair, a number beyond 64 bits) or refuses with words
        # of its own, the standard one writes or refuses with ours.
        return _ENCODER.encode(body)


def _as_number(value: object) -> Any:
    if isinstance(value, Decimal):
        return json_number(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON that is sent")


_OURS_ALONE: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS
"""Dates are written by whoever knows the system's form, never by the encoder."""
_ENCODER: Final = json.JSONEncoder(default=_as_number, separators=(",", ":"))
