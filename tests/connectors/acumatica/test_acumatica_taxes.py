"""The document's own tax amounts, written where the mapping names the taxes (Acumatica dossier 10.4)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from acumatica_world import MAPPING, bill_of, coded, opened, simulated_world
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.acumatica.connector import open_ledger
from ml_connector.connectors.acumatica.documents import taxes_of
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.side import Side
from ml_connector.records.invoice import BillStatus
from ml_connector.records.money import add_up
from ml_connector.records.reason import Reason

TAX_IDS = {"VAT24": "VAT24", "VAT14": "VAT14"}
cents = st.integers(-1_000_000, 1_000_000).map(lambda each: Decimal(each) / 100)


@given(st.lists(st.tuples(cents, cents, st.sampled_from(["VAT24", "VAT14"])), min_size=1, max_size=8))
def test_each_tax_is_said_once_and_all_add_up(given_lines: list[tuple[Decimal, Decimal, str]]) -> None:
    lines = tuple(coded(net=net, tax=tax, tax_code=name) for net, tax, name in given_lines)
    net, tax = add_up(line.net for line in lines), add_up(line.tax or Decimal(0) for line in lines)
    taxes = taxes_of(bill_of("T", lines=lines, net=net, tax=tax, gross=net + tax), TAX_IDS)
    assert sorted(each["TaxID"] for each in taxes) == sorted({name for _, _, name in given_lines})
    assert add_up(each["TaxAmount"] for each in taxes) == tax
    assert add_up(each["TaxableAmount"] for each in taxes) == net


@pytest.mark.parametrize(
    "line",
    [coded(tax=None), coded(tax=Decimal(24), tax_code="VAT10"), coded(tax=Decimal("23.99"))],
    ids=["an amount is missing", "a tax is not named", "the amounts do not add up"],
)
def test_what_is_not_wholly_known_is_left_to_the_form(line: object) -> None:
    bill = bill_of("T", lines=(coded(tax=Decimal(24)), line), tax=Decimal(48))
    assert taxes_of(bill, TAX_IDS) == ()


async def test_the_documents_own_tax_is_what_is_posted() -> None:
    async with simulated_world() as world:
        # The form would compute 24.00: the supplier rounded otherwise.
        lines = (coded(tax=Decimal("24.01")),)
        bill = replace(world.bill("T-1", lines=lines), tax=Decimal("24.01"), gross=Decimal("124.01"))
        ledger = opened(world.base, world.clock, mapping=replace(MAPPING, tax_ids=TAX_IDS))
        world.opened.append(ledger)
        draft = await ledger.create(bill)
        assert (draft.gross, draft.tax) == (Decimal("124.01"), Decimal("24.01"))
        assert (await ledger.post(bill, draft)).status is BillStatus.POSTED
        (stands,) = await world.standing("T-1")
        assert (Decimal(str(stands["total"])), Decimal(str(stands["tax"]))) == (bill.gross, bill.tax)


async def test_a_version_that_computes_by_itself_is_told_at_once() -> None:
    values = {"base_url": "http://127.0.0.1:1/acme", "tenant": "Acme", "client_id": "x@Acme", "username": "u",
              "version": "22.200.001"}  # fmt: skip
    side = Side("c", "3000", values, {"client_secret": "s", "password": "p"}, replace(MAPPING, tax_ids=TAX_IDS))
    with pytest.raises(Refused) as told:
        open_ledger(side, lambda: datetime.now(UTC), None)
    assert told.value.reason is Reason.SETUP_INCOMPLETE
    assert "mapping.tax_ids" in str(told.value)
    assert "22.200.001" in str(told.value)
