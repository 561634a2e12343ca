"""The bare loop: the product's calls with nothing around them, as quick as plain asyncio makes them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from bench.stage import BASWARE, CLIENT, DIMENSIONS, LEDGER, SECRETS, TAX_CODES, TENANT, Sandbox, company_id

PARALLEL: Final = 4
"""Calls under way at the ledger, as the product keeps them."""
IN_HAND: Final = 32
"""Documents under way, as the product has them."""
CONTINUATION: Final = "x-amz-meta-continuationtoken"
_SCOPES: Final = (
    "accountingDocuments.read accountingDocuments.write vendors.write requestStatus.read requestStatus.write"
)
_HEADER: Final = (
    "id,number,status,vendorNumber,payToVendorNumber,vendorInvoiceNumber,currencyCode,invoiceDate,postingDate,dueDate,"
    "totalAmountExcludingTax,totalTaxAmount,totalAmountIncludingTax,lastModifiedDateTime"
)


@dataclass(slots=True)
class Bare:
    """Both systems, signed in, over pooled connections."""

    served: Sandbox
    code: str
    basware: aiohttp.ClientSession
    ledger: aiohttp.ClientSession
    files: aiohttp.ClientSession
    """Not signed in: where Basware redirects to."""
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_HAND))

    @property
    def company(self) -> str:
        """The company's part of a ledger address."""
        return f"companies({company_id(self.code)})"

    @property
    def api(self) -> str:
        """The ledger's API."""
        return f"{self.served.addresses[LEDGER]}/v2.0/{TENANT}/Production/api/v2.0"

    async def rows(self, path: str, **options: str) -> list[dict[str, Any]]:
        """A small collection of the ledger."""
        return (await self.page(f"{self.api}/{self.company}/{path}?" + _query(options)))["value"]

    async def page(self, url: str, size: int | None = None) -> dict[str, Any]:
        """One page of a collection of the ledger."""
        prefer = {"Prefer": f"odata.maxpagesize={size}"} if size else {}
        async with self.ledger.get(URL(url, encoded=True), headers=prefer) as reply:
            return json.loads(await reply.read())

    async def batch(self, *parts: dict[str, Any]) -> list[dict[str, Any]]:
        """One `$batch`."""
        headers = {"Accept": "application/json", "Accept-Language": "en-US"}
        numbered = [{"id": str(number), "headers": headers, **part} for number, part in enumerate(parts, 1)]
        for part in numbered:
            if "body" in part:
                part["headers"] = headers | {"Content-Type": "application/json"}
        async with self.ledger.post(f"{self.api}/$batch", json={"requests": numbered}) as reply:
            responses = json.loads(await reply.read())["responses"]
        assert all(each["status"] < 300 for each in responses), responses
        return responses

    async def post(self, path: str, body: Any = None) -> aiohttp.ClientResponse:
        """One POST to Basware, its answer read."""
        address = self.served.addresses[BASWARE]
        headers = {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        async with self.basware.post(f"{address}{path}", data=content, headers=headers) as reply:
            await reply.read()
            assert reply.status < 300, (path, reply.status, await reply.text())
            return reply

    # ------------------------------------------------------------------ invoices

    async def transfer(self) -> int:
        """Everything that is offered becomes a posted bill, and Basware is told; how many."""
        offered = [document async for page in self.offered() for document in page]
        running: set[asyncio.Task[None]] = set()
        for start in range(0, len(offered), 50):
            batch = offered[start : start + 50]
            await asyncio.gather(*(self.acknowledge(each) for each in batch))
            await self.check(batch, first=start == 0)
            running |= {asyncio.create_task(self.carry(each)) for each in batch}
            while len(running) > 100:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        await asyncio.gather(*running)
        return len(offered)

    async def offered(self) -> AsyncGenerator[list[dict[str, Any]]]:
        """The documents that wait for transfer, page by page."""
        address = self.served.addresses[BASWARE]
        url = (
            f"{address}/v1/accountingDocuments?ProcessingStatus=WaitingForTransfer&companyCode={self.code}&pageSize=100"
        )
        headers: dict[str, str] = {}
        while True:
            async with self.basware.get(url, headers=headers, allow_redirects=False) as first:
                await first.read()
                if first.status == 404:
                    return
                location, token = first.headers["Location"], first.headers.get(CONTINUATION)
            async with self.files.get(URL(location, encoded=True)) as reply:
                documents = json.loads(await reply.read())["accountingDocuments"]
                token = token or reply.headers.get(CONTINUATION)
            yield documents
            if not token:
                return
            headers = {CONTINUATION: token}

    async def acknowledge(self, document: dict[str, Any]) -> None:
        """Takes a document over."""
        async with self.slots:
            await self.post(f"/v1/accountingDocuments/{document['invoiceId']}/acknowledge")

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

    async def carry(self, document: dict[str, Any]) -> None:
        """One document: created, posted, told."""
        async with self.slots:
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
            number = posted[1]["body"]["number"]
            response = {
                "externalCode": str(uuid.uuid4()), "sourceSystem": "bare", "responseMessage": f"Posted as {number}.",
                "success": True, "paymentBlock": False, "voucherNumber1": number,
                "transferDate": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            }  # fmt: skip
            await self.post(f"/v1/accountingDocuments/{document['invoiceId']}/transferResponses", response)

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
async def bare(served: Sandbox, code: str) -> AsyncGenerator[Bare]:
    """Signed in to both systems for a company."""
    async with aiohttp.ClientSession() as plain:
        form = {"grant_type": "client_credentials"}
        login = aiohttp.BasicAuth("acme", SECRETS["BS"])
        url = f"{served.addresses[BASWARE]}/v1/tokens"
        async with plain.post(url, data=form | {"scope": _SCOPES}, auth=login) as reply:
            basware = (await reply.json())["access_token"]
        entra = form | {
            "client_id": CLIENT, "client_secret": SECRETS["BC"],
            "scope": "https://api.businesscentral.dynamics.com/.default",
        }  # fmt: skip
        async with plain.post(f"{served.addresses[LEDGER]}/{TENANT}/oauth2/v2.0/token", data=entra) as reply:
            ledger = (await reply.json())["access_token"]
    async with (
        _session(basware, 5) as one,
        _session(ledger, PARALLEL, **{"Accept-Language": "en-US"}) as other,
        aiohttp.ClientSession() as files,
    ):
        yield Bare(served, code, one, other, files)


def _session(token: str, limit: int, **headers: str) -> aiohttp.ClientSession:
    given = {"Accept": "application/json", "Authorization": f"Bearer {token}", **headers}
    return aiohttp.ClientSession(headers=given, connector=aiohttp.TCPConnector(limit=limit))


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
