"""Rounding happens in one place, and there it is right."""

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.records.money import Money, add_up, json_number, round_amount, write_json

amounts = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, allow_infinity=False, places=6)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        ("1.005", "EUR", "1.01"),
        ("-1.005", "EUR", "-1.01"),
        ("1.004999", "EUR", "1.00"),
        ("0.5", "JPY", "1"),
        ("2.0005", "KWD", "2.001"),
        ("2.0005", "kwd", "2.001"),
        ("3", "SEK", "3.00"),
    ],
)
def test_halves_go_away_from_zero_in_whole_minor_units(amount: str, currency: str, expected: str) -> None:
    assert str(round_amount(Decimal(amount), currency)) == expected


@given(amounts, st.sampled_from(["EUR", "JPY", "KWD", "USD"]))
def test_rounding_twice_is_rounding_once_and_moves_by_half_a_unit_at_most(amount: Decimal, currency: str) -> None:
    once = round_amount(amount, currency)
    assert round_amount(once, currency) == once
    assert abs(once - amount) <= Decimal(1).scaleb(once.as_tuple().exponent) / 2  # pyright: ignore


@given(st.lists(amounts.map(lambda amount: round_amount(amount, "EUR"))))
def test_sums_are_exact_in_any_order(parts: list[Decimal]) -> None:
    assert add_up(parts) == add_up(reversed(parts))
    assert add_up(parts) - add_up(parts[1:]) == (parts[0] if parts else 0)


def test_money_is_told_with_its_currency() -> None:
    assert str(Money(Decimal("12.5"), "EUR")) == "12.50 EUR"


@given(amounts)
def test_an_amount_is_written_with_its_own_digits_or_not_at_all(amount: Decimal) -> None:
    try:
        written = json.dumps(json_number(amount))
    except ValueError:
        assert len(amount.as_tuple().digits) > 15
    else:
        assert json.loads(written, parse_float=Decimal, parse_int=Decimal) == amount


@given(amounts, st.text(), st.integers())
def test_what_is_written_is_read_back_the_same(amount: Decimal, words: str, count: int) -> None:
    body = {"amount": round_amount(amount, "EUR"), words: [words, count, None, True]}
    assert json.loads(write_json(body), parse_float=Decimal, parse_int=Decimal) == body


def test_half_a_surrogate_pair_is_written_too() -> None:
    assert json.loads(write_json({"name": "broken \ud83d", "amount": Decimal("1.5")}))["name"] == "broken \ud83d"


@pytest.mark.parametrize("odd", [Decimal("0.1234567890123456789"), Decimal("NaN")])
def test_an_amount_that_json_cannot_carry_is_refused(odd: Decimal) -> None:
    with pytest.raises(ValueError, match="more digits than a JSON number"):
        write_json({"amount": odd})


def test_a_date_is_written_by_whoever_knows_its_form() -> None:
    with pytest.raises(TypeError):
        write_json({"on": date(2026, 11, 21)})
