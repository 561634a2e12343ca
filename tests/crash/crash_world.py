"""A small world to break things in: one sandbox, one PostgreSQL, real processes, and a count of what came of it."""

from __future__ import annotations

import asyncio
import json
import os
import select
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import psycopg
from crash_invoices import invoices
from crash_ledgers import WAYS, Call, Way
from psycopg.rows import dict_row
from pydantic import SecretStr

from ml_connector.engine.process import Process
from ml_connector.operations.reconcile import Difference, Period, reconcile
from ml_connector.sandbox.company import found
from ml_connector.store.settings import Settings
from simulation.ledgers import DRAFT, POSTED, Ledger
from simulation.systems import Systems, call, until

PATIENCE = 60.0
_CODES = count(2001)

Fields = dict[str, Any]


# ------------------------------------------------------------------ the simulated systems


class Sandbox(Systems):
    """The simulated systems, without invoices, and the calls they hold."""

    def __init__(self, log: Path) -> None:
        super().__init__(log, "--empty", "--import-delay", "0.2")

    def quiet(self) -> None:
        """No fault, nothing held, nothing counted."""
        self.mend()
        self.release(drop=True)
        self.forget_calls()
        for way in WAYS:
            self.tell(way.ledger, way.narrow)

    def tell(self, ledger: Ledger, pages: Mapping[str, Mapping[str, object]]) -> None:
        """Tells control pages of a ledger something."""
        for page, asked in pages.items():
            call("POST", f"{self.address_of(ledger)}/_sandbox/{page}", asked)

    def let_time_pass(self, seconds: float) -> None:
        """Moves the clock that all systems share."""
        call("POST", f"{self.address_of(WAYS[0].ledger)}/_sandbox/clock", {"seconds": seconds})

    def to_come(self) -> list[Fields]:
        """Faults that have not struck yet."""
        return [fault for address in self.addresses for fault in call("GET", f"{address}/_sandbox/faults")["faults"]]

    def held(self) -> list[Fields]:
        """Calls that wait to be released."""
        return [each for address in self.addresses for each in call("GET", f"{address}/_sandbox/held")["held"]]

    def release(self, *, drop: bool) -> None:
        """They go on, or are cut off."""
        for address in self.addresses:
            call("POST", f"{address}/_sandbox/release", {"drop": drop})

    def calls(self, address: str) -> list[Fields]:
        """The calls that came to one system."""
        return call("GET", f"{address}/_sandbox/calls")["calls"]


# ------------------------------------------------------------------ processes


class Nursery:
    """Starts processes of the product within milliseconds."""

    def __init__(self, log: Path) -> None:
        with log.open("wb") as errors:
            self._server = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("crash_worker.py"))],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip

    def close(self) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()
        self._server.wait(10)

    def ask(self, order: Mapping[str, Any]) -> Fields:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(order) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())


@dataclass
class Child:
    """A process of the product."""

    nursery: Nursery
    pid: int
    log: Path
    status: int | None = None

    def kill(self) -> None:
        """Ends it at once, as the kernel or a power cut would."""
        self.send(signal.SIGKILL)
        assert self.ended() == -signal.SIGKILL

    def send(self, number: int) -> None:
        os.kill(self.pid, number)

    @property
    def runs(self) -> bool:
        if self.status is not None:
            return False
        return Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"

    def ended(self, *, seconds: float = PATIENCE) -> int:
        """Its exit status, once it has ended."""
        if self.status is None:
            handle = os.pidfd_open(self.pid)
            try:
                if not select.select([handle], [], [], seconds)[0]:
                    raise AssertionError(f"The process still runs after {seconds:.0f} s:\n{self.told()}")
            finally:
                os.close(handle)
            self.status = int(self.nursery.ask({"wait": self.pid})["status"])
        return self.status

    def told(self) -> str:
        """What it printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-6000:]


# ------------------------------------------------------------------ one case


@dataclass
class World:
    """One database with its connections, and what both systems hold for them."""

    sandbox: Sandbox
    nursery: Nursery
    way: Way
    home: Path
    dsn: str
    url: str
    folder: Path
    companies: list[str] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    settles_after: float = 0.3
    first_wait: float = 0.2

    def close(self) -> None:
        for child in self.children:
            if child.status is None:
                child.send(signal.SIGKILL)
                child.ended()
        self.sandbox.quiet()

    # -------------------------------------------------------------- before

    def found(self, number: int = 1, *, vendors: int = 20) -> list[str]:
        """Founds new companies in both systems, without invoices; their codes."""
        codes = [str(next(_CODES)) for _ in range(number)]
        self.sandbox.found_in(self.way.ledger, codes, vendors=vendors)
        self.companies += codes
        return codes

    def configuration(self) -> str:
        """The file that joins every company founded."""
        return "connections:\n" + "".join(
            self.way.ledger.connection(
                f"c{code}", code, basware=self.sandbox.basware, address=self.ledger,
                flows="{invoices: {every: 1h}, payments: {every: 1h}, vendors: {every: 1h}}",
            )
            for code in self.companies
        )  # fmt: skip

    @property
    def ledger(self) -> str:
        """The address of this world's ledger."""
        return self.sandbox.address_of(self.way.ledger)

    def put(self, trouble: Call, kind: str, **more: Any) -> None:
        """Has something go wrong with the next call of this sort."""
        address = self.ledger if trouble.ledger else self.sandbox.basware
        self.sandbox.fault(address, kind=kind, method=trouble.method, path=trouble.path, asks=trouble.asks, **more)

    def widen(self) -> None:
        """Lets the ledger serve many connections at once, as many customers' would."""
        self.sandbox.tell(self.way.ledger, self.way.wide)

    def offer(self, code: str, good: int, *bad: str, number_from: int = 0) -> list[Fields]:
        """Approves invoices: so many that post, and one for each way to fail that is named."""
        documents = invoices(code, number_from + good, *bad)[number_from:]
        self.sandbox.approve(documents)
        return documents

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

    # -------------------------------------------------------------- processes

    def start(self, act: str, **more: Any) -> Child:
        """Starts a process: `work` or `settle`."""
        log = self.folder / f"process-{len(self.children)}.log"
        order = {
            "act": act, "home": str(self.home), "database_url": self.url, "log": str(log),
            "connector": self.way.module, "settles_after": self.settles_after, "first_wait": self.first_wait,
            "patience": dict(self.way.patience), "waiting": self.way.waiting, **more,
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

    def finished(self) -> int:
        """The documents that are at their end."""
        return self.query("SELECT count(*) AS n FROM document WHERE status IN ('transferred', 'rejected')")[0]["n"]

    # -------------------------------------------------------------- looking

    def connect(self) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self.dsn, autocommit=True, row_factory=dict_row)

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with self.connect() as database:
            return database.execute(sql, values).fetchall()  # pyright: ignore[reportArgumentType]

    def bills(self, code: str | None = None, *, rows: bool = False) -> list[Fields]:
        return self.sandbox.bills_of(self.way.ledger, code or self.companies[0], rows=rows)

    def documents(self, code: str | None = None) -> list[Fields]:
        return self.sandbox.documents(code or self.companies[0])

    def check(
        self, good: Sequence[Fields], bad: Sequence[Fields] = (), *, code: str | None = None, drafts: bool = False
    ) -> None:
        """Exactly one posted bill and one answer for each good invoice; for each bad one an answer and no bill.

        `drafts`: a good one may have left a draft beside its bill.
        """
        code = code or self.companies[0]
        bills = [each for each in self.bills(code, rows=True) if not (drafts and each["standing"] == DRAFT)]
        standing = Counter((each["vendorInvoiceNumber"], each["standing"]) for each in bills)
        wanted = Counter({(each["invoiceNumber"], POSTED): 1 for each in good})
        assert standing == wanted, (code, standing - wanted, wanted - standing, self.story())
        coded = {each["vendorInvoiceNumber"]: [row["account"] for row in each["rows"]] for each in bills}
        assert coded == {each["invoiceNumber"]: _accounts(each) for each in good}, self.story()
        there = {each["invoiceId"]: each for each in self.documents(code)}
        posted = {each["vendorInvoiceNumber"]: each["number"] for each in bills}
        for each in good:
            answers = there[each["invoiceId"]]["transferResponses"]
            assert [answer["success"] for answer in answers] == [True], (answers, self.story())
            assert there[each["invoiceId"]]["voucherNumber1"] == posted[each["invoiceNumber"]]
        for each in bad:
            answers = there[each["invoiceId"]]["transferResponses"]
            assert [answer["success"] for answer in answers] == [False], (answers, self.story())
        rows = self.query("SELECT document_id, status, intent, next_due FROM document WHERE connection_id = %s",
                          f"c{code}")  # fmt: skip
        wanted = {each["invoiceId"]: "transferred" for each in good} | {each["invoiceId"]: "rejected" for each in bad}
        assert {row["document_id"]: row["status"] for row in rows} == wanted, self.story()
        assert all(row["intent"] is None and row["next_due"] is None for row in rows), rows

    def differences(self, code: str | None = None) -> list[Difference]:
        """What a reconciliation names, of all months in which bills stand."""
        company = code or self.companies[0]

        async def compare() -> list[Difference]:
            months = {Period.parse(bill["month"]) for bill in self.bills(company)}
            process = await Process.open(Settings(home=self.home, database_url=SecretStr(self.url)))
            try:
                told = [await reconcile(process, f"c{company}", period=each) for each in months]
            finally:
                await process.close()
            return [each for month in told for each in month.differences]

        # A loop of its own: the test that asks may be in one.
        with ThreadPoolExecutor(1) as beside:
            return beside.submit(asyncio.run, compare()).result()

    def story(self) -> str:
        """What the trail says, for a failed test."""
        rows = self.query("SELECT record, step, outcome, summary FROM trail ORDER BY connection_id, seq")
        told = "\n".join(f"{row['record'][:8]} {row['step']}: {row['outcome']}: {row['summary'][:150]}" for row in rows)
        return told + "\n" + "\n".join(child.told()[-1500:] for child in self.children)


class Connecting(Protocol):
    """Whatever knows the database."""

    def connect(self) -> psycopg.Connection[dict[str, Any]]: ...


def _accounts(invoice: Fields) -> list[str]:
    """What its rows are coded to."""
    return [row["accountCode"] for row in invoice["codingRows"]]


class Checkpoint:
    """Stops transactions that write a step into the trail right before their commit, until it is opened."""

    _locks = count(4711)

    def __init__(self, world: Connecting, step: str, *, connection: str | None = None) -> None:
        self.lock = next(self._locks)
        self.gate = world.connect()
        self.gate.execute(f"SELECT pg_advisory_lock({self.lock})")
        self.gate.execute(
            f"""CREATE FUNCTION wait_{self.lock}() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_advisory_xact_lock_shared({self.lock}); RETURN NULL; END $$"""
        )
        where = f"NEW.step = '{step}'" + (f" AND NEW.connection_id = '{connection}'" if connection else "")
        self.gate.execute(
            f"CREATE TRIGGER wait_{self.lock} AFTER INSERT ON trail FOR EACH ROW WHEN ({where}) "
            f"EXECUTE FUNCTION wait_{self.lock}()"
        )

    def reached(self) -> bool:
        """True once something stands here."""
        return bool(self.waiting())

    def waiting(self) -> list[int]:
        """The server's processes that stand here."""
        rows = self.gate.execute(
            f"""SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {self.lock} AND NOT granted
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
        )
        return [row["pid"] for row in rows]

    def kill_at(self, child: Child) -> None:
        """Kills a process once it stands here."""
        until(lambda: self.waiting() or not child.runs, "the checkpoint is reached")
        assert self.waiting(), child.told()
        child.kill()

    def undo(self) -> None:
        """The commit never reached the server."""
        for pid in self.waiting():
            self.gate.execute(f"SELECT pg_terminate_backend({pid}, 5000)")
        self.open()

    def open(self) -> None:
        """Lets through whatever stands or comes here."""
        self.gate.close()


def pay_all(world: World) -> None:
    """Pays every bill in the ledger."""
    for bill in world.bills():
        asked = {"company": world.companies[0], "number": bill["number"]}
        call("POST", f"{world.ledger}/_sandbox/pay", asked)


def check_paid(world: World, offered: Sequence[Fields]) -> None:
    """Each invoice was answered once and its payment told once."""
    there = {each["invoiceId"]: each for each in world.documents()}
    for each in offered:
        document = there[each["invoiceId"]]
        assert document["processingStatus"] == "Paid", world.story()
        assert [response["success"] for response in document["paymentResponses"]] == [True], world.story()
        assert [response["success"] for response in document["transferResponses"]] == [True]
    rows = world.query("SELECT status, payment_count, payment_due FROM document")
    told = [(row["status"], row["payment_count"], row["payment_due"]) for row in rows]
    assert told == [("paid", 1, None)] * len(offered), world.story()


def check_imported(world: World) -> None:
    """Basware holds every vendor that may be billed, once, and we know it."""
    code = world.companies[0]
    company = found(code, today=datetime.now(UTC).date(), vendors=20, orders=0, invoices=0)
    held = world.sandbox.held_in_basware("vendors", code)
    rows = world.query("SELECT code, status FROM imported WHERE flow = 'vendors'")
    assert {row["status"] for row in rows} == {"accepted"}, world.story()
    assert sorted(each["externalCode"] for each in held) == sorted(row["code"] for row in rows)
    assert len(held) == sum(vendor.blocked != "All" for vendor in company.vendors)
    assert world.query("SELECT 1 FROM import_request UNION ALL SELECT 1 FROM import_pending") == []


Opened = Callable[..., Awaitable[World]]
"""Opens a world with so many connections, one where it is not said."""
