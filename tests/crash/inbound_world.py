"""A world for the road that runs the other way: an ERP's invoices go into Basware, and what entered is counted."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from crash_ledgers import Call
from crash_world import Child, Nursery, Sandbox
from psycopg.rows import dict_row

from simulation.sources import NETWORK, ROUTES, SMARTPDF, VISMA_NET
from simulation.systems import call, until

Fields = dict[str, Any]
SUPPLIERS = ("V000001", "V000002", "V000009")
"""Such as every founded company has, that may be dealt with."""
_CODES = count(5001)

# ------------------------------------------------------------------ the way of an invoice, its calls by route

SIGN_IN_TO_THE_ERP = Call("POST", "/connect/token$")
SIGN_IN_TO_BASWARE = Call("POST", "/v1/tokens$", ledger=False)
REDIRECT = Call("GET", "^/basware-sandbox/", ledger=False)
"""Basware's lists lie elsewhere."""
READS: Mapping[str, Call] = {
    "sign in to the ERP": SIGN_IN_TO_THE_ERP,
    "list": Call("GET", r"/v\d/supplierInvoice\?"),
    "read a supplier": Call("GET", r"/v\d/supplier/"),
    "list VAT categories": Call("GET", r"/v\d/vatCategory"),
    "read the invoice": Call("GET", r"/v\d/supplierInvoice/[^/?]+(?:/[^/?]+)?$"),
    "read a file": Call("GET", r"/v\d/attachment/"),
}
"""What the ERP is asked before anything is handed in, whichever way it goes."""
WRITES: Mapping[str, Mapping[str, Call]] = {
    NETWORK: {
        "store a file": Call("POST", "/v2/files$", ledger=False),
        "send the invoice": Call("POST", "/v1/invoices/", ledger=False),
    },
    SMARTPDF: {
        "sign in to Basware": SIGN_IN_TO_BASWARE,
        "take a ticket": Call("POST", "/v2/smartpdf/invoiceUpload$", ledger=False),
        "put the PDF": Call("PUT", "/smartpdf-upload/", ledger=False),
    },
}
ENTERS = {NETWORK: "send the invoice", SMARTPDF: "put the PDF"}
"""The write by which it enters."""
LOOKS: Mapping[str, Call] = {
    NETWORK: Call("GET", "/v1/invoices/", ledger=False),
    SMARTPDF: Call("GET", "/v1/accountingDocuments", ledger=False),
}
HEARS: Mapping[str, Mapping[str, Call]] = {
    NETWORK: {
        "sign in to Basware": SIGN_IN_TO_BASWARE,
        "list standings": Call("GET", "/v1/accountingDocuments", ledger=False),
        "redirect": REDIRECT,
        "read the mailbox": Call("GET", "/v2/notifications", ledger=False),
    },
    SMARTPDF: {
        "sign in to Basware": SIGN_IN_TO_BASWARE,
        "list standings": Call("GET", "/v1/accountingDocuments", ledger=False),
        "redirect": REDIRECT,
    },
}
NOTES: Mapping[str, Call] = {
    "read before noting": Call("GET", r"/v\d/supplierInvoice/[^/?]+(?:/[^/?]+)?$"),
    "write a note": Call("PUT", r"/v\d/supplierInvoice/"),
}


STEPS = ("received", "to hand in", "entered", "run")
"""The checkpoints of an invoice that goes straight in."""


def calls_of(route: str) -> dict[str, Call]:
    """Every call that an invoice costs on its way in, in this order."""
    return {**READS, **WRITES[route]}


# ------------------------------------------------------------------ invoices


def drawn(title: str) -> bytes:
    """A PDF whose one page says that; the simulated SmartPDF reads it."""
    return f"%PDF-1.4\n1 0 obj<<>>stream\nBT ({title}) Tj ET\nendstream endobj\n%%EOF\n".encode("latin-1")


@dataclass(frozen=True, slots=True)
class Paper:
    """An invoice in the ERP, and the files that go with it."""

    key: str
    reference: str
    supplier: str
    files: Mapping[str, bytes]

    @property
    def image(self) -> bytes:
        """The invoice itself."""
        return next(content for name, content in self.files.items() if name.endswith(".pdf"))

    def hashes(self, route: str) -> list[str]:
        """Of what is to enter by a route."""
        contents = [self.image] if route == SMARTPDF else list(self.files.values())
        return sorted(hashlib.sha256(each).hexdigest() for each in contents)


# ------------------------------------------------------------------ one case


@dataclass
class InboundWorld:
    """One database with its connections, and what both systems hold for them."""

    sandbox: Sandbox
    nursery: Nursery
    route: str
    home: Path
    dsn: str
    url: str
    folder: Path
    write_back: str = "none"
    flows: str = (
        "{supplier-invoices: {every: 1h}, statuses: {every: 1h}, vendors: {enabled: false}, "
        "purchase-orders: {enabled: false}}"
    )
    companies: list[str] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    first_wait: float = 0.2
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def close(self) -> None:
        for child in self.children:
            if child.status is None:
                child.send(signal.SIGKILL)
                child.ended()
        self.sandbox.quiet()
        call("POST", f"{self.sandbox.basware}/_sandbox/inbound-delay", {"seconds": 0, "tickets": 3600})

    # -------------------------------------------------------------- before

    @property
    def erp(self) -> str:
        """The address of the ERP."""
        return self.sandbox.address_of(VISMA_NET)

    def found(self, number: int = 1) -> list[str]:
        """Founds new companies in both systems, without invoices; their codes."""
        codes = [str(next(_CODES)) for _ in range(number)]
        self.sandbox.found_in_source(VISMA_NET, codes, vendors=10)
        self.companies += codes
        return codes

    def configuration(self) -> str:
        """The file that joins every company founded."""
        return "connections:\n" + "".join(
            VISMA_NET.connection(
                f"c{code}", code, basware=self.sandbox.basware, address=self.erp, route=self.route,
                write_back=self.write_back, flows=self.flows,
            )
            for code in self.companies
        )  # fmt: skip

    def bring(self, number: int, *, code: str | None = None, **more: Any) -> list[Paper]:
        """Puts so many invoices into the ERP; every third one is a credit note, every second has two files."""
        code = code or self.companies[0]
        return [self._paper(code, place, **more) for place in range(number)]

    def _paper(self, code: str, place: int, **more: Any) -> Paper:
        there = next(self._numbers)
        reference, net = f"L{code}-{there:04d}", f"{100 + there}.50"
        files = {f"{reference}.pdf": drawn(f"Supplier {code}: {reference}, {net}")}
        if place % 2 == 0:
            files["terms.txt"] = f"Terms of {reference}\r\n".encode()
        sent = [{"name": name, "content": base64.b64encode(data).decode()} for name, data in files.items()]
        asked = {
            "supplier": SUPPLIERS[there % len(SUPPLIERS)], "reference": reference, "files": sent,
            "type": "DebitAdj" if place % 3 == 2 else "Invoice", "lines": [{"text": "Goods", "net": net}], **more,
        }  # fmt: skip
        bill = self.in_erp("invoices", code=code, **asked)
        return Paper(bill["key"], reference, bill["supplier"], files)

    def in_erp(self, page: str, *, code: str | None = None, **asked: Any) -> Any:
        """A person does something in the ERP."""
        return call("POST", f"{self.erp}/_sandbox/{page}", {"company": code or self.companies[0], **asked})

    def in_basware(self, page: str, **asked: Any) -> Any:
        """A person does something in Basware."""
        return call("POST", f"{self.sandbox.basware}/_sandbox/{page}", asked)

    def put(self, trouble: Call, kind: str, **more: Any) -> None:
        """Has something go wrong with the next call of this sort."""
        address = self.erp if trouble.ledger else self.sandbox.basware
        self.sandbox.fault(address, kind=kind, method=trouble.method, path=trouble.path, asks=trouble.asks, **more)

    def ask_for_runs(self, *flows: str) -> None:
        """Asks for a run of the flows on every connection, as a person does."""
        with self.connect() as database:
            for code in self.companies:
                for flow in flows:
                    database.execute(
                        "INSERT INTO run (connection_id, flow, trigger, actor, options, queued_at) "
                        "VALUES (%s, %s, 'person', 'test', %s, now())",
                        (f"c{code}", flow, json.dumps({"by_person": True})),
                    )
                database.execute("SELECT defer_work(%s)", (f"c{code}",))

    def make_due(self) -> None:
        """Whatever waits has waited long enough."""
        with self.connect() as database:
            database.execute("UPDATE document SET next_due = now() WHERE next_due IS NOT NULL")

    # -------------------------------------------------------------- processes

    def start(self, act: str, **more: Any) -> Child:
        """Starts a process: `work` or `settle`."""
        log = self.folder / f"process-{len(self.children)}.log"
        order = {
            "act": act, "home": str(self.home), "database_url": self.url, "log": str(log), "connector": None,
            "first_wait": self.first_wait, **more,
        }  # fmt: skip
        child = Child(self.nursery, self.nursery.ask(order)["pid"], log)
        self.children.append(child)
        return child

    def settle(self, code: str | None = None) -> Child:
        """Starts a process that works one connection until it rests."""
        return self.start("settle", connection=f"c{code or self.companies[0]}")

    def settled(self, code: str | None = None) -> None:
        """Has a process work one connection until it rests."""
        child = self.settle(code)
        assert child.ended() == 0, child.told()

    def run(self, *flows: str) -> None:
        """Asks for runs and has a process do them."""
        self.ask_for_runs(*flows)
        self.settled()

    def workers(self, number: int, *, pool_size: int = 10, **settings: Any) -> list[Child]:
        """Starts so many workers; returns once they listen."""
        started = [self.start("work", pool_size=pool_size, settings=settings) for _ in range(number)]
        until(lambda: self.working() >= {child.pid for child in started}, "the workers have begun")
        return started

    def working(self) -> set[int]:
        """The processes whose heart beats, by their number in the system."""
        rows = self.query("SELECT host FROM process WHERE heartbeat_at > clock_timestamp() - interval '3 seconds'")
        return {int(row["host"].rpartition(":")[2]) for row in rows}

    def worked_by(self) -> dict[str, int]:
        """Who has, or had last, each connection."""
        rows = self.query("SELECT connection_id, host FROM lease JOIN process ON process.id = process_id")
        return {row["connection_id"]: int(row["host"].rpartition(":")[2]) for row in rows}

    # -------------------------------------------------------------- looking

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row)

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with self.connect() as database:
            return database.execute(sql, values).fetchall()  # pyright: ignore[reportArgumentType]

    def bills(self, code: str | None = None) -> dict[str, Fields]:
        """The ERP's invoices by key."""
        address = f"{self.erp}/_sandbox/bills?company={code or self.companies[0]}"
        return {each["key"]: each for each in call("GET", address)["bills"]}

    def rows(self, code: str | None = None) -> dict[str, Fields]:
        """The documents here by key in the ERP."""
        found = self.query("SELECT * FROM document WHERE connection_id = %s", f"c{code or self.companies[0]}")
        return {row["document_id"]: row for row in found}

    def entered(self, code: str | None = None) -> Fields:
        """What came into Basware, whatever became of it."""
        return self.sandbox.entered(code or self.companies[0])

    def check(self, good: Sequence[Paper], *, code: str | None = None, standing: str = "transferred") -> None:
        """Each of these entered exactly once, with its files unchanged, and nothing else did."""
        there = self.entered(code)
        assert there["duplicates"] == [], (there["duplicates"], self.story())
        files = Counter(tuple(sorted(each["sha256"] for each in one["files"])) for one in there["inbound"])
        assert files == Counter(tuple(paper.hashes(self.route)) for paper in good), (files, self.story())
        assert {each["route"] for each in there["inbound"]} == ({self.route} if good else set())
        numbers = Counter(each["number"] for each in there["inbound"])
        assert numbers == Counter(paper.reference for paper in good), (numbers, self.story())
        self._check_rows(good, there["inbound"], code=code, standing=standing)

    def _check_rows(self, good: Sequence[Paper], entered: Sequence[Fields], *, code: str | None, standing: str) -> None:
        rows = self.rows(code)
        assert {key: row["status"] for key, row in rows.items()} == dict.fromkeys(
            (paper.key for paper in good), standing
        ), self.story()
        assert all(row["intent"] is None and row["next_due"] is None for row in rows.values()), rows
        by_number = {each["number"]: each["bumId"] for each in entered}
        assert {row["invoice_number"]: row["admission_id"] for row in rows.values()} == by_number, self.story()
        assert self.addresses() == 0

    def addresses(self) -> int:
        """How many upload addresses are kept."""
        return self.query("SELECT count(*) AS n FROM secret WHERE side = 'admission'")[0]["n"]

    def written_to_the_erp(self) -> list[tuple[str, str]]:
        """Every call to the ERP that is no reading and no sign-in."""
        sent = [(each["method"], each["path"]) for each in self.sandbox.calls(self.erp)]
        return [(method, path) for method, path in sent if method != "GET" and not path.endswith("/connect/token")]

    def story(self) -> str:
        """What the trail says, for a failed test."""
        rows = self.query("SELECT record, step, outcome, summary FROM trail ORDER BY connection_id, seq")
        told = "\n".join(f"{row['record']} {row['step']}: {row['outcome']}: {row['summary'][:200]}" for row in rows)
        return told + "\n" + "\n".join(child.told()[-1500:] for child in self.children)


def each_call(calls: Callable[[str], Iterable[str]]) -> pytest.MarkDecorator:
    """Parametrizes `route` and `name` with what each route has of it."""
    cases = [pytest.param(route, name, id=f"{route}, {name}") for route in ROUTES for name in calls(route)]
    return pytest.mark.parametrize(("route", "name"), cases, indirect=["route"])


def kill_at_the_call(world: InboundWorld, child: Child) -> None:
    """Kills a process while a call of its is held."""
    until(lambda: world.sandbox.held() or not child.runs, "the call is held")
    assert world.sandbox.held(), child.told()
    child.kill()


Opened = Callable[..., Awaitable[InboundWorld]]
"""Opens a world; `connections` says how many, one where it is not said."""
