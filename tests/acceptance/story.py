"""The trading company's whole set, from an empty machine to a second run that changes nothing, with any ledger."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path

from acceptance.product import Product, Said, connections
from acceptance.simulated import Fields, Simulated, company_of, invoices_of
from ml_connector.records.flow import MASTER_DATA
from ml_connector.sandbox.company import Invoice, InvoiceKind, TradingCompany
from ml_connector.sandbox.trade import CENT, rounded
from simulation.ledgers import POSTED, SECRETS
from simulation.systems import call, request, until

FLOWS = (*map(str, MASTER_DATA), "invoices", "payments")
REASONS = {
    "vendor-unknown": "vendor unknown",
    "vendor-blocked": "vendor blocked",
    "account-unknown": "account unknown",
    "account-blocked": "account blocked",
    "account-heading": "account blocked",
    "account-no-direct-posting": "account blocked",
    "dimension-unknown": "dimension unknown",
    "dimension-blocked": "dimension blocked",
    "tax-code-unknown": "tax code unknown",
    "rate-missing": "rate missing",
    "currency-unknown": "currency unknown",
    "rows-do-not-add-up": "sums differ",
    "totals-differ": "totals differ",
    "period-closed": "period closed",
    "number-too-long": "invoice number too long",
    "number-missing": "invoice number missing",
    "no-coding": "coding missing",
    "posted-by-somebody-else": "possible duplicate",
    "twice-second": "possible duplicate",
}
HELD = {"rate missing", "possible duplicate"}
CENT_OFF = "cent-off"
_VOUCHER_LENGTH = 25
"""Characters of a voucher number that Basware takes."""


@dataclass(frozen=True, slots=True)
class Expectations:
    """What the story comes to with one ledger."""

    code: str
    reasons: Mapping[str, str]
    """By case: why an invoice does not post; one whose case is not among them posts."""
    total: Callable[[Invoice], Decimal]
    """What the ledger makes of an invoice, without its sign."""
    orders: frozenset[str]
    """Statuses of the orders that the ledger tells of."""
    reads: Mapping[str, str]
    """Pattern of a read's address, to the flow it belongs to; the first that fits counts."""
    most_reads: Mapping[str, int]
    """What a run of a flow may cost where nothing changed; two reads where it is not named."""
    tells_blocked_values: bool = False
    """True where a blocked dimension value is told to be blocked: one that was never in Basware stays away."""


def taxed_by_code(invoice: Invoice) -> Decimal:
    """As Basware's sums are made, but for the one that is a cent off."""
    return abs(invoice.gross) - (CENT if invoice.case == CENT_OFF else 0)


def taxed_by_line(invoice: Invoice) -> Decimal:
    """With the tax of each line rounded by itself."""
    return abs(sum((row.net + rounded(row.net * row.tax_percent / 100) for row in invoice.rows), Decimal(0)))


@dataclass
class Joined:
    """The product after its first run of everything."""

    product: Product
    systems: Simulated
    expectations: Expectations
    company: TradingCompany
    applied: Said
    first: Said

    @property
    def name(self) -> str:
        """The connection's."""
        return f"acme-{self.expectations.code}"

    @cached_property
    def rows(self) -> dict[str, Fields]:
        """The documents as the product lists them, by document id."""
        return {each["document_id"]: each for each in self.product.well("invoices", "--json", "--limit", "0").json}

    @cached_property
    def bills(self) -> list[Fields]:
        """The ledger's bills, those left out that people had keyed in before."""
        keyed = Counter(each.number.upper() for each in self.company.already_posted)
        kept: list[Fields] = []
        for bill in sorted(self.systems.bills(self.expectations.code), key=lambda each: each["number"]):
            if keyed[bill["vendorInvoiceNumber"].upper()] > 0:
                keyed[bill["vendorInvoiceNumber"].upper()] -= 1
            else:
                kept.append(bill)
        return kept

    @property
    def text(self) -> str:
        return connections(self.systems, [self.expectations.code])

    def posts(self, invoice: Invoice) -> bool:
        """True where this ledger takes the invoice without a person."""
        return invoice.case not in self.expectations.reasons

    def expected(self, invoice: Invoice) -> tuple[str, str | None]:
        """Status and reason a story must end with."""
        if self.posts(invoice):
            return "transferred", None
        reason = self.expectations.reasons[invoice.case]
        return ("held" if reason in HELD else "rejected"), reason


def join(
    systems: Simulated, expectations: Expectations, home: Path, database_url: str | None, *, starts_anew: bool = False
) -> Joined:
    """Initialised, applied and run once; on the embedded PostgreSQL where no other is given."""
    systems.reset()
    product = Product(home, database_url, starts_anew=starts_anew)
    product.well("init")
    applied = product.apply(connections(systems, [expectations.code]), "--json")
    first = product.run("run", f"acme-{expectations.code}", "--json")
    company = company_of(expectations.code, systems.today)
    return Joined(product, systems, expectations, company, applied, first)


class Story:
    """What is true after the first run, and what a second one does. The module gives `joined`."""

    def test_the_home_holds_a_key_nobody_else_can_read(self, joined: Joined) -> None:
        key = joined.product.home / "key"
        assert key.stat().st_mode & 0o077 == 0
        assert (joined.product.home / "postgres").exists() == (joined.product.database_url is None)

    def test_init_can_be_repeated(self, joined: Joined) -> None:
        before = (joined.product.home / "key").read_text()
        assert joined.product.well("init", "--json").json["embedded"] == (joined.product.database_url is None)
        assert (joined.product.home / "key").read_text() == before

    def test_apply_says_what_changes_and_changes_nothing_twice(self, joined: Joined) -> None:
        assert joined.applied.code == 0
        assert [each["kind"] for each in joined.applied.json["changes"]] == ["created"]
        again = joined.product.apply(joined.text, "--json")
        assert again.json == {
            "dry_run": False,
            "changes": [{"connection": joined.name, "kind": "unchanged", "fields": []}],
        }

    def test_a_dry_run_only_says_what_would_change(self, joined: Joined) -> None:
        changed = joined.text.replace('EUR: "0.02"', 'EUR: "0.05"')
        for _ in range(2):
            said = joined.product.apply(changed, "--dry-run", "--json")
            (change,) = said.json["changes"]
            assert change["kind"] == "changed"
            assert [(each["before"], each["after"]) for each in change["fields"]] == [("0.02", "0.05")]

    def test_ping_tells_every_step_of_both_sides(self, joined: Joined) -> None:
        steps = joined.product.well("ping", joined.name, "--json").json
        assert {each["side"] for each in steps} == {"Basware", joined.systems.kind.name}
        assert all(each["ok"] and each["detail"] and not each["advice"] for each in steps)
        assert "secret" not in str(steps).lower().replace("client secret", "")

    def test_the_first_run_runs_every_flow_in_order(self, joined: Joined) -> None:
        assert joined.first.code == 1  # some invoices are held and returned
        assert [each["flow"] for each in joined.first.lines] == list(FLOWS)
        outcomes = {each["flow"]: each["outcome"] for each in joined.first.lines}
        assert outcomes == dict.fromkeys(FLOWS, "ok") | {"invoices": "partial"}
        shape = {
            "connection",
            "flow",
            "outcome",
            "read",
            "sent",
            "unchanged",
            "posted",
            "held",
            "rejected",
            "failed",
            "seconds",
        }
        assert all(shape <= each.keys() for each in joined.first.lines)
        company = joined.company
        ends = Counter(joined.expected(each)[0] for each in company.invoices)
        invoices = joined.first.flow("invoices")
        assert (invoices["posted"], invoices["held"], invoices["rejected"]) == (
            ends["transferred"], ends["held"], ends["rejected"],
        )  # fmt: skip
        assert joined.first.flow("vendors")["read"] == len(company.vendors)
        assert joined.first.flow("purchase-orders")["read"] == sum(
            each.status in joined.expectations.orders for each in company.orders
        )

    def test_every_story_ends_as_it_should(self, joined: Joined) -> None:
        rows = joined.rows
        assert rows.keys() == {each.document_id for each in joined.company.invoices}
        by_number = Counter((each.number, each.vendor) for each in joined.company.invoices)
        for invoice in joined.company.invoices:
            row = rows[invoice.document_id]
            if invoice.number and by_number[invoice.number, invoice.vendor] > 1:
                continue
            assert (row["status"], row["reason"]) == joined.expected(invoice), (invoice.story, row["message"])
            assert Decimal(row["gross"]) == invoice.gross
            assert bool(row["erp_number"]) == joined.posts(invoice)
            assert "{" not in row["message"]

    def test_of_two_with_one_number_one_is_posted(self, joined: Joined) -> None:
        rows = joined.rows
        pairs: dict[tuple[str, str], list[str]] = {}
        for invoice in joined.company.invoices:
            if invoice.case.startswith("twice"):
                pairs.setdefault((invoice.number, invoice.vendor), []).append(rows[invoice.document_id]["status"])
        assert pairs
        assert all(sorted(statuses) == ["held", "transferred"] for statuses in pairs.values())

    def test_every_reason_of_the_set_was_met(self, joined: Joined) -> None:
        assert {row["reason"] for row in joined.rows.values()} - {None} == set(joined.expectations.reasons.values())

    def test_bills_equal_the_transferred_documents_one_to_one(self, joined: Joined) -> None:
        stories = {each.document_id: each for each in joined.company.invoices}
        transferred = {row["erp_number"]: row for row in joined.rows.values() if row["status"] == "transferred"}
        bills = {each["number"]: each for each in joined.bills}
        assert bills.keys() == transferred.keys()
        assert all(bill["standing"] == POSTED for bill in bills.values())
        for number, row in transferred.items():
            story, bill = stories[row["document_id"]], bills[number]
            assert bill["vendor"] == story.vendor
            assert bill["vendorInvoiceNumber"].casefold() == story.number.casefold()
            assert bill["kind"] == row["kind"] == str(story.kind)
            assert bill["currency"] == story.currency
            assert abs(Decimal(str(bill["net"]))) == abs(story.net), story.story
            assert abs(Decimal(str(bill["total"]))) == joined.expectations.total(story), story.story
            assert len(bill["rows"]) == len(story.rows)
            for line, row_of in zip(bill["rows"], story.rows, strict=True):
                assert line["account"] == row_of.account
                wanted = {name: value for name, value in row_of.dimensions if name in joined.systems.kind.dimensions}
                assert wanted.items() <= line["dimensions"].items()

    def test_the_sums_agree_in_every_currency(self, joined: Joined) -> None:
        rows = joined.rows
        told: dict[str, Decimal] = {}
        for story in joined.company.invoices:
            if rows[story.document_id]["status"] == "transferred":
                total = joined.expectations.total(story)
                told[story.currency] = told.get(story.currency, Decimal(0)) + total
        stand: dict[str, Decimal] = {}
        for bill in joined.bills:
            stand[bill["currency"]] = stand.get(bill["currency"], Decimal(0)) + abs(Decimal(str(bill["total"])))
        assert stand == told

    def test_basware_knows_the_numbers_and_the_reasons_in_plain_words(self, joined: Joined) -> None:
        rows = joined.rows
        for document in joined.systems.documents(joined.expectations.code):
            row = rows[document["invoiceId"]]
            answers = document["transferResponses"]
            if row["status"] == "transferred":
                assert [each["success"] for each in answers] == [True]
                assert _is_number(document["voucherNumber1"], row["erp_number"])
                assert document["processingStatus"] == "Transferred"
            elif row["status"] == "rejected":
                assert [each["success"] for each in answers] == [False]
                words = answers[0]["responseMessage"]
                assert row["message"].startswith(words[:60])
                assert words.endswith((".", ":", ")"))
                assert not any(
                    odd in words for odd in ("Application_", "CorrelationId", "Traceback", "{", "None", "HTTP")
                )
                assert document["processingStatus"] == "TransferFailed"
            else:
                assert answers == []

    def test_master_data_is_in_basware(self, joined: Joined) -> None:
        company, systems = joined.company, joined.systems
        vendors = systems.held_in_basware("vendors", joined.expectations.code)
        assert sum(each["active"] for each in vendors) == sum(each.blocked != "All" for each in company.vendors)
        centres = systems.held_in_basware("costCenters", joined.expectations.code)
        departments = [each for each in company.dimension_values if each.dimension == "DEPARTMENT"]
        told = [each for each in departments if not (each.blocked and joined.expectations.tells_blocked_values)]
        assert len(centres) == len(told) >= len(departments) - 1
        accounts = systems.held_in_basware("accounts", joined.expectations.code)
        usable = [each for each in company.accounts if each.direct_posting and not each.blocked]
        assert {each.number for each in usable} <= {
            each["record"]["accountCode"] for each in accounts if each["active"]
        }

    def test_status_tells_where_everything_stands(self, joined: Joined) -> None:
        (status,) = joined.product.well("status", "--json").json
        assert (status["connection"], status["simulated"], status["health"]) == (joined.name, True, "attention")
        assert status["documents"] == dict(Counter(row["status"] for row in joined.rows.values()))
        flows = {each["flow"]: each for each in status["flows"]}
        assert flows.keys() == set(FLOWS)
        assert all(each["last_run"] and each["next_run"] for each in flows.values())
        assert status["circuits"] == []

    def test_invoices_can_be_narrowed(self, joined: Joined) -> None:
        held = joined.product.well("invoices", joined.name, "--status", "held", "--json").json
        assert held
        assert {each["status"] for each in held} == {"held"}
        closed = joined.product.well("invoices", "--reason", "period closed", "--json").json
        assert {each["reason"] for each in closed} == {"period closed"}

    def test_a_trail_tells_one_invoice_from_beginning_to_end(self, joined: Joined) -> None:
        row = next(each for each in joined.rows.values() if each["status"] == "transferred")
        entries = joined.product.well("trail", row["document_id"], "--json").json
        assert [each["seq"] for each in entries] == sorted(each["seq"] for each in entries)
        assert entries[0]["step"] == "received"
        assert any(row["erp_number"] in each["summary"] for each in entries)
        assert joined.product.run("trail", "INV-NOBODY").code == 2

    def test_no_secret_is_in_what_is_kept_or_shown(self, joined: Joined) -> None:
        row = next(each for each in joined.rows.values() if each["status"] == "transferred")
        shown = (
            joined.product.well("trail", row["document_id"], "--full", "--json").out + joined.product.well("export").out
        )
        for secret in (*SECRETS.values(), "Bearer ", "B1SESSION="):
            assert secret not in shown

    def test_the_month_balances_in_count_and_money(self, joined: Joined) -> None:
        month = f"{joined.systems.today:%Y-%m}"
        said = joined.product.run("reconcile", joined.name, "--period", month, "--json")
        rows = {each["document_id"]: each for each in joined.rows.values()}
        wanted: dict[str, dict[str, Decimal]] = {}
        for story in joined.company.invoices:
            if f"{story.voucher_date:%Y-%m}" == month:
                place = {"transferred": "posted"}.get(
                    rows[story.document_id]["status"], rows[story.document_id]["status"]
                )
                sums = wanted.setdefault(story.currency, {})
                for name in ("approved", place):
                    sums[name] = sums.get(name, Decimal(0)) + _signed(story)
        found = {
            each["currency"]: {
                name: Decimal(each[name]["money"]) for name in ("approved", "posted", "held", "rejected", "in_flight")
            }
            for each in said.json["currencies"]
        }
        assert found.keys() == wanted.keys()
        for currency, sums in found.items():
            assert {name: money for name, money in sums.items() if money} == {
                name: money for name, money in wanted[currency].items() if money
            }
        # Bills that people keyed in themselves are named; there is no other difference.
        kinds = {each["kind"] for each in said.json["differences"]}
        assert kinds <= {"in the ledger under the same number, not posted from here"}
        assert said.code == (1 if kinds else 0)

    def test_verify_finds_the_trail_whole(self, joined: Joined) -> None:
        checked = joined.product.well("verify", "--json").json
        assert checked["ok"]
        assert sum(each["entries"] for each in checked["chains"]) > len(joined.company.invoices)

    def test_a_second_run_changes_nothing_and_costs_a_few_reads_a_flow(self, joined: Joined) -> None:
        before = joined.systems.bills(joined.expectations.code)
        documents = joined.systems.documents(joined.expectations.code)
        joined.systems.forget_calls()
        again = joined.product.well("run", joined.name, "--json")
        calls = joined.systems.calls()
        assert [each["outcome"] for each in again.lines] == ["ok"] * len(FLOWS)
        for name in ("sent", "posted", "held", "rejected", "failed"):
            assert [each[name] for each in again.lines] == [0] * len(FLOWS), name
        assert joined.systems.bills(joined.expectations.code) == before
        assert joined.systems.documents(joined.expectations.code) == documents
        assert {method for method, _ in calls} == {"GET"}
        counts = Counter(_flow_of(path, joined.expectations.reads) for _, path in calls)
        assert counts.keys() <= set(FLOWS), counts
        most = joined.expectations.most_reads
        costly = {flow: made for flow, made in counts.items() if made > most.get(flow, 2)}
        assert costly == {}, "\n".join(path for _, path in calls if _flow_of(path, joined.expectations.reads) in costly)


def _is_number(told: str, number: str) -> bool:
    """True where Basware was told a number, cut where it takes no more of it."""
    return told == number or (len(told) == _VOUCHER_LENGTH and told[-1] == "…" and number.startswith(told[:-1]))


def _signed(story: Invoice) -> Decimal:
    return -abs(story.gross) if story.kind is InvoiceKind.CREDIT_NOTE else story.gross


def _flow_of(path: str, reads: Mapping[str, str]) -> str:
    """The flow a read belongs to."""
    known = {**reads, "/v1/accountingDocuments": "invoices"}
    return next((flow for pattern, flow in known.items() if re.search(pattern, path)), path)


# ------------------------------------------------------------------ its set-up


def failed_step(product: Product, name: str) -> Fields:
    """The one step of a connection test that failed."""
    (failed,) = [each for each in product.run("ping", name, "--json").json if not each["ok"]]
    return failed


# ------------------------------------------------------------------ served

_SERVED_VENDORS = 20
_HALF = 3


def serve(
    systems: Simulated, home: Path, database_url: str, code: str, *, between: Callable[[], object] = lambda: None
) -> None:
    """The service posts what it is notified of, once each, tells of it, and ends in good order.

    `between`: something that happens to the ledger's sessions after half of the invoices.
    """
    systems.found([code], vendors=_SERVED_VENDORS)
    product = Product(home, database_url)
    product.well("init")
    assert product.apply(connections(systems, [code])).code == 0
    documents = invoices_of(code, 2 * _HALF, vendors=_SERVED_VENDORS)
    with product.serving() as serving:
        until(lambda: call("GET", f"{systems.basware}/_sandbox/state")["subscriptions"], "the subscription")
        systems.approve(documents[:_HALF], notify=True)
        # The poll comes every five minutes only.
        until(lambda: _answered(systems, code) == _HALF, "the bills", seconds=20)
        token = product.well("token", "create", "a viewer", "--role", "viewer", "--json").json["token"]
        status, told = request(
            "GET", f"{serving.address}/api/v1/invoices?limit=10", headers={"Authorization": f"Bearer {token}"}
        )
        assert status == 200
        assert {(each["invoice_number"], each["status"]) for each in told["items"]} == {
            (each["invoiceNumber"], "transferred") for each in documents[:_HALF]
        }
        between()
        systems.approve(documents[_HALF:], notify=True)
        until(lambda: _answered(systems, code) == 2 * _HALF, "the rest of the bills", seconds=20)
        assert serving.end() == 0, serving.told()
    assert "Traceback" not in serving.told()
    assert sorted((each["vendorInvoiceNumber"], each["standing"]) for each in systems.bills(code)) == sorted(
        (each["invoiceNumber"], POSTED) for each in documents
    )


def _answered(systems: Simulated, code: str) -> int:
    """How many documents were answered, once each."""
    answers = [[each["success"] for each in document["transferResponses"]] for document in systems.documents(code)]
    return answers.count([True])
