"""Supplier invoices, read as they change, with what they refer to; and the one note that is written (dossier 9)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from ml_connector.connectors.base import Page
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.remembered import Many, Remembered
from ml_connector.connectors.rows import part, parts, text
from ml_connector.connectors.visma_net.client import VismaClient, segment
from ml_connector.connectors.visma_net.errors import unexpected
from ml_connector.connectors.visma_net.invoices import (
    KINDS,
    ReceiptLine,
    Surroundings,
    invoice_of,
    key_of,
    receipt_lines_of,
    split_key,
    stage_of,
)
from ml_connector.connectors.visma_net.manifest import LIMITS, NAME, SUPPLIERS_PER_PAGE
from ml_connector.connectors.visma_net.mapping import bank_account_of, vats_of
from ml_connector.connectors.visma_net.marks import Progress
from ml_connector.connectors.visma_net.paging import Listing, digest_of, pages
from ml_connector.connectors.visma_net.values import Row, day
from ml_connector.records.invoice import Attachment
from ml_connector.records.reason import Finding, Reason
from ml_connector.records.supplier_invoice import SourceStage, SupplierInvoice

INVOICES: Final = "/v1/supplierInvoice"
SUPPLIERS: Final = "/v1/supplier"
_WITH_TERMS: Final = "Invoice"
AGE: Final = 300.0
"""Seconds for which suppliers' accounts, VAT categories and receipts are kept."""
MOST_TERMS: Final = 100_000
"""Invoices whose terms are remembered at most."""
ASKED_SINGLY: Final = 25
"""Suppliers that are read one by one; of more than that the list of all costs less."""


class Desk:
    """The invoices of one company; those dated before `first` are left out."""

    def __init__(self, client: VismaClient, *, first: date | None) -> None:
        self._client = client
        self._first = first
        self._accounts: Many[str] = Many(self._read_accounts, age=AGE)
        self._listed_accounts: Remembered[Mapping[str, str]] = Remembered(self._read_all_accounts, age=AGE)
        self._order_lines: Many[Mapping[str, tuple[str, str]]] = Many(self._read_receipts, age=AGE)
        self._vats = Remembered(self._read_vats, age=AGE)
        self._terms: dict[str, Any] = {}

    async def changed(self, since: str | None) -> AsyncIterator[Page[SupplierInvoice]]:
        """Invoices that changed, each page oldest first; the mark comes with the last page."""
        progress = Progress(since)
        for kind in KINDS:
            async for rows in pages(self._client, _listing(kind, progress)):
                fresh = [row for row in progress.fresh(rows, of=INVOICES) if self._is_wanted(row)]
                if fresh:
                    whole = await asyncio.gather(*(self._whole(row) for row in fresh))
                    around = await self._around(whole)
                    yield Page(tuple(invoice_of(row, around) for row in whole))
        yield Page((), progress.mark())

    async def read(self, key: str) -> SupplierInvoice | None:
        """One invoice as it is now; None where it is gone."""
        found = await self._row(key)
        return None if found is None else invoice_of(found[0], await self._around([found[0]]))

    async def read_file(self, file: Attachment) -> bytes:
        """A file's bytes, from our own address: links are not followed (Visma dossier 5)."""
        is_page = file.name.lower().endswith((".htm", ".html"))
        return await self._client.content(f"/v1/attachment/{segment(file.key)}", pages=is_page)

    async def write_note(self, key: str, sentence: str) -> None:
        """Adds a sentence to the invoice's note, once. Raises Refused (changed meanwhile) where others keep writing.

        Nothing but the note is ever written. UNCONFIRMED: whether a released document takes one (dossier 9.2).
        """
        line = " ".join(sentence.split())
        for _ in range(2):
            found = await self._row(key)
            if found is None:
                raise _refused(Reason.CHANGED_MEANWHILE, key, "the invoice is gone")
            row, tag = found
            note = str(row.get("note") or "")
            if line in (each.strip() for each in note.splitlines()):
                return
            begun = note if not note or note.endswith("\n") else f"{note}\n"
            members = {"note": {"value": begun + line}}
            if await self._client.change(_path(key), members, tag=tag, about=key):
                return
        raise _refused(Reason.CHANGED_MEANWHILE, key, "the invoice was changed while its note was being written")

    async def _whole(self, row: Row) -> Row:
        """A row of the list, which may leave out terms that the invoice has when it is read alone (dossier 6.3).

        What was read alone is not read again as long as it stays as it is: a first read of more invoices than an
        hour's calls would otherwise never come to its end.
        """
        if stage_of(row) is not SourceStage.READY or "creditTerms" in row or text(row, "documentType") != _WITH_TERMS:
            return row
        digest = digest_of(row)
        if digest in self._terms:
            return {**row, "creditTerms": self._terms[digest]}
        found = await self._row(key_of(row))
        if found is None:
            return row
        if len(self._terms) >= MOST_TERMS:
            self._terms.clear()
        self._terms[digest] = found[0].get("creditTerms")
        return found[0]

    async def _row(self, key: str) -> tuple[Row, str] | None:
        found = None if split_key(key) is None else await self._client.one(_path(key))
        if found is not None and key_of(found[0]).casefold() != key.casefold():
            raise unexpected(f"{_path(key)}: the answer is another record than the one that was asked for")
        return found

    def _is_wanted(self, row: Row) -> bool:
        dated = day(row, "origInvoiceDate") or day(row, "date")
        return self._first is None or dated is None or dated >= self._first

    # ------------------------------------------------------------------ what invoices refer to

    async def _around(self, rows: Sequence[Row]) -> Surroundings:
        suppliers = {
            text(part(row, "supplier"), "number") for row in rows if stage_of(row) is not SourceStage.CANCELLED
        }
        asked = {place for row in rows for place in receipt_lines_of(row)}
        accounts = await self._accounts.get(suppliers - {""})
        receipts = await self._order_lines.get({receipt for receipt, _ in asked})
        return Surroundings(
            accounts={supplier: found for supplier, found in accounts.items() if found},
            vats=await self._vats.get() if any(_has_category(row) for row in rows) else {},
            order_lines=_found_lines(asked, receipts),
        )

    async def _read_accounts(self, suppliers: frozenset[str]) -> Mapping[str, str]:
        """Of many the list of all, read once; what is not in it yet, and a few, one by one."""
        listed = await self._listed_accounts.get() if len(suppliers) > ASKED_SINGLY else {}
        rows = await self._singly(SUPPLIERS, suppliers - listed.keys())
        return {**listed, **{text(row, "number"): _account_of(row) for row in rows}}

    async def _read_all_accounts(self) -> Mapping[str, str]:
        listing = Listing(path=SUPPLIERS, options={}, key=lambda row: text(row, "number"), size=SUPPLIERS_PER_PAGE)
        return {text(row, "number"): _account_of(row) async for rows in pages(self._client, listing) for row in rows}

    async def _read_receipts(self, numbers: frozenset[str]) -> Mapping[str, Mapping[str, tuple[str, str]]]:
        found = await self._singly("/v2/PurchaseReceipt", numbers)
        return {
            text(receipt, "receiptNbr"): {
                text(line, "lineNbr"): (text(line, "poOrderNbr"), text(line, "poOrderLineNbr"))
                for line in parts(receipt, "lines")
            }
            for receipt in found
        }

    async def _read_vats(self) -> Mapping[str, frozenset[str]]:
        return vats_of(await self._client.rows("/v1/vatCategory", {}))

    async def _singly(self, path: str, keys: Iterable[str]) -> list[Row]:
        found = await asyncio.gather(*(self._client.one(f"{path}/{segment(key)}") for key in sorted(keys)))
        return [each[0] for each in found if each is not None]


def _listing(kind: str, progress: Progress) -> Listing:
    return Listing(
        path=INVOICES,
        options={"documentType": kind, "expandAttachment": "true", **progress.filter},
        key=key_of,
        size=LIMITS.page_size,
        satisfies=lambda row: text(row, "documentType") == kind and progress.satisfies(row),
    )


def _account_of(supplier: Row) -> str:
    account = bank_account_of(supplier)
    return "" if account is None else account.iban or account.number


def _path(key: str) -> str:
    kind, _, reference = key.partition("/")
    return f"{INVOICES}/{kind}/{segment(reference)}"


def _has_category(row: Row) -> bool:
    return any(text(part(line, "vatCode"), "id") for line in parts(row, "invoiceLines"))


def _found_lines(
    asked: Iterable[ReceiptLine], receipts: Mapping[str, Mapping[str, tuple[str, str]] | None]
) -> dict[ReceiptLine, tuple[str, str]]:
    found = {(receipt, line): (receipts.get(receipt) or {}).get(line) for receipt, line in asked}
    return {place: order for place, order in found.items() if order is not None}


def _refused(reason: Reason, key: str, words: str) -> Refused:
    return Refused(system=NAME, findings=(Finding(reason, key, words),))
