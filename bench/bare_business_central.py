"""The bare loop's ledger: Business Central with the product's calls."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from bench.bare import session
from bench.stage import CLIENT, DIMENSIONS, LEDGER, SECRETS, TAX_CODES, TENANT, Sandbox, company_id

PARALLEL: Final = 4
"""Calls under way, as the product keeps them."""
_HEADER: Final = (
    "id,number,status,vendorNumber,payToVendorNumber,vendorInvoiceNumber,currencyCode,invoiceDate,postingDate,dueDate,"
    "totalAmountExcludingTax,totalTaxAmount,totalAmountIncludingTax,lastModifiedDateTime"
)


@dataclass(slots=True)
class BareBusinessCentral:
    """One company, signed in."""

    served: Sandbox
    code: str
    http: aiohttp.ClientSession
    batch_size: int = 50
    in_hand: int = 32

    @property
    def company(self) -> str:
        """The company's part of an address."""
        return f"companies({company_id(self.code)})"

    @property
    def api(self) -> str:
        """The API."""
        return f"{self.served.addresses[LEDGER]}/v2.0/{TENANT}/Production/api/v2.0"

    async def rows(self, path: str, **options: str) -> list[dict[str, Any]]:
        """A small collection."""
        return (await self.page(f"{self.api}/{self.company}/{path}?" + _query(options)))["value"]

    async def page(self, url: str, size: int | None = None) -> dict[str, Any]:
        """One page of a collection."""
        prefer = {"Prefer": f"odata.maxpagesize={size}"} if size else {}
        async with self.http.get(URL(url, encoded=True), headers=prefer) as reply:
            return json.loads(await reply.read())

    async def batch(self, *parts: dict[str, Any]) -> list[dict[str, Any]]:
        """One `$batch`."""
        headers = {"Accept": "application/json", "Accept-Language": "en-US"}
        numbered = [{"id": str(number), "headers": headers, **part} for number, part in enumerate(parts, 1)]
        for part in numbered:
            if "body" in part:
                part["headers"] = headers | {"Content-Type": "application/json"}
        async with self.http.post(f"{self.api}/$batch", json={"requests": numbered}) as reply:
            responses = json.loads(await reply.read())["responses"]
        assert all(each["status"] < 300 for each in responses), responses
        return responses

    async def check(self, batch: list[dict[str, Any]], *, first: bool) -> None:
        """The reads the product makes to check a batch."""
        if first:
            await self.rows("accounts", **{"$select": "id,number,blocked,accountType,directPosting"})
            await self.rows("taxGroups", **{"$select": "id,code"})
            await self.rows("generalLedgerSetup", **{"$select": "id,allowPostingFrom,allowPostingTo,localCurrencyCode"})
            names = _any_of("code", DIMENSIONS.values())
            await self.rows("dimensions", **{"$filter": names, "$select": "id,code", "$expand": "dimensionValues"})
        vendors = _any_of("number", sorted({each["supplierCode"] for each in batch}))
        await self.rows(
            "vendors", **{"$filter": vendors, "$select": "id,number,blocked", "$expand": "defaultDimensions"}
        )
        numbers = _any_of("vendorInvoiceNumber", [each["invoiceNumber"] for each in batch])
        await self.rows("purchaseInvoices", **{"$filter": numbers, "$select": _HEADER})

    async def create(self, document: dict[str, Any]) -> str:
        """Creates and posts a bill; its number."""
        body = _bill(document)
        reread = _query({
            "$filter": f"vendorNumber eq '{body['vendorNumber']}' and vendorInvoiceNumber eq "
            f"'{body['vendorInvoiceNumber']}'",
            "$select": _HEADER,
            "$expand": "dimensionSetLines,purchaseInvoiceLines($expand=dimensionSetLines)",
        })  # fmt: skip
        invoices = f"{self.company}/purchaseInvoices"
        created = await self.batch(
            {"method": "POST", "url": invoices, "body": body}, {"method": "GET", "url": f"{invoices}?{reread}"}
        )
        if parts := self._dimensions(document, created[1]["body"]["value"][0]):
            await self.batch(*parts)
        one = f"{invoices}({created[0]['body']['id']})"
        posted = await self.batch(
            {"method": "POST", "url": f"{one}/Microsoft.NAV.post"},
            {"method": "GET", "url": f"{one}?{_query({'$select': _HEADER})}"},
        )
        return posted[1]["body"]["number"]

    def _dimensions(self, document: dict[str, Any], row: dict[str, Any]) -> list[dict[str, Any]]:
        """Dimensions that not all lines share are added line by line."""
        rows, shared = document["codingRows"], _shared(document["codingRows"])
        lines = sorted(row["purchaseInvoiceLines"], key=lambda line: line["sequence"])
        return [
            {
                "method": "POST",
                "url": f"{self.company}/purchaseInvoiceLines({line['id']})/dimensionSetLines",
                "body": {"code": theirs, "valueCode": coded[ours]},
            }
            for coded, line in zip(rows, lines, strict=True)
            for ours, theirs in DIMENSIONS.items()
            if coded.get(ours) and theirs not in shared
        ]


@asynccontextmanager
async def business_central(served: Sandbox, code: str) -> AsyncGenerator[BareBusinessCentral]:
    """Signed in for a company."""
    form = {
        "grant_type": "client_credentials", "client_id": CLIENT, "client_secret": SECRETS["BC"],
        "scope": "https://api.businesscentral.dynamics.com/.default",
    }  # fmt: skip
    url = f"{served.addresses[LEDGER]}/{TENANT}/oauth2/v2.0/token"
    async with aiohttp.ClientSession() as plain, plain.post(url, data=form) as reply:
        token = (await reply.json())["access_token"]
    headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en-US"}
    async with session(PARALLEL, **headers) as http:
        yield BareBusinessCentral(served, code, http)


def _bill(document: dict[str, Any]) -> dict[str, Any]:
    rows = document["codingRows"]
    lines = [
        {
            "lineType": "Account", "lineObjectNumber": row["accountCode"], "description": row.get("text1", ""),
            "quantity": 1, "unitCost": row["netTotal"], "taxCode": TAX_CODES[row["taxCode"]],
        }
        for row in rows
    ]  # fmt: skip
    body = {
        "vendorNumber": document["supplierCode"], "invoiceDate": document["invoiceDate"][:10],
        "postingDate": document["voucherDate"][:10], "dueDate": document["dueDate"][:10],
        "vendorInvoiceNumber": document["invoiceNumber"], "currencyCode": document["currencyCode"],
        "purchaseInvoiceLines": lines,
    }  # fmt: skip
    shared = [{"code": code, "valueCode": value} for code, value in _shared(rows).items()]
    return body | ({"dimensionSetLines": shared} if shared else {})


def _shared(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {
        theirs: rows[0][ours]
        for ours, theirs in DIMENSIONS.items()
        if rows[0].get(ours) and all(row.get(ours) == rows[0][ours] for row in rows)
    }


def _query(options: dict[str, str]) -> str:
    return "&".join(f"{key}={quote(value, safe='()$,:')}" for key, value in options.items())


def _any_of(name: str, values: Iterable[str]) -> str:
    return " or ".join(f"{name} eq '{value}'" for value in values)
