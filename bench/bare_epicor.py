"""The bare loop's ledger: Epicor Kinetic with the product's calls."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

from bench.bare import session
from bench.stage import EPICOR, EPICOR_DIMENSIONS, EPICOR_INSTANCE, EPICOR_USER, SECRETS, TAX_CODES, Sandbox
from bench.stage import epicor_company as company_of

PARALLEL: Final = 2
"""Calls under way, as the product keeps them."""
_CHART: Final = "MAIN"
_INVOICE: Final = "Erp.BO.APInvoiceSvc"
_GROUP: Final = "Erp.BO.APInvGrpSvc"
_POST: Final = "Erp.PROC.APInvoicePostSvc"
_HEADER: Final = (
    "Company,VendorNum,InvoiceNum,VendorNumVendorID,GroupID,Posted,DebitMemo,InvoiceHeld,ExternalID,ApplyDate,"
    "DocInvoiceAmt,DocInvoiceVendorAmt,DocTaxAmt,DocInvoiceBal,OpenPayable,CurrencyCode,LegalNumber,JournalNum,"
    "RefCancelledby,CancellationInv,SysRowID,SysRevID"
)
_VENDOR: Final = "VendorNum,VendorID,Inactive,TermsCode,CurrencyCode"
_VALUE: Final = "COACode,SegmentNbr,SegmentCode,ActiveFlag,EffectiveFrom,EffectiveTo"
_GROUP_ROW: Final = "GroupID,ActiveUserID,CreatedBy,PostInProcess,PostErrorLog"
_TASK: Final = "SysTaskNum,SubmitUser,TaskStatus,ErrorMsg,ActivityMsg,TaskNote"
_BOOKS: Final = {
    "Erp.BO.COASvc/COASegments": "COACode,SegmentNbr,SegmentName,Dynamic,EntryControl",
    "Erp.BO.TaxCatSvc/TaxCats": "TaxCatID",
    "Erp.BO.CurrencySvc/Currencies": "CurrencyCode,Inactive",
}
_TABLES: Final = ("APInvDtl", "APInvExp", "APInvExpTGLC")
_FILTER_TERMS: Final = 20
"""Conditions in one filter, so that an address stays below what IIS allows."""
_DYNAMIC: Final = 4
"""The segment whose value stands beside the account and not in it."""

Row = dict[str, Any]
Tableset = dict[str, list[Row]]


@dataclass(slots=True)
class BareEpicor:
    """One company."""

    root: str
    http: aiohttp.ClientSession
    batch_size: int = 10
    in_hand: int = 2
    vendors: dict[str, int] = field(default_factory=dict[str, int])
    known: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """Segment values that were looked up."""
    accounts: set[str] = field(default_factory=set[str])
    numbers: count[int] = field(default_factory=lambda: count(1))
    calls: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PARALLEL))
    storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Writes leave one after the other."""

    # ------------------------------------------------------------------ calls

    async def rows(self, path: str, select: str, where: str = "", order: str = "") -> list[Row]:
        """One page of a set."""
        options = {"select": select, "filter": where, "orderby": order, "top": "100", "count": "true"}
        query = "&".join(f"${name}={quote(value, safe='(),')}" for name, value in options.items() if value)
        return (await self._sent("GET", f"{path}?{query}"))["value"]

    async def call(self, service: str, name: str, **parameters: Any) -> Any:
        """A method that stores nothing; what it answers."""
        return await self._sent("POST", f"{service}/{name}", parameters)

    async def store(self, service: str, name: str, **parameters: Any) -> Any:
        """A method that stores."""
        async with self.storing:
            return await self._sent("POST", f"{service}/{name}", parameters)

    async def _sent(self, method: str, path: str, body: Any = None) -> Any:
        url = URL(f"{self.root}/{path}", encoded=True)
        async with self.calls, self.http.request(method, url, json=body) as reply:
            answer = json.loads(await reply.read())
            assert reply.status == 200, (path, answer)
            return answer

    async def change(self, name: str, ds: Tableset, **parameters: Any) -> Tableset:
        """A method that works on a tableset and gives it back."""
        return (await self.call(_INVOICE, name, ds=ds, **parameters))["parameters"]["ds"]

    async def save(self, ds: Tableset, group: str, table: str) -> None:
        """Stores the marked rows of an invoice."""
        answer = await self.store(
            _INVOICE, "UpdateMaster", ds=ds, cGroupID=group, cTableName=table, runChkCPay=False, runChkBankRef=False,
            runChkRevChrg=False, suppressUserPrompts=True,
        )  # fmt: skip
        assert answer["parameters"]["lUpdateRan"], answer

    async def whole(self, vendor: int, number: str) -> Tableset:
        """An invoice with its lines and accounts."""
        query = f"vendorNum={vendor}&invoiceNum={quote(number, safe='')}"
        return (await self._sent("GET", f"{_INVOICE}/GetByID?{query}"))["returnObj"]

    async def header(self, row_id: str) -> Row:
        """An invoice as it is told."""
        return (await self.rows(f"{_INVOICE}/APInvoices", _HEADER, f"SysRowID eq {row_id}"))[0]

    # ------------------------------------------------------------------ checking

    async def check(self, batch: list[dict[str, Any]], *, first: bool) -> None:
        """The reads the product makes to check a batch."""
        await self._look_up_vendors({each["supplierCode"] for each in batch} - self.vendors.keys())
        if first:
            for path, select in _BOOKS.items():
                await self.rows(path, select)
        rows = [row for each in batch for row in each["codingRows"]]
        await self._look_up_values({value for row in rows for value in _values(row)} - self.known)
        new = {_stored(row) for row in rows} - self.accounts
        self.accounts |= new
        await asyncio.gather(
            *(self.call("Erp.BO.GLAccountSvc", "GlAccountExists", ipCOACode=_CHART, ipGLAccount=each) for each in new)
        )
        await self.rows(f"{_INVOICE}/APInvoices", _HEADER, _any(self._is_number_of(each) for each in batch))

    async def _look_up_vendors(self, wanted: set[str]) -> None:
        if wanted:
            where = _any(f"VendorID eq '{each}'" for each in sorted(wanted))
            self.vendors |= {row["VendorID"]: row["VendorNum"] for row in await self._vendors(where)}

    async def _vendors(self, where: str) -> list[Row]:
        return await self.rows("Erp.BO.VendorSvc/Vendors", _VENDOR, where)

    async def _look_up_values(self, wanted: set[tuple[str, str]]) -> None:
        self.known |= wanted
        asked = sorted(wanted)
        for start in range(0, len(asked), _FILTER_TERMS):
            part = asked[start : start + _FILTER_TERMS]
            where = _any(f"(SegmentNbr eq {segment} and SegmentCode eq '{value}')" for segment, value in part)
            await self.rows("Erp.BO.COASegValuesSvc/COASegValues", _VALUE, f"COACode eq '{_CHART}' and ({where})")

    def _is_number_of(self, document: dict[str, Any]) -> str:
        vendor = self.vendors[document["supplierCode"]]
        return f"(VendorNum eq {vendor} and InvoiceNum eq '{document['invoiceNumber']}')"

    # ------------------------------------------------------------------ one bill

    async def create(self, document: dict[str, Any]) -> str:
        """Enters an invoice on hold in a group of its own, codes it, takes it off hold and posts it; its number."""
        group, vendor, number = (
            await self._new_group(),
            self.vendors[document["supplierCode"]],
            document["invoiceNumber"],
        )
        head = await self._head(document, group, vendor)
        whole: Tableset = {"APInvHed": [head], **{name: [] for name in _TABLES}}
        for place, row in enumerate(document["codingRows"], 1):
            drawn = await self._line(head, vendor, row, place)
            for name in _TABLES:
                whole[name] += [each for each in drawn.get(name, []) if each.get("RowMod")]
        await self.save(whole, group, "APInvHed")
        there = await self.whole(vendor, number)
        for coding, row in zip(_by_line(there["APInvExpTGLC"]), document["codingRows"], strict=True):
            coding.update(_columns(row), RowMod="U")
        coded: Tableset = {name: there[name] for name in ("APInvHed", *_TABLES)}
        await self.save(coded, group, "APInvExpTGLC")
        row_id = (await self.whole(vendor, number))["APInvHed"][0]["SysRowID"]
        await self.call(_GROUP, "UnlockGroup", InGroupID=group)
        await self._take_off_hold(document, group, row_id)
        await self._post(group)
        posted = await self.header(row_id)
        await self.call(_GROUP, "UnlockGroup", InGroupID=group)
        assert posted["Posted"], posted
        return number

    async def _new_group(self) -> str:
        group = f"B{next(self.numbers):06d}"
        await self.rows(f"{_GROUP}/APInvGrps", _GROUP_ROW, f"GroupID eq '{group}'")
        ds = (await self.call(_GROUP, "GetNewAPInvGrpNoLock", ds={}))["parameters"]["ds"]
        ds["APInvGrp"][0] |= {"GroupID": group}
        await self.store(_GROUP, "Update", ds=ds)
        return group

    async def _head(self, document: dict[str, Any], group: str, vendor: int) -> Row:
        number = document["invoiceNumber"]
        ds = await self.change("GetNewAPInvHedInvoice", {}, cGroupID=group)
        ds = await self.change("ChangeVendorID", ds, ProposedVendorID=document["supplierCode"], confirmCheck=False)
        ds["APInvHed"][0] |= {"InvoiceNum": number}
        ds = await self.change(
            "ChangeInvoiceDateEx", ds, ProposedInvoiceDate=document["invoiceDate"][:10], recalcAmts=""
        )
        ds = await self.change(
            "OnChangeofApplyDateEx", ds, VendorNum=vendor, InvoiceNum=number, recalcAmts="",
            NewApplyDate=document["voucherDate"][:10],
        )  # fmt: skip
        ds = await self.change("ChangeInvoiceVendorAmt", ds, ProposedInvoiceVendorAmt=document["grossSum"])
        ds = await self.change("ChangeDueDate", ds, ProposedDueDate=document["dueDate"][:10])
        text = document["description"]
        return ds["APInvHed"][0] | {
            "Description": text[:50], "InvoiceComment": text, "ExternalID": f"bare-{number}", "InvoiceHeld": True,
            "ReadyToCalc": True,
        }  # fmt: skip

    async def _line(self, head: Row, vendor: int, row: dict[str, Any], place: int) -> Tableset:
        number, text = head["InvoiceNum"], row.get("text1") or head["InvoiceNum"]
        ds: Tableset = {"APInvHed": [head]}
        ds = await self.change("GetNewAPInvDtlMiscellaneous", ds, iVendorNum=vendor, cInvoiceNum=number)
        ds["APInvDtl"][0] |= {"InvoiceLine": place}
        ds = await self.change("ChangePartNum", ds, ProposedPartNum=text[:50])
        ds["APInvDtl"][0] |= {"Description": text, "DocExtCost": row["netTotal"]}
        ds = await self.change("ChangeExtCost", ds, ProposedExtCost=row["netTotal"])
        ds = await self.change("ChangeTaxCatID", ds, ipTaxCatID=TAX_CODES[row["taxCode"]])
        keys = {"vendorNum": vendor, "invoiceNum": number, "invoiceLine": place}
        ds = await self.change("GetNewAPInvExp", ds, **keys)
        ds["APInvExp"][0] |= {"InvoiceLine": place, "InvExpSeq": 1}
        ds = await self.change("ChangeExpLineAmt", ds, ProposedAmt=row["netTotal"])
        ds = await self.change("GetNewAPInvExpTGLC", ds, **keys, invExpSeq=1)
        ds["APInvExpTGLC"][0] |= {"InvoiceLine": place, "InvExpSeq": 1, **_columns(row)}
        return ds

    async def _take_off_hold(self, document: dict[str, Any], group: str, row_id: str) -> None:
        vendor, values = document["supplierCode"], {each for row in document["codingRows"] for each in _values(row)}
        await self.header(row_id)
        await self._group_row(group)
        there = await self.whole(self.vendors[vendor], document["invoiceNumber"])
        await self._vendors(f"VendorID eq '{vendor}'")
        await self._look_up_values(values)
        head = there["APInvHed"][0] | {"InvoiceHeld": False, "RowMod": "U"}
        await self.save({"APInvHed": [head]}, group, "APInvHed")
        await self.header(row_id)

    async def _post(self, group: str) -> None:
        await self._group_row(group)
        await self.call(_GROUP, "UnlockGroup", InGroupID=group)
        await self.call(_GROUP, "PrePostGroupInvoices", PostGroupID=group)
        await self.rows("Ice.BO.SysTaskSvc/SysTasks", _TASK, f"SubmitUser eq '{EPICOR_USER}'", "SysTaskNum desc")
        ds = (await self._sent("GET", f"{_POST}/GetNewParameters"))["returnObj"]
        ds["APInvoicePostParam"][0] |= {"GroupID": group, "AgentID": "SystemTaskAgent", "RowMod": "A"}
        await self.store(
            _POST, "SubmitToAgent", ds=ds, agentID="SystemTaskAgent", agentSchedNum=0, agentTaskNum=0,
            maintProgram="Erp.UIRpt.APInvoicePost",
        )  # fmt: skip

    async def _group_row(self, group: str) -> None:
        await self.rows(f"{_GROUP}/APInvGrps", _GROUP_ROW, f"GroupID eq '{group}'")


@asynccontextmanager
async def epicor_kinetic(served: Sandbox, code: str) -> AsyncGenerator[BareEpicor]:
    """Ready for a company: the login goes along with each call."""
    login = base64.b64encode(f"{EPICOR_USER}:{SECRETS['EP']}".encode()).decode()
    root = f"{served.addresses[EPICOR]}/{EPICOR_INSTANCE}/api/v2/odata/{company_of(code)}"
    async with session(PARALLEL, Authorization=f"Basic {login}", **{"x-api-key": SECRETS["EK"]}) as http:
        yield BareEpicor(root, http)


def _values(row: dict[str, Any]) -> list[tuple[str, str]]:
    """The segments of a coding row by their numbers."""
    others = {segment: row[ours] for ours, segment in EPICOR_DIMENSIONS.items() if row.get(ours)}
    return sorted({"1": row["accountCode"], **others}.items())


def _stored(row: dict[str, Any]) -> str:
    """An account as the ledger stores it: without the dynamic segment, and nothing behind the last value."""
    values = dict(_values(row))
    return "|".join(values.get(str(segment), "") for segment in range(1, _DYNAMIC)).rstrip("|")


def _columns(row: dict[str, Any]) -> Row:
    values = {f"SegValue{segment}": value for segment, value in _values(row)}
    return {"COACode": _CHART, "GLAccount": _stored(row), **values}


def _by_line(rows: Iterable[Row]) -> list[Row]:
    return sorted((row for row in rows if row["RecordType"] == "A"), key=lambda row: row["InvoiceLine"])


def _any(conditions: Iterable[str]) -> str:
    return " or ".join(conditions)
