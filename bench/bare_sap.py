"""The bare loop's ledger: SAP Business One with the product's calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from bench.bare import session
from bench.stage import SAP, SAP_DIMENSIONS, SAP_USER, SECRETS, TAX_CODES, Sandbox, company_db

PARALLEL: Final = 4
"""Calls under way, as the product keeps them."""
_HEADER: Final = (
    "DocEntry,DocNum,CardCode,NumAtCard,DocDate,DocCurrency,DocTotal,DocTotalFc,VatSum,VatSumFc,DocumentStatus,"
    "CancelStatus,TransNum"
)
_VENDOR: Final = "CardCode,CardType,Valid,ValidFrom,ValidTo,Frozen,FrozenFrom,FrozenTo"
_BOOKS: Final = {
    "ChartOfAccounts": (
        "Code,Name,FormatCode,ActiveAccount,AccountType,LockManualTransaction,BlockManualPosting,ValidFor,ValidFrom,"
        "ValidTo,FrozenFor,FrozenFrom,FrozenTo,DefaultVatGroup"
    ),
    "DistributionRules": "FactorCode,FactorDescription,InWhichDimension,Active,DistributionRuleLines",
    "VatGroups": "Code,Category,Inactive,AcquisitionReverse,VatGroups_Lines",
}
_PROPERTIES: Final = {"1": "CostingCode", "2": "CostingCode2", "3": "CostingCode3", "Project": "ProjectCode"}


@dataclass(slots=True)
class BareSapBusinessOne:
    """One company, logged in."""

    root: str
    http: aiohttp.ClientSession
    batch_size: int = 20
    in_hand: int = 32

    async def rows(self, path: str, **options: str) -> Any:
        """One page of a collection, or what a function answers."""
        query = "&".join(f"${name}={quote(value, safe='(),')}" for name, value in options.items())
        headers = {"Prefer": "odata.maxpagesize=500", "B1S-CaseInsensitive": "true"}
        async with self.http.get(URL(f"{self.root}/{path}?{query}", encoded=True), headers=headers) as reply:
            body = json.loads(await reply.read())
            assert reply.status == 200, (path, body)
            return body

    async def check(self, batch: list[dict[str, Any]], *, first: bool) -> None:
        """The reads the product makes to check a batch."""
        if first:
            await asyncio.gather(
                *(self.rows(entity_set, select=fields) for entity_set, fields in _BOOKS.items()),
                self.rows("CompanyService_GetCompanyInfo"),
                self.rows("CompanyService_GetAdminInfo"),
            )
        vendors = _any(f"CardCode eq '{number}'" for number in sorted({each["supplierCode"] for each in batch}))
        numbers = _any(
            f"(CardCode eq '{each['supplierCode']}' and NumAtCard eq '{each['invoiceNumber']}')" for each in batch
        )
        await asyncio.gather(
            self.rows("BusinessPartners", filter=f"CardType eq 'cSupplier' and ({vendors})", select=_VENDOR),
            self.rows("PurchaseInvoices", filter=numbers, select=_HEADER),
            self.rows("Drafts", filter=numbers, select=f"{_HEADER},DocObjectCode,AuthorizationStatus"),
        )

    async def create(self, document: dict[str, Any]) -> str:
        """Posts a bill; its number."""
        async with self.http.post(f"{self.root}/PurchaseInvoices", json=_bill(document)) as reply:
            made = json.loads(await reply.read())
            assert reply.status == 201, made
            return str(made["DocNum"])


@asynccontextmanager
async def sap_business_one(served: Sandbox, code: str) -> AsyncGenerator[BareSapBusinessOne]:
    """Logged in for a company, logged out at the end."""
    root = f"{served.addresses[SAP]}/b1s/v2"
    login = {"CompanyDB": company_db(code), "UserName": SAP_USER, "Password": SECRETS["B1"]}
    async with aiohttp.ClientSession() as plain, plain.post(f"{root}/Login", json=login) as reply:
        cookie = f"B1SESSION={(await reply.json())['SessionId']}"
    async with session(PARALLEL, Cookie=cookie) as http:
        yield BareSapBusinessOne(root, http)
        async with http.post(f"{root}/Logout"):
            pass


def _bill(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "DocType": "dDocument_Service", "CardCode": document["supplierCode"], "NumAtCard": document["invoiceNumber"],
        "DocDate": document["voucherDate"][:10], "TaxDate": document["invoiceDate"][:10],
        "DocDueDate": document["dueDate"][:10], "DocCurrency": document["currencyCode"],
        "Comments": document["description"], "JournalMemo": document["description"][:50],
        "DocumentLines": [_line(row) for row in document["codingRows"]],
    }  # fmt: skip


def _line(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "ItemDescription": row.get("text1", ""), "AccountCode": row["accountCode"], "LineTotal": row["netTotal"],
        "VatGroup": TAX_CODES[row["taxCode"]],
        **{_PROPERTIES[theirs]: row[ours] for ours, theirs in SAP_DIMENSIONS.items() if row.get(ours)},
    }  # fmt: skip


def _any(conditions: Iterable[str]) -> str:
    return " or ".join(conditions)
