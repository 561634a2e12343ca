"""Bills in the simulated Acumatica, as tests make, change, release and read them."""

from __future__ import annotations

from typing import Any

from acumatica_calls import Reply, Wire, plain, wrapped

KEYS = ("Type", "ReferenceNbr")


def bill_line(**changes: Any) -> dict[str, Any]:
    """A line of 100 at 24 %."""
    usual = {"TransactionDescription": "Copy paper", "Account": "6110", "ExtendedCost": 100, "TaxCategory": "VAT24"}
    return {**wrapped(**{**usual, **changes})} | {name: changes[name] for name in ("id", "delete") if name in changes}


def bill_body(wire: Wire, **changes: Any) -> dict[str, Any]:
    """A bill that leaves hold: two lines, 300 net, 72 VAT."""
    usual: dict[str, Any] = {
        "Type": "Bill",
        "Vendor": wire.vendor(),
        "VendorRef": "FP-88213",
        "CurrencyID": "EUR",
        "Amount": 372,
        "Hold": False,
        "Details": [bill_line(), bill_line(Account="6210", ExtendedCost=200)],
    }
    chosen = {name: value for name, value in {**usual, **changes}.items() if value is not None and name != "custom"}
    return wrapped(**chosen) | ({"custom": changes["custom"]} if "custom" in changes else {})


async def put_bill(wire: Wire, body: dict[str, Any], expand: str = "Details,TaxDetails,Applications") -> Reply:
    return await wire.put(f"Bill?$expand={expand}", body)


async def make_bill(wire: Wire, **changes: Any) -> dict[str, Any]:
    """A bill in the ledger, without its wrapping."""
    reply = await put_bill(wire, bill_body(wire, **changes))
    assert reply.status == 200, reply.body
    return plain(reply.body)


async def change_bill(wire: Wire, bill: dict[str, Any], **changes: Any) -> Reply:
    keys = {name: bill[name] for name in KEYS}
    return await put_bill(wire, wrapped(**keys, **changes))


async def changed_bill(wire: Wire, bill: dict[str, Any], **changes: Any) -> dict[str, Any]:
    reply = await change_bill(wire, bill, **changes)
    assert reply.status == 200, reply.body
    return plain(reply.body)


async def refused_bill(wire: Wire, **changes: Any) -> Reply:
    """A PUT that is refused and leaves nothing behind."""
    before = len(await wire.bills())
    reply = await put_bill(wire, bill_body(wire, **changes))
    assert reply.status >= 400, reply.body
    assert len(await wire.bills()) == before
    return reply


def keys_of(bill: dict[str, Any]) -> dict[str, Any]:
    return {"entity": wrapped(**{name: bill[name] for name in KEYS})}


async def act(wire: Wire, action: str, bill: dict[str, Any], entity: str = "Bill") -> Reply:
    """Runs an action to its end; the reply that ended it."""
    reply = await wire.post(f"{entity}/{action}", keys_of(bill))
    while reply.status == 202:
        reply = await wire.send("GET", reply.headers["Location"])
    return reply


async def released_bill(wire: Wire, **changes: Any) -> dict[str, Any]:
    bill = await make_bill(wire, **changes)
    assert (await act(wire, "ReleaseBill", bill)).status == 204
    return await read_document(wire, bill)


async def read_document(wire: Wire, bill: dict[str, Any], entity: str = "Bill") -> dict[str, Any]:
    expand = {"Bill": "Details,TaxDetails,Applications", "Check": "Details,History"}[entity]
    return await wire.record(f"{entity}/{bill['Type']}/{bill['ReferenceNbr']}", expand=expand)


def fault_of(reply: Reply, field: str) -> str:
    """The `error` of a field by its path, `Details/0/Account`."""
    assert reply.status == 422, reply.body
    place: Any = reply.body
    for step in field.split("/"):
        place = place[int(step)] if step.isdigit() else place[step]
    return place["error"]
