"""The bare loop: the product's calls with nothing around them, as quick as plain asyncio makes them."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Generic, Protocol, TypeVar

import aiohttp
from yarl import URL

from bench.stage import BASWARE, SECRETS, Sandbox

CONTINUATION: Final = "x-amz-meta-continuationtoken"
_PARALLEL: Final = 5
"""Calls under way at Basware, as the product keeps them."""
_SCOPES: Final = (
    "accountingDocuments.read accountingDocuments.write vendors.write requestStatus.read requestStatus.write"
)


class BareLedger(Protocol):
    """What the loop asks of a ledger."""

    batch_size: int
    """Documents that are checked together, as the product does."""
    in_hand: int
    """Documents under way, as the product has them."""

    async def check(self, batch: list[dict[str, Any]], *, first: bool) -> None:
        """The reads the product makes to check a batch."""
        ...

    async def create(self, document: dict[str, Any]) -> str:
        """Makes a posted bill of a document; its number."""
        ...


L = TypeVar("L", bound=BareLedger)


@dataclass(slots=True)
class Bare(Generic[L]):
    """Both systems, signed in, over pooled connections."""

    served: Sandbox
    code: str
    ledger: L
    basware: aiohttp.ClientSession
    files: aiohttp.ClientSession
    """Not signed in: where Basware redirects to."""
    slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.ledger.in_hand)

    async def post(self, path: str, body: Any = None) -> aiohttp.ClientResponse:
        """One POST to Basware, its answer read."""
        address = self.served.addresses[BASWARE]
        headers = {"Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        async with self.basware.post(f"{address}{path}", data=content, headers=headers) as reply:
            await reply.read()
            assert reply.status < 300, (path, reply.status, await reply.text())
            return reply

    async def transfer(self) -> int:
        """Everything that is offered becomes a posted bill, and Basware is told; how many."""
        offered = [document async for page in self.offered() for document in page]
        running: set[asyncio.Task[None]] = set()
        size = self.ledger.batch_size
        for start in range(0, len(offered), size):
            batch = offered[start : start + size]
            await asyncio.gather(*(self.acknowledge(each) for each in batch))
            await self.ledger.check(batch, first=start == 0)
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

    async def carry(self, document: dict[str, Any]) -> None:
        """One document: created, posted, told."""
        async with self.slots:
            number = await self.ledger.create(document)
            response = {
                "externalCode": str(uuid.uuid4()), "sourceSystem": "bare", "responseMessage": f"Posted as {number}.",
                "success": True, "paymentBlock": False, "voucherNumber1": number,
                "transferDate": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            }  # fmt: skip
            await self.post(f"/v1/accountingDocuments/{document['invoiceId']}/transferResponses", response)


@asynccontextmanager
async def bare(
    served: Sandbox, code: str, ledger: Callable[[Sandbox, str], AbstractAsyncContextManager[L]]
) -> AsyncGenerator[Bare[L]]:
    """Signed in to both systems for a company."""
    form = {"grant_type": "client_credentials", "scope": _SCOPES}
    login = aiohttp.BasicAuth("acme", SECRETS["BS"])
    url = f"{served.addresses[BASWARE]}/v1/tokens"
    async with aiohttp.ClientSession() as plain, plain.post(url, data=form, auth=login) as reply:
        token = (await reply.json())["access_token"]
    async with (
        ledger(served, code) as books,
        session(_PARALLEL, Authorization=f"Bearer {token}") as basware,
        aiohttp.ClientSession() as files,
    ):
        yield Bare(served, code, books, basware, files)


def session(limit: int, **headers: str) -> aiohttp.ClientSession:
    """Pooled connections, at most so many."""
    given = {"Accept": "application/json", **headers}
    return aiohttp.ClientSession(headers=given, connector=aiohttp.TCPConnector(limit=limit))
