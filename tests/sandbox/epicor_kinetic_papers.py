"""How the screen enters an invoice into the simulated Epicor Kinetic, call by call (Epicor dossier 9)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from epicor_kinetic_wire import Reply, Wire

INVOICES = "Erp.BO.APInvoiceSvc"
GROUPS = "Erp.BO.APInvGrpSvc"
POSTING = "Erp.PROC.APInvoicePostSvc"
GROUP = "BW250131"
ACCOUNT = "6110|D010|A01"
NUMBER = "INV-77"
Tableset = dict[str, list[dict[str, Any]]]


async def make_group(wire: Wire, group: str = GROUP) -> dict[str, Any]:
    """A group that nobody holds."""
    ds = (await wire.call(f"{GROUPS}/GetNewAPInvGrpNoLock", ds={})).ds
    ds["APInvGrp"][-1]["GroupID"] = group
    return (await wire.call(f"{GROUPS}/Update", ds=ds)).ds["APInvGrp"][0]


def vendor_of(wire: Wire, *, currency: str = "EUR", place: int = 0) -> str:
    """VendorID of a supplier that can be billed in that currency."""
    fit = [each.number for each in wire.company.vendors if each.currency == currency and not each.blocked]
    return fit[place]


async def draw_header(
    wire: Wire,
    *,
    number: str = NUMBER,
    total: float = 124,
    vendor: str = "",
    group: str = GROUP,
    debit_memo: bool = False,
    **changes: Any,
) -> Tableset:
    """A header that is not stored yet, drawn up with the screen's calls."""
    kind = "DebitMemo" if debit_memo else "Invoice"
    ds = (await wire.call(f"{INVOICES}/GetNewAPInvHed{kind}", ds={}, cGroupID=group)).ds
    supplier = vendor or vendor_of(wire)
    ds = (await wire.call(f"{INVOICES}/ChangeVendorID", ProposedVendorID=supplier, confirmCheck=False, ds=ds)).ds
    day = f"{wire.company.today.isoformat()}T00:00:00"
    ds = (await wire.call(f"{INVOICES}/ChangeInvoiceDateEx", ProposedInvoiceDate=day, recalcAmts="", ds=ds)).ds
    ds = (await wire.call(f"{INVOICES}/ChangeInvoiceVendorAmt", ProposedInvoiceVendorAmt=total, ds=ds)).ds
    ds["APInvHed"][0] |= {"InvoiceNum": number, **changes}
    return ds


async def draw_line(
    wire: Wire, ds: Tableset, *, amount: float = 100, part: str = "Copy paper", category: str = "VAT24", place: int = 0
) -> dict[str, Any]:
    """A new miscellaneous line of the header in the tableset, by calls of its own; `place` is our number of it."""
    head = ds["APInvHed"][0]
    bare = {"APInvHed": [head]}
    asked = {"ds": bare, "iVendorNum": head["VendorNum"], "cInvoiceNum": head["InvoiceNum"]}
    drawn = (await wire.call(f"{INVOICES}/GetNewAPInvDtlMiscellaneous", **asked)).ds
    drawn = (await wire.call(f"{INVOICES}/ChangePartNum", ProposedPartNum=part, ds=drawn)).ds
    drawn = (await wire.call(f"{INVOICES}/ChangeExtCost", ProposedExtCost=amount, ds=drawn)).ds
    drawn = (await wire.call(f"{INVOICES}/ChangeTaxCatID", ipTaxCatID=category, ds=drawn)).ds
    return {**drawn["APInvDtl"][-1], "InvoiceLine": place}


async def draw_coding(wire: Wire, ds: Tableset, line: dict[str, Any], account: str = ACCOUNT) -> Tableset:
    """The GL rows that go with a new line: its amount and its account."""
    named = {"vendorNum": line["VendorNum"], "invoiceNum": line["InvoiceNum"], "invoiceLine": line["InvoiceLine"]}
    bare: Tableset = {"APInvHed": ds["APInvHed"], "APInvDtl": [line]}
    amounts = (await wire.call(f"{INVOICES}/GetNewAPInvExp", ds=bare, **named)).ds
    drawn = (await wire.call(f"{INVOICES}/GetNewAPInvExpTGLC", ds=amounts, **named, invExpSeq=0)).ds
    coded = {"COACode": "MAIN", "GLAccount": account, "RowMod": "A"}
    values = {f"SegValue{at}": value for at, value in enumerate(account.split("|"), 1)}
    return {"APInvExp": drawn["APInvExp"], "APInvExpTGLC": [{**drawn["APInvExpTGLC"][0], **coded, **values}]}


async def draw_invoice(wire: Wire, *, amounts: tuple[float, ...] = (100,), **changes: Any) -> Tableset:
    """A whole invoice with its lines and their coding, nothing of it stored yet."""
    head = await draw_header(wire, **changes)
    ds: Tableset = {**head, "APInvDtl": [], "APInvExp": [], "APInvExpTGLC": []}
    for place, amount in enumerate(amounts, 1):
        line = await draw_line(wire, head, amount=amount, place=place)
        coding = await draw_coding(wire, head, line)
        ds["APInvDtl"].append(line)
        ds["APInvExp"] += coding["APInvExp"]
        ds["APInvExpTGLC"] += coding["APInvExpTGLC"]
    return ds


async def save(wire: Wire, ds: Tableset, *, group: str = GROUP, table: str = "APInvHed", **more: Any) -> Reply:
    """UpdateMaster, all of its parameters."""
    checks = {"runChkCPay": False, "runChkBankRef": False, "runChkRevChrg": False, "suppressUserPrompts": True}
    return await wire.call(f"{INVOICES}/UpdateMaster", ds=ds, cGroupID=group, cTableName=table, **checks | more)


async def code_lines(wire: Wire, ds: Tableset, account: str = ACCOUNT) -> Tableset:
    """The second save: the account of every line, as the server's own rows want it."""
    values = {f"SegValue{at}": value for at, value in enumerate(account.split("|"), 1)}
    rows = [
        {**row, "COACode": "MAIN", "GLAccount": account, **values, "RowMod": "U"}
        for row in ds["APInvExpTGLC"]
        if not row["BookID"]
    ]
    return (await save(wire, {"APInvExpTGLC": rows}, group=ds["APInvHed"][0]["GroupID"], table="APInvExpTGLC")).ds


async def make_invoice(wire: Wire, *, account: str = ACCOUNT, **changes: Any) -> Tableset:
    """A stored and coded invoice in a group of its own making."""
    group = str(changes.get("group", GROUP))
    if not (await wire.get(f"{GROUPS}/APInvGrps", filter=f"GroupID eq '{group}'")).rows:
        await make_group(wire, group)
    reply = await save(wire, await draw_invoice(wire, **changes), group=group)
    assert reply.status == 200, reply.body
    return await code_lines(wire, reply.ds, account)


async def read_invoice(wire: Wire, vendor: Any, number: str = NUMBER) -> Tableset:
    """The whole invoice as GetByID gives it."""
    reply = await wire.send("GET", f"{INVOICES}/GetByID?vendorNum={vendor}&invoiceNum={number}")
    assert reply.status == 200, reply.body
    return reply.body["returnObj"]


async def submit(wire: Wire, group: str = GROUP, **changes: Any) -> Reply:
    """Gives a group to the task agent."""
    ds = (await wire.send("GET", f"{POSTING}/GetNewParameters")).body["returnObj"]
    ds["APInvoicePostParam"][0] |= {"GroupID": group, "AgentID": "SystemTaskAgent", "RowMod": "A"}
    asked = {
        "agentID": "SystemTaskAgent",
        "agentSchedNum": 0,
        "agentTaskNum": 0,
        "maintProgram": "Erp.UIRpt.APInvoicePost",
    }
    return await wire.call(f"{POSTING}/SubmitToAgent", ds=ds, **asked | changes)


async def post(wire: Wire, **changes: Any) -> dict[str, Any]:
    """A posted invoice, as the control page shows it."""
    ds = await make_invoice(wire, **changes)
    head = ds["APInvHed"][0]
    assert head["DocInvoiceVariance"] == Decimal(0), head["DocInvoiceVariance"]
    assert (await submit(wire, head["GroupID"])).status == 200
    await wire.control("clock", seconds=5)
    return await bill(wire, id=head["SysRowID"])


async def bills(wire: Wire) -> list[dict[str, Any]]:
    """Every bill with its rows."""
    return (await wire.show("bills?company=4000&rows=true"))["bills"]


async def bill(wire: Wire, **wanted: Any) -> dict[str, Any]:
    """The one bill that has those values."""
    fit = [each for each in await bills(wire) if all(each[name] == value for name, value in wanted.items())]
    assert len(fit) == 1, fit
    return fit[0]
