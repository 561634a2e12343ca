"""What happens afterwards with Business Central, and things that go wrong with any ledger. A company each."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from acceptance.afterwards import VENDORS, Afterwards, Household, Small, active, assert_said_in_words, connected
from acceptance.product import Product, connections, query
from acceptance.simulated import Fields, company_of

pytestmark = pytest.mark.xdist_group("acceptance-changes")

CODES = [str(code) for code in range(2001, 2020)]


class TestBusinessCentral(Afterwards):
    """All of it."""

    tells_parts = False
    tolerated = Decimal(0)
    refusal: ClassVar[Fields] = {
        "path": r"\$batch",
        "body": '{"error": {"code": "Application_DialogException", "message": "An extension says no."}}',
    }


# ------------------------------------------------------------------ a side that was down


def test_a_person_need_not_wait_for_a_side_that_was_down(small: Small) -> None:
    (document,) = small.approve(1)
    small.systems.fault(
        small.systems.ledger, kind="status", method="GET", path="/companies", status=503, retry_after="3600", count=99
    )
    down = small.run("invoices")
    assert (down.code, down.flow("invoices")["posted"], down.flow("invoices")["failed"]) == (1, 0, 1), down
    still = small.run("invoices")
    assert (still.code, still.flow("invoices")["failed"]) == (1, 1), "what waits for it is told each time"
    small.systems.mend()
    again = small.run("invoices")
    assert (again.code, again.flow("invoices")["posted"]) == (0, 1), again
    assert [each["vendorInvoiceNumber"] for each in small.bills()] == [document["invoiceNumber"]]


# ------------------------------------------------------------------ master data


def test_what_has_not_changed_is_sent_again_only_when_touched(small: Small) -> None:
    assert small.run("payment-terms", "vendors").code == 0
    before = small.systems.held_in_basware("vendors", small.code)
    small.systems.forget_calls()
    again = small.run("vendors")
    assert (again.code, again.flow("vendors")["sent"]) == (0, 0)
    assert not [path for method, path in small.systems.calls() if method == "POST"]
    touched = small.run("vendors", "--touch")
    assert (touched.code, touched.flow("vendors")["sent"]) == (0, len(before))
    assert [path for method, path in small.systems.calls() if method == "POST"]
    assert len(small.systems.held_in_basware("vendors", small.code)) == len(before)


def test_a_mass_deactivation_stops_and_asks(small: Small) -> None:
    assert small.run("payment-terms", "vendors").code == 0
    before = active(small)
    company = company_of(small.code, small.systems.today, vendors=VENDORS, invoices=0)
    leaving = [each.number for each in company.vendors if not each.blocked][:8]
    for number in leaving:
        small.systems.in_ledger("vendors", small.code, number=number, delete=True)
    braked = small.run("vendors")
    assert (braked.code, braked.flow("vendors")["outcome"]) == (1, "failed")
    assert "--allow-deactivations" in braked.flow("vendors")["error"]
    assert active(small) == before
    lifted = small.run("vendors", "--allow-deactivations")
    assert (lifted.code, lifted.flow("vendors")["outcome"]) == (0, "ok")
    assert len(before - active(small)) == len(leaving)


# ------------------------------------------------------------------ the books


TAMPERINGS = (
    "UPDATE trail SET summary = 'Nothing happened.' WHERE connection_id = %s AND seq = 2",
    "DELETE FROM trail WHERE connection_id = %s AND seq = 2",
    "DELETE FROM trail WHERE connection_id = %s AND seq = (SELECT max(seq) FROM trail t"
    " WHERE t.connection_id = trail.connection_id)",
)


def test_verify_finds_what_somebody_did_to_the_trail(small: Small) -> None:
    small.approve(1)
    assert small.run("invoices").code == 0
    url = small.product.database_url or ""
    query(url, "CREATE TABLE kept AS SELECT * FROM trail WHERE connection_id = %s", small.name)
    for tampering in TAMPERINGS:
        with pytest.raises(psycopg.Error, match="append"):
            query(url, tampering, small.name)
        _past_the_trigger(url, tampering, small.name)
        said = small.product.run("verify", "--json")
        assert (said.code, said.json["ok"]) == (1, False)
        broken = [each for each in said.json["chains"] if not each["ok"]]
        assert [each["connection"] for each in broken] == [small.name]
        assert broken[0]["fault"].endswith(".")
        _past_the_trigger(url, "DELETE FROM trail WHERE connection_id = %s", small.name)
        query(url, "INSERT INTO trail SELECT * FROM kept")
    assert small.product.well("verify", "--json").json["ok"]


def _past_the_trigger(url: str, sql: str, *values: str) -> None:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute("SET session_replication_role = replica")
        database.execute(sql, values)  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_after_a_rotation_of_the_key_everything_works_with_the_new_one(small: Small) -> None:
    key = small.product.home / "key"
    before = key.read_text()
    rotated = small.product.well("key", "rotate", "--json").json
    assert rotated["resealed"] >= 3 * len(CODES)
    assert key.read_text() != before
    assert before.strip() not in key.read_text()
    assert small.product.well("ping", small.name, "--json").json
    assert small.product.well("verify", "--json").json["ok"]


def test_export_writes_a_file_that_changes_nothing(small: Small, tmp_path: Path) -> None:
    written = small.product.well("export").out
    assert "bc-secret" not in written
    places = dict(re.findall(r"(\w+): [\"']?\$\{env:(\w+)\}", written))
    values = {"basware_client_secret": "basware-secret"}
    file = tmp_path / "exported.yaml"
    file.write_text(written, encoding="utf-8")
    names = set(re.findall(r"\$\{env:(\w+)\}", written))
    assert names
    assert places
    env = {name: _secret_for(name) for name in names} | values
    said = small.product.run("apply", str(file), "--json", env=env)
    assert said.code == 0, said
    assert {each["kind"] for each in said.json["changes"]} == {"unchanged"}, said


def _secret_for(name: str) -> str:
    if "TOKEN" in name:
        return "webhook-token-123456"
    return "basware-secret" if "BASWARE" in name else "bc-secret"


# ------------------------------------------------------------------ wrong set-ups


@pytest.mark.parametrize(
    ("name", "changes", "step", "words"),
    [
        ("wrong-basware", {"basware_secret": "not-the-secret"}, "sign in", "secret"),
        ("wrong-secret", {"client_secret": "not-the-secret"}, "sign in", "client secret"),
        ("no-host", {"base_url": "http://127.0.0.1:1"}, "reach", "base_url"),
        ("no-company", {"company_id": "", "company_name": "Nobody Oy"}, "company", "company_name"),
    ],
)
def test_a_wrong_set_up_is_said_in_words(
    household: Household, tmp_path: Path, name: str, changes: dict[str, str], step: str, words: str
) -> None:
    with connected(household, CODES[-1], tmp_path, name=name, **changes) as product:
        side = "Basware" if "basware_secret" in changes else "Business Central"
        error = assert_said_in_words(product, name, side=side, step=step, advice=words)
        assert side in error or "Microsoft Entra ID" in error


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run", "acme2001"), "acme-2001"),
        (("run", "acme-2001", "vendor"), "vendors"),
        (("invoices", "--status", "hold"), "held"),
        (("replay",), "--held"),
        (("trail", "NOBODY"), "invoices"),
        (("reconcile", "acme-2001", "--period", "October"), "2026-10"),
        (("fly",), "--help"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)
def test_wrong_usage_is_exit_code_2_and_says_what_is_right(
    household: Household, words: tuple[str, ...], told: str
) -> None:
    said = household.product.run(*words)
    assert said.code == 2, said
    assert told in said.err
    assert said.out == ""


def test_a_fault_in_the_file_is_told_with_its_line_and_key(household: Household, tmp_path: Path) -> None:
    file = tmp_path / "faulty.yaml"
    text = connections(household.systems, ["2001"]).replace("company_id:", "companyid:")
    file.write_text(text, encoding="utf-8")
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "companyid" in each)
    said = household.product.run("apply", str(file), "--json")
    assert said.code == 2
    faults = {each["key"].rsplit(".", 1)[-1]: each for each in said.json["faults"]}
    assert faults["companyid"]["line"] == line
    assert "company_id" in faults["companyid"]["message"]
    assert f"faulty.yaml:{line}:" in said.err


def test_without_init_a_command_says_what_to_do(tmp_path: Path) -> None:
    said = Product(tmp_path / "nothing").run("status")
    assert said.code == 2
    assert "ml-connector init" in said.err
