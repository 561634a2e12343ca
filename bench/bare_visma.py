"""The bare loop the other way round: from Visma.net into the Basware Network with the product's calls."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from bench.bare import session
from bench.stage import (
    BASWARE,
    NETWORK_USER,
    SECRETS,
    VISMA,
    VISMA_CLIENT,
    Sandbox,
    network_endpoint,
    visma_tenant,
)  # fmt: skip

IN_HAND: Final = 8
"""Invoices under way, as the product has them."""
_AT_VISMA: Final = 4
_AT_BASWARE: Final = 5
_PAGE: Final = 500
_SUPPLIERS: Final = 1_000


@dataclass(slots=True)
class BareSupply:
    """Both systems, signed in, over pooled connections."""

    visma: aiohttp.ClientSession
    network: aiohttp.ClientSession
    erp: str
    basware: str
    endpoint: str
    accounts: dict[str, str] = field(default_factory=dict[str, str])
    hands: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(IN_HAND))

    async def transfer(self) -> int:
        """Everything that is there enters Basware; how many."""
        offered = [row for kind in ("Invoice", "DebitAdj") for row in await self._listed(kind)]
        suppliers, _ = await asyncio.gather(
            self._pages("/v1/supplier", _SUPPLIERS), self._get("/v1/vatCategory"),
        )  # fmt: skip
        self.accounts = {row["number"]: _account(row) for row in suppliers}
        await asyncio.gather(*(self._carry(row) for row in offered))
        return len(offered)

    async def _listed(self, kind: str) -> list[dict[str, Any]]:
        return await self._pages(f"/v1/supplierInvoice?documentType={kind}&expandAttachment=true", _PAGE)

    async def _pages(self, path: str, size: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        while True:
            glue = "&" if "?" in path else "?"
            page = await self._get(f"{path}{glue}pageNumber={len(rows) // size + 1}&pageSize={size}")
            rows += page or []
            if len(page or []) < size:
                return rows

    async def _get(self, path: str) -> Any:
        async with self.visma.get(f"{self.erp}{path}") as reply:
            content = await reply.read()
            assert reply.status == 200, (path, reply.status, content)
            return json.loads(content) if content else None

    async def _carry(self, row: dict[str, Any]) -> None:
        """One invoice: read once more, its files brought over, sent."""
        async with self.hands:
            invoice = await self._get(f"/v1/supplierInvoice/{row['documentType']}/{row['referenceNumber']}")
            refs = [await self._bring(file) for file in invoice["attachments"]]
            body = {
                "clientToken": str(uuid.uuid4()), "fileRefs": [{"refId": ref} for ref in refs],
                "data": _invoice(invoice, self.endpoint, self.accounts[invoice["supplier"]["number"]]),
            }  # fmt: skip
            await self._post(f"/v1/invoices/{uuid.uuid4()}", json.dumps(body).encode(), "application/json")

    async def _bring(self, file: dict[str, Any]) -> str:
        async with self.visma.get(f"{self.erp}/v1/attachment/{file['id']}") as reply:
            content = await reply.read()
            assert reply.status == 200, reply.status
        stored = await self._post("/v2/files", content, "application/pdf", name=file["name"])
        return json.loads(stored)["refId"]

    async def _post(self, path: str, content: bytes, kind: str, *, name: str = "") -> bytes:
        headers = {"Content-Type": kind}
        if name:
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        async with self.network.post(f"{self.basware}{path}", data=content, headers=headers) as reply:
            answer = await reply.read()
            assert reply.status < 300, (path, reply.status, answer)
            return answer


@asynccontextmanager
async def bare_supply(served: Sandbox, code: str) -> AsyncGenerator[BareSupply]:
    """Signed in to both systems for a company."""
    erp, basware = served.addresses[VISMA], served.addresses[BASWARE]
    form = {
        "grant_type": "client_credentials", "scope": "vismanet_erp_service_api:read", "client_id": VISMA_CLIENT,
        "client_secret": SECRETS["VN"], "tenant_id": visma_tenant(code),
    }  # fmt: skip
    async with aiohttp.ClientSession() as plain, plain.post(f"{erp}/connect/token", data=form) as reply:
        token = (await reply.json())["access_token"]
    signed = aiohttp.BasicAuth(NETWORK_USER, SECRETS["NW"]).encode()
    async with (
        session(_AT_VISMA, Authorization=f"Bearer {token}") as visma,
        session(_AT_BASWARE, Authorization=signed) as network,
    ):
        yield BareSupply(visma, network, erp, basware, network_endpoint(code))


def _account(supplier: dict[str, Any]) -> str:
    details = supplier.get("supplierPaymentMethodDetails") or ()
    return next((str(each["paymentMethodDetailValue"]) for each in details if each["paymentMethodDetailValue"]), "")


def _invoice(row: dict[str, Any], endpoint: str, account: str) -> dict[str, Any]:
    currency, taxes = row["currencyId"], row["taxDetailLines"]
    net = row["amount"] - row["vatTotal"]

    def amount(value: float) -> dict[str, Any]:
        return {"currencyId": currency, "amount": round(value, 2)}

    means: dict[str, Any] = {
        "paymentMeansCode": "31", "paymentDueDate": row["dueDate"][:10],
        "paymentIdentifier": {"id": row["paymentRefNo"]},
    }  # fmt: skip
    if account:
        means["financialAccount"] = [{"ids": [{"id": account, "schemeId": "IBAN"}]}]
    return {
        "id": row["supplierReference"], "issueDate": row["origInvoiceDate"][:10], "documentCurrencyCode": currency,
        "note": row["description"],
        "additionalDocumentReference": {"id": f"{row['documentType']}/{row['referenceNumber']}"},
        "accountingSupplierParty": {
            "partyName": row["supplier"]["name"], "partyIdentification": [{"id": row["supplier"]["number"]}],
        },
        "accountingCustomerParty": {"partyName": "Acme", "endpoint": {"id": endpoint}},
        "paymentMeans": means,
        "paymentTerms": {"note": row["creditTerms"]["id"]},
        "taxTotal": amount(row["vatTotal"]) | {
            "taxSubTotal": [
                amount(each["vatAmount"]) | {"taxableAmount": each["taxableAmount"], "percent": each["vatRate"]}
                for each in taxes
            ],
        },
        "legalMonetaryTotal": {"lineExtensionAmount": amount(net), "payableAmount": amount(row["amount"])},
        "invoiceLine": [
            {
                "id": str(line["lineNumber"]), "lineExtension": amount(line["cost"]),
                "item": {"name": line["transactionDescription"], "taxPercent": taxes[0]["vatRate"]},
            }
            for line in row["invoiceLines"]
        ],
    }  # fmt: skip
