"""The desk against a ledger that keeps to none of its promises: values changed, answers in words, nothing saved."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from acumatica_world import QUICK, TODAY, bill_of

from ml_connector.connectors.acumatica.books import Books, Period, Subaccounts, VendorFacts
from ml_connector.connectors.acumatica.checking import Knowledge
from ml_connector.connectors.acumatica.client import Started
from ml_connector.connectors.acumatica.documents import NEW
from ml_connector.connectors.acumatica.posting import Desk
from ml_connector.connectors.acumatica.releasing import Patience, release
from ml_connector.connectors.errors import OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.rows import Row
from ml_connector.records.invoice import Bill, BillStatus
from ml_connector.records.reason import Finding, Reason

KNOWN = Knowledge(
    vendors={"V00001": VendorFacts("V00001", is_usable=True)},
    accounts={"6120": True},
    subaccounts=Subaccounts.of([{"SubaccountCD": "D040-A01", "Active": True}]),
    tax_categories={"VAT24": ("VAT24", True)},
    currencies=frozenset({"EUR"}),
    periods={TODAY: Period("112026", TODAY, TODAY, is_open=True)},
)
BILL = bill_of("1")
ID = "d11d2e19-7c07-f111-8cb1-ac198e472cfe"


class Ledger:
    """Keeps one bill; `answer` has the last word on what a PUT says, `starts` and `ends` on a release."""

    def __init__(self, answer: Callable[[Row], Row] = lambda row: row) -> None:
        self.answer = answer
        self.row: Row | None = None
        self.puts: list[dict[str, Any]] = []
        self.headers: list[Any] = []
        self.deleted = 0
        self.starts: Exception | Started = Started(None)
        self.ends: list[Exception | bool] = []
        self.contract = self.address = None
        self.http = self

    async def put(self, entity: str, fields: dict[str, Any], *, headers: Any = None, **_: Any) -> Row:
        assert entity == "Bill"
        self.puts.append(fields)
        self.headers.append(headers)
        lines = [{**each, "Amount": each["ExtendedCost"]} for each in fields.get("Details", ())]
        blank = {"id": ID, "ReferenceNbr": "005933", "Status": "On Hold", "Balance": BILL.gross, "TaxTotal": BILL.tax}
        before = self.row or {**blank, "Details": lines}
        status = "Balanced" if fields.get("Hold") is False else before["Status"]
        changed = {name: value for name, value in fields.items() if name != "Details"}
        self.row = {**before, **changed, "Status": status}
        return self.answer(self.row)

    async def get(self, entity: str, *keys: str, **_: Any) -> Row | None:
        assert (entity, keys) == ("Bill", (ID,))
        return self.row

    async def read(self, url: str, **_: Any) -> None:
        assert url.endswith("Bill/d11d2e19-7c07-f111-8cb1-ac198e472cfe?$select=ReferenceNbr")

    async def rows(self, entity: str, **_: Any) -> list[Row]:
        return [self.row] if self.row and entity == "Bill" else []

    async def delete(self, *_: str) -> bool:
        self.deleted += 1
        self.row = None
        return True

    @asynccontextmanager
    async def alone(self, _: str) -> AsyncGenerator[None]:
        yield

    async def start(self, *_: Any, **__: Any) -> Started:
        if isinstance(self.starts, Exception):
            raise self.starts
        return self.starts

    async def is_over(self, *_: Any, **__: Any) -> bool:
        said = self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]
        if isinstance(said, Exception):
            raise said
        return said


class KnowingDesk(Desk):
    """A desk that has looked everything up."""

    async def _gather(self, books: Books, bills: Any) -> Knowledge:
        del books, bills
        return KNOWN


def desk_of(ledger: Ledger) -> Desk:
    return KnowingDesk(ledger, Books(ledger), patience=QUICK)  # type: ignore[arg-type]


def told(words: str) -> Unavailable:
    finding = Finding(Reason.OUT_OF_ORDER, "Acumatica", words)
    return Unavailable(system="Acumatica", findings=(finding,), status=500, code="PXException")


# ------------------------------------------------------------------ saving


async def test_a_due_date_that_the_form_put_its_own_over_is_said_again_alone() -> None:
    other = BILL.due_date + timedelta(days=9) if BILL.due_date else TODAY

    def first_time_only(row: Row) -> Row:
        return {**row, "DueDate": other} if len(ledger.puts) == 1 else row

    ledger = Ledger(first_time_only)
    draft = await desk_of(ledger).create(BILL)
    assert draft.status is BillStatus.DRAFT
    assert ledger.puts[1] == {"id": ID, "DueDate": BILL.due_date}
    assert ledger.headers[1] == {"If-Match": "*"}


async def test_a_value_that_is_not_kept_is_refused_and_the_draft_taken_back() -> None:
    ledger = Ledger(lambda row: {**row, "PostPeriod": "102026"})
    with pytest.raises(Refused) as refused:
        await desk_of(ledger).create(BILL)
    assert refused.value.reason is Reason.UNEXPECTED
    assert "PostPeriod" in str(refused.value)
    assert ledger.deleted == 1


async def test_a_line_with_another_sum_is_refused_and_the_draft_taken_back() -> None:
    ledger = Ledger(lambda row: {**row, "Details": [{**each, "Amount": 99} for each in row["Details"]]})
    with pytest.raises(Refused) as refused:
        await desk_of(ledger).create(BILL)
    assert refused.value.reason is Reason.TOTALS_DIFFER
    assert "row 1 is 99" in str(refused.value)
    assert ledger.deleted == 1


async def test_a_draft_that_cannot_be_taken_back_is_left_to_a_look() -> None:
    class Stubborn(Ledger):
        async def delete(self, *_: str) -> bool:
            raise told("busy")

    ledger = Stubborn(lambda row: {**row, "PostPeriod": "102026"})
    with pytest.raises(OutcomeUnknown):
        await desk_of(ledger).create(BILL)


async def test_an_answer_without_a_number_proves_nothing() -> None:
    with pytest.raises(OutcomeUnknown):
        await desk_of(Ledger(lambda row: {**row, "ReferenceNbr": None})).create(BILL)
    with pytest.raises(Refused) as refused:
        await desk_of(Ledger(lambda row: {**row, "ReferenceNbr": NEW})).create(BILL)
    assert refused.value.reason is Reason.RIGHTS_MISSING


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_failure_that_the_application_tells_of_is_a_refusal_where_nothing_is_there(*, is_there: bool) -> None:
    def fail(row: Row) -> Row:
        ledger.row = row if is_there else None
        raise OutcomeUnknown(system="Acumatica", detail="answered 500 PXException The event was stopped.", status=500)

    ledger = Ledger(fail)
    with pytest.raises(OutcomeUnknown if is_there else Refused) as error:
        await desk_of(ledger).create(BILL)
    assert "The event was stopped." in str(error.value)


# ------------------------------------------------------------------ posting


async def draft_in(ledger: Ledger) -> tuple[Desk, Bill, Any]:
    desk = desk_of(ledger)
    return desk, BILL, await desk.create(BILL)


async def test_a_bill_that_stays_on_hold_is_not_released() -> None:
    ledger = Ledger(lambda row: {**row, "Status": "On Hold"})
    desk, bill, draft = await draft_in(ledger)
    with pytest.raises(Refused) as refused:
        await desk.post(bill, draft)
    assert refused.value.reason is Reason.NOT_RELEASED


async def test_a_failure_to_take_off_hold_in_words_is_told_and_keeps_nobody_else_waiting() -> None:
    def fail(row: Row) -> Row:
        if row.get("Hold") is False:
            ledger.row = {**row, "Hold": True, "Status": "On Hold"}
            raise told("500 PXException The workflow was stopped.")
        return row

    ledger = Ledger(fail)
    desk, bill, draft = await draft_in(ledger)
    with pytest.raises(Refused) as refused:
        await desk.post(bill, draft)
    assert refused.value.reason is Reason.NOT_RELEASED
    assert "The workflow was stopped." in str(refused.value)
    assert len(ledger.puts) == 3  # saved, and twice tried


async def test_a_release_that_did_nothing_is_unknown_and_one_that_failed_is_told() -> None:
    ledger = Ledger()
    desk, bill, draft = await draft_in(ledger)
    with pytest.raises(OutcomeUnknown):
        await desk.post(bill, draft)
    ledger.starts, ledger.ends = Started("http://x/status/1"), [False, told("500 PXException It is raining.")]
    with pytest.raises(Refused) as refused:
        await desk.post(bill, draft)
    assert refused.value.reason is Reason.NOT_RELEASED
    assert "It is raining." in str(refused.value)


async def test_a_bill_that_was_released_all_the_same_is_released() -> None:
    ledger = Ledger()
    desk, bill, draft = await draft_in(ledger)
    finding = Finding(Reason.REFUSED, "Document Status is invalid for processing.")

    async def start(*_: Any, **__: Any) -> Started:
        assert ledger.row is not None
        ledger.row |= {"Status": "Open"}
        raise Refused(system="Acumatica", findings=(finding,), status=500)

    ledger.start = start  # type: ignore[method-assign]
    assert (await desk.post(bill, draft)).status is BillStatus.POSTED


async def test_a_release_without_end_is_given_up_as_unknown() -> None:
    ledger = Ledger()
    ledger.starts, ledger.ends = Started("http://x/status/1"), [False]
    ledger.address = Bare()  # type: ignore[assignment]
    patience = Patience(first=0.01, longest=0.02, at_most=0.1, busy=0.1)
    with pytest.raises(OutcomeUnknown) as unknown:
        await release(ledger, ID, patience=patience)  # type: ignore[arg-type]
    assert "not over" in str(unknown.value)


class Bare:
    """Where the bill is."""

    def of_entity(self, entity: str) -> str:
        return f"http://x/{entity}"
