"""A small world to break things in: one sandbox, one PostgreSQL, real processes, and a count of what came of it."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ml_connector.sandbox.basware.approved import approved_documents
from ml_connector.sandbox.business_central.books import company_id
from ml_connector.sandbox.company import found

TENANT = "11111111-2222-3333-4444-555555555555"
SECRETS = {"BS": "basware-secret", "BC": "bc-secret", "WT": "webhook-token-123456"}
PATIENCE = 60.0
_CODES = count(2001)

Fields = dict[str, Any]


# ------------------------------------------------------------------ the simulated systems


class Sandbox:
    """The simulated systems in a process of their own, and their control pages."""

    def __init__(self, log: Path) -> None:
        base = _free_base()
        self.basware = f"http://127.0.0.1:{base}"
        self.ledger = f"http://127.0.0.1:{base + 20}"
        command = [sys.executable, "-m", "ml_connector.sandbox", "--empty", "--import-delay", "0.2"]
        with log.open("wb") as output:
            self._child = subprocess.Popen([*command, "--port-base", str(base)], stdout=output, stderr=output)
        until(self._answers, "the sandbox answers")

    def _answers(self) -> bool:
        try:
            return bool(call("GET", f"{self.ledger}/_sandbox/state"))
        except OSError:
            return False

    def close(self) -> None:
        self._child.terminate()
        self._child.wait(10)

    def quiet(self) -> None:
        """No fault, nothing held, nothing counted."""
        for address in (self.basware, self.ledger):
            call("DELETE", f"{address}/_sandbox/faults")
            call("POST", f"{address}/_sandbox/release", {"drop": True})
            call("DELETE", f"{address}/_sandbox/calls")
        call("POST", f"{self.ledger}/_sandbox/limits", {"concurrent": 5, "queue": 95})

    def widen(self) -> None:
        """Lets the ledger serve many connections at once, as many tenants of it would."""
        call("POST", f"{self.ledger}/_sandbox/limits", {"concurrent": 200, "queue": 10_000})

    def let_time_pass(self, seconds: float) -> None:
        """Moves the clock that both systems share."""
        call("POST", f"{self.ledger}/_sandbox/clock", {"seconds": seconds})

    def fault(self, address: str, **what: Any) -> None:
        call("POST", f"{address}/_sandbox/faults", what)

    def to_come(self) -> list[Fields]:
        """Faults that have not struck yet."""
        return [
            fault
            for address in (self.basware, self.ledger)
            for fault in call("GET", f"{address}/_sandbox/faults")["faults"]
        ]

    def held(self) -> list[Fields]:
        return [
            each for address in (self.basware, self.ledger) for each in call("GET", f"{address}/_sandbox/held")["held"]
        ]

    def release(self, *, drop: bool) -> None:
        for address in (self.basware, self.ledger):
            call("POST", f"{address}/_sandbox/release", {"drop": drop})

    def calls(self, address: str) -> list[Fields]:
        return call("GET", f"{address}/_sandbox/calls")["calls"]


@dataclass(frozen=True, slots=True)
class Call:
    """An outgoing call, told by its address and, where several share one, by what it asks."""

    method: str
    path: str
    asks: str = ""
    ledger: bool = True

    def put(self, sandbox: Sandbox, kind: str, **more: Any) -> None:
        """Has something go wrong with the next call of this sort."""
        address = sandbox.ledger if self.ledger else sandbox.basware
        sandbox.fault(address, kind=kind, method=self.method, path=self.path, asks=self.asks, **more)


def call(method: str, url: str, body: Any = None) -> Any:
    """A control page's answer."""
    data = None if body is None else json.dumps(body, default=_number).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read(), parse_float=Decimal)
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{method} {url}: {refused.code} {refused.read()[:500]!r}") from refused


def until(condition: Callable[[], Any], what: str, *, seconds: float = PATIENCE) -> Any:
    """The condition's value once it is true; fails where that takes too long."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"This did not come about within {seconds:.0f} s: {what}.")


def _number(value: object) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(type(value).__name__)


def _free_base() -> int:
    for base in range(20_000 + os.getpid() % 300 * 100, 60_000, 100):
        if all(_is_free(base + offset) for offset in (0, 1, 20)):
            return base
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


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
        for address in (self.sandbox.basware, self.sandbox.ledger):
            asked = {"codes": codes, "vendors": vendors, "orders": 0, "invoices": 0}
            call("POST", f"{address}/_sandbox/companies", asked)
        self.companies += codes
        return codes

    def configuration(self) -> str:
        """The file that joins every company founded."""
        return "connections:\n" + "".join(_connection(self.sandbox, code) for code in self.companies)

    def offer(self, code: str, good: int, *bad: str, number_from: int = 0) -> list[Fields]:
        """Approves invoices: so many that post, and one for each way to fail that is named."""
        documents = invoices(code, number_from + good, *bad)[number_from:]
        asked = {"documents": documents, "notify": False}
        call("POST", f"{self.sandbox.basware}/_sandbox/documents", asked)
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
            "settles_after": self.settles_after, "first_wait": self.first_wait, **more,
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

    def bills(self, code: str | None = None) -> list[Fields]:
        return call("GET", f"{self.sandbox.ledger}/_sandbox/bills?company={code or self.companies[0]}")["bills"]

    def documents(self, code: str | None = None) -> list[Fields]:
        address = f"{self.sandbox.basware}/_sandbox/documents?company={code or self.companies[0]}"
        return call("GET", address)["documents"]

    def check(self, good: Sequence[Fields], bad: Sequence[Fields] = (), *, code: str | None = None) -> None:
        """Exactly one posted bill and one answer for each good invoice; for each bad one an answer and no bill."""
        code = code or self.companies[0]
        statuses = Counter((each["vendorInvoiceNumber"], each["status"]) for each in self.bills(code))
        assert statuses == {(each["invoiceNumber"], "Open"): 1 for each in good}, self.story()
        there = {each["invoiceId"]: each for each in self.documents(code)}
        posted = {each["vendorInvoiceNumber"]: each["number"] for each in self.bills(code)}
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

    def story(self) -> str:
        """What the trail says, for a failed test."""
        rows = self.query("SELECT record, step, outcome, summary FROM trail ORDER BY connection_id, seq")
        told = "\n".join(f"{row['record'][:8]} {row['step']}: {row['outcome']}: {row['summary'][:150]}" for row in rows)
        return told + "\n" + "\n".join(child.told()[-1500:] for child in self.children)


class Checkpoint:
    """Stops transactions that write a step into the trail right before their commit, until it is opened."""

    _locks = count(4711)

    def __init__(self, world: World, step: str, *, connection: str | None = None) -> None:
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
        call("POST", f"{world.sandbox.ledger}/_sandbox/pay", asked)


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
    held = call("GET", f"{world.sandbox.basware}/_sandbox/p2p?entity=vendors&company={code}")["records"]
    rows = world.query("SELECT code, status FROM imported WHERE flow = 'vendors'")
    assert {row["status"] for row in rows} == {"accepted"}, world.story()
    assert sorted(each["externalCode"] for each in held) == sorted(row["code"] for row in rows)
    assert len(held) == sum(vendor.blocked != "All" for vendor in company.vendors)
    assert world.query("SELECT 1 FROM import_request") == []


Opened = Callable[..., Awaitable[World]]
"""Opens a world with so many connections, one where it is not said."""


def invoices(code: str, good: int, *bad: str) -> list[Fields]:
    """Approved invoices as Basware offers them: so many that post, then one for each way to fail."""
    now = datetime.now(UTC)
    company = found(code, today=now.date(), vendors=20, orders=0, invoices=good + len(bad) + 20)
    documents = [fields for fields, _ in approved_documents(company, now)]
    # Some are created whole in one call; the first is one whose lines' dimensions take another.
    first = next(fields for fields in documents if len({row["costCenterCode"] for row in fields["codingRows"]}) > 1)
    documents.remove(first)
    documents = [first, *documents][: good + len(bad)]
    for fields, flaw in zip(documents[good:], bad, strict=True):
        _FLAWS[flaw](fields)
    return documents


def _unknown_vendor(fields: Fields) -> None:
    fields["supplierCode"] = "V-NOBODY"


def _other_totals(fields: Fields) -> None:
    """Its tax is not what the ledger computes: found out only once the draft is there."""
    more = Decimal("3.00")
    row = fields["codingRows"][0]
    row["taxSum"] += more
    row["grossTotal"] += more
    fields["taxSum1"] += more
    fields["grossSum"] += more


_FLAWS: dict[str, Callable[[Fields], None]] = {"unknown vendor": _unknown_vendor, "other totals": _other_totals}


def _connection(sandbox: Sandbox, code: str) -> str:
    return f"""  c{code}:
    company: "{code}"
    basware:
      base_url: {sandbox.basware}
      client_id: acme
      client_secret: ${{env:BS}}
      webhook_token: ${{env:WT}}
    erp:
      system: business-central
      tenant_id: {TENANT}
      company_id: {company_id(code)}
      client_id: 22222222-3333-4444-5555-666666666666
      client_secret: ${{env:BC}}
      base_url: {sandbox.ledger}
      token_url: {sandbox.ledger}/{TENANT}/oauth2/v2.0/token
    flows: {{invoices: {{every: 1h}}, payments: {{every: 1h}}, vendors: {{every: 1h}}}}
    mapping:
      dimensions:
        - {{basware: costCenterCode, list: costCenters, erp: DEPARTMENT}}
        - {{basware: projectCode, list: projects, erp: PROJECT}}
      tax_codes: {{T24: VAT24, T14: VAT14, T10: VAT10, T0: VAT0}}
      tolerance: {{EUR: "0.02"}}
"""
