"""The bare loop's ledger: Acumatica with the product's calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from bench.bare import session
from bench.stage import ACUMATICA, ACUMATICA_SITE, ACUMATICA_USER, SECRETS, TAX_CODES, Sandbox, client_id

PARALLEL: Final = 2
"""Calls under way, as the product keeps them."""
_HEADER: Final = "Type,ReferenceNbr,Status,Vendor,VendorRef,CurrencyID,Amount,TaxTotal,Balance"
_WHOLE: Final = (
    f"{_HEADER},Date,DueDate,PostPeriod,BranchID,Details/Account,Details/Amount,Details/TransactionDescription"
)
_VENDOR: Final = "VendorID,Status,CurrencyID,EnableCurrencyOverride,APSubaccount"
_BOOKS: Final = {
    "Account": ("AccountCD,Active", 5_000),
    "Subaccount": ("SubaccountCD,Active", 5_000),
    "TaxCategory": ("TaxCategoryID,Active", 500),
    "Currency": ("CurrencyID,Active", 500),
    "FinancialPeriod": ("FinancialYear,StartDate", 500),
}


@dataclass(slots=True)
class BareAcumatica:
    """One tenant, signed in."""

    root: str
    http: aiohttp.ClientSession
    batch_size: int = 10
    in_hand: int = 4
    subaccounts: dict[str, str] = field(default_factory=dict[str, str])
    """By vendor: what its bills take where a row says nothing."""
    projects: set[str] = field(default_factory=set[str])
    form: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL))
    """Calls on bills: while an action runs on the form no other is taken."""
    acting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def rows(self, path: str, **options: str | int) -> Any:
        """One page of a list, or a record."""
        query = "&".join(f"${name}={quote(str(value), safe='(),/')}" for name, value in options.items())
        async with self.http.get(URL(f"{self.root}/{path}?{query}", encoded=True)) as reply:
            body = json.loads(await reply.read())
            assert reply.status == 200, (path, body)
            return body

    async def check(self, batch: list[dict[str, Any]], *, first: bool) -> None:
        """The reads the product makes to check a batch."""
        if first:
            await asyncio.gather(
                *(self.rows(name, select=names, top=top, skip=0) for name, (names, top) in _BOOKS.items()),
                self.rows(f"FinancialPeriod/{batch[0]['voucherDate'][:4]}", expand="Details"),
            )
        await asyncio.gather(self._look_up_vendors(batch), self._look_up_projects(batch), self._find(batch))

    async def _look_up_vendors(self, batch: list[dict[str, Any]]) -> None:
        wanted = sorted({each["supplierCode"] for each in batch} - self.subaccounts.keys())
        if wanted:
            found = await self.rows("Vendor", select=_VENDOR, filter=_any("VendorID", wanted), top=500, skip=0)
            self.subaccounts |= {row["VendorID"]["value"]: row["APSubaccount"]["value"] for row in found}

    async def _look_up_projects(self, batch: list[dict[str, Any]]) -> None:
        named = {row["projectCode"] for each in batch for row in each["codingRows"] if row.get("projectCode")}
        if wanted := sorted(named - self.projects):
            where = _any("ProjectID", wanted)
            await self.rows("Project", select="ProjectID,Status", filter=where, top=5_000, skip=0)
            self.projects |= named

    async def _find(self, batch: list[dict[str, Any]]) -> None:
        pairs = " or ".join(
            f"(Vendor eq '{each['supplierCode']}' and VendorRef eq '{each['invoiceNumber']}')" for each in batch
        )
        async with self.form:
            await self.rows("Bill", select=_HEADER, filter=f"Type eq 'Bill' and ({pairs})", top=200, skip=0)

    async def create(self, document: dict[str, Any]) -> str:
        """Saves a bill on hold, takes it off hold and releases it; its number."""
        made = await self._put(
            _bill(document, self.subaccounts[document["supplierCode"]]), f"{_WHOLE},Details", "Details"
        )
        await self._put({"id": made["id"], "Hold": {"value": False}}, _HEADER)
        async with self.acting:
            for _ in range(PARALLEL):
                await self.form.acquire()
            try:
                body = {"entity": {"id": made["id"]}, "parameters": {}}
                async with self.http.post(f"{self.root}/Bill/ReleaseBill", json=body) as reply:
                    assert reply.status == 204, await reply.text()
            finally:
                for _ in range(PARALLEL):
                    self.form.release()
        async with self.form:
            released = await self.rows(f"Bill/{made['id']}", select=_HEADER)
        assert released["Status"]["value"] == "Open", released
        return released["ReferenceNbr"]["value"]

    async def _put(self, body: dict[str, Any], select: str, expand: str = "") -> dict[str, Any]:
        query = f"$select={select}" + (f"&$expand={expand}" if expand else "")
        async with self.form, self.http.put(URL(f"{self.root}/Bill?{query}", encoded=True), json=body) as reply:
            saved = json.loads(await reply.read())
            assert reply.status == 200, saved
            return saved


@asynccontextmanager
async def acumatica(served: Sandbox, code: str) -> AsyncGenerator[BareAcumatica]:
    """Signed in to a tenant, signed out at the end."""
    instance = f"{served.addresses[ACUMATICA]}/{ACUMATICA_SITE}"
    form = {
        "grant_type": "password", "client_id": client_id(code), "client_secret": SECRETS["AC"],
        "username": ACUMATICA_USER, "password": SECRETS["AP"], "scope": "api offline_access",
    }  # fmt: skip
    async with (
        aiohttp.ClientSession() as plain,
        plain.post(f"{instance}/identity/connect/token", data=form) as reply,
    ):
        token = (await reply.json())["access_token"]
    async with session(PARALLEL, Authorization=f"Bearer {token}") as http:
        yield BareAcumatica(f"{instance}/entity/Default/24.200.001", http)
        async with http.post(f"{instance}/entity/auth/logout", data=b""):
            pass


def _bill(document: dict[str, Any], subaccount: str) -> dict[str, Any]:
    posted = document["voucherDate"]
    body = {
        "Type": "Bill", "Vendor": document["supplierCode"], "VendorRef": document["invoiceNumber"],
        "Date": document["invoiceDate"][:10], "CurrencyID": document["currencyCode"],
        "Amount": document["grossSum"], "Hold": True, "PostPeriod": f"{posted[5:7]}{posted[:4]}",
        "DueDate": document["dueDate"][:10], "Description": document["description"],
    }  # fmt: skip
    return _wrapped(body) | {"Details": [_wrapped(_line(row, subaccount)) for row in document["codingRows"]]}


def _line(row: dict[str, Any], subaccount: str) -> dict[str, Any]:
    first, second = subaccount.split("-")
    given = (row.get("costCenterCode") or first, row.get("dimCode1") or second)
    return {
        "Account": row["accountCode"], "ExtendedCost": row["netTotal"], "Subaccount": "-".join(given),
        **({"Project": row["projectCode"]} if row.get("projectCode") else {}),
        "TransactionDescription": row.get("text1", ""), "TaxCategory": TAX_CODES[row["taxCode"]],
    }  # fmt: skip


def _wrapped(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in fields.items()}


def _any(name: str, values: Iterable[str]) -> str:
    return " or ".join(f"{name} eq '{value}'" for value in values)
