"""Vendors as the bare loop brings them: the same pages read, batches posted and statuses polled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any, Final
from urllib.parse import quote

from bench.bare import Bare
from bench.bare_business_central import BareBusinessCentral
from bench.stage import BASWARE

PAGE: Final = 5_000
BATCH: Final = 200
POSTS: Final = 3
"""Import calls under way, as the product keeps them."""
_FIELDS: Final = (
    "id,number,displayName,addressLine1,addressLine2,city,state,country,postalCode,phoneNumber,email,"
    "taxRegistrationNumber,currencyCode,paymentTermsId,blocked,lastModifiedDateTime"
)


async def bring_vendors(loop: Bare[BareBusinessCentral], company: str) -> int:
    """Imports all vendors into a company of Basware and waits for the outcome of every batch; how many were taken."""
    terms = {row["id"]: row["code"] for row in await loop.ledger.rows("paymentTerms", **{"$select": "id,code"})}
    slots = asyncio.Semaphore(POSTS)
    posts: set[asyncio.Task[str]] = set()
    requests: list[str] = []
    async for rows in _pages(loop.ledger):
        items = [_item(row, terms, company) for row in rows if row["blocked"] != "All"]
        for start in range(0, len(items), BATCH):
            while len(posts) >= POSTS:
                done, posts = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
                requests += [task.result() for task in done]
            posts.add(asyncio.create_task(_send(loop, items[start : start + BATCH], slots)))
    requests += await asyncio.gather(*posts)
    looks = asyncio.Semaphore(5)
    return sum(await asyncio.gather(*(_outcome(loop, each, looks) for each in requests)))


async def _pages(ledger: BareBusinessCentral) -> AsyncGenerator[list[dict[str, Any]]]:
    url: str | None = f"{ledger.api}/{ledger.company}/vendors?$select={quote(_FIELDS, safe=',')}"
    while url is not None:
        page = await ledger.page(url, size=PAGE)
        yield page["value"]
        url = page.get("@odata.nextLink")


async def _send(loop: Bare[Any], items: list[dict[str, Any]], slots: asyncio.Semaphore) -> str:
    async with slots:
        reply = await loop.post("/v1/vendors", items)
        return reply.headers["x-amzn-RequestId"]


async def _outcome(loop: Bare[Any], request: str, looks: asyncio.Semaphore) -> int:
    address = loop.served.addresses[BASWARE]
    while True:
        async with looks, loop.basware.get(f"{address}/v1/requestStatus/{request}") as reply:
            content = await reply.read()
        told = json.loads(content) if reply.status == 200 else {}
        items = [
            item
            for entry in told.get("requestStatus", ())
            for system in entry.get("systems", ())
            if system["system"] == "P2P"
            for item in system["items"]
        ]
        if items and all(item["status"] != "InProgress" for item in items):
            async with looks:
                await loop.post("/v1/requestStatus/acknowledge", {"requestIds": [request]})
            return sum(item["status"] == "Success" for item in items)
        await asyncio.sleep(0.25)


def _item(row: dict[str, Any], terms: dict[str, str], company: str) -> dict[str, Any]:
    key, source = row["id"], f"bare-{company}"
    return {
        "externalCode": f"{company}{key[4:36]}", "vendorCode": row["number"], "name": row["displayName"],
        "sourceSystem": source,
        "processingStatus": {"active": True, "paymentDenied": row["blocked"] == "Payment"},
        "companies": [{"companyCode": company, "inheritToChildUnits": False}],
        "identifiers": [{"id": row["taxRegistrationNumber"], "schemeId": "VATID", "defaultPartyId": False}],
        "paymentTerms": {"paymentTermCode": terms[row["paymentTermsId"]]},
        "addresses": [{
            "externalCode": f"{company}a{key[5:36]}", "name": "Postal", "addressType": "PostalAddress", "default": True,
            "streetName": row["addressLine1"], "cityName": row["city"], "postalZone": row["postalCode"],
            "countryId": row["country"], "additionalAddressFields": [{"key": "Country", "value": row["country"]}],
        }],
        "contacts": [{
            "name": "Accounts receivable", "role": "PrimaryContact", "email": row["email"],
            "telephone": row["phoneNumber"],
        }],
        "paymentMeans": [{"paymentMeansCode": "BANK", "default": True, "currencyCode": row["currencyCode"]}],
    }  # fmt: skip
