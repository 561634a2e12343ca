"""The configuration file: what it means, and each kind of fault with its line."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from ml_connector.connectors.side import DimensionRule
from ml_connector.engine.schedules import FlowSchedule, duration, seconds
from ml_connector.operations.configuration import (
    Configuration,
    ConfigurationError,
    Fault,
    read_configuration,
    schema,
)
from ml_connector.operations.connection_settings import settings_of
from ml_connector.records.flow import Flow

Parse = Callable[..., Configuration]
AT = "connections.acme-bc"


def faults(parse: Parse, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        parse(text)
    assert "hush" not in str(caught.value)
    assert str(caught.value).splitlines() == [str(fault) for fault in caught.value.faults]
    return [(fault.line, fault.key, fault.message) for fault in caught.value.faults]


# ------------------------------------------------------------------ what it means


def test_a_file_is_read_with_references_and_defaults(parse: Parse) -> None:
    read = parse()
    assert read.advice == ()
    [connection] = read.connections
    assert (connection.name, connection.company, connection.system) == ("acme-bc", "1000", "business-central")
    assert connection.basware.values == {"region": "eu", "client_id": "acme"}
    assert connection.basware.secrets == {"client_secret": "hush-basware", "webhook_token": "hush-token"}
    assert connection.erp.secrets == {"client_secret": "hush-bc"}
    assert connection.mapping.dimensions[1] == DimensionRule(basware="dimCode1", erp="AREA", list="ACC_LIST_1")
    assert connection.mapping.tolerance == {"EUR": Decimal("0.02")}
    assert "hush" not in repr(read)


def test_every_flow_of_the_pair_runs_at_its_default_unless_the_file_says_otherwise(parse: Parse) -> None:
    flows = parse().connections[0].flows
    assert flows == {
        Flow.TAX_CODES: FlowSchedule(every=3600),
        Flow.ACCOUNTS: FlowSchedule(every=3600),
        Flow.DIMENSIONS: FlowSchedule(every=3600),
        Flow.PAYMENT_TERMS: FlowSchedule(every=3600),
        Flow.VENDORS: FlowSchedule(cron="0 2 * * *", timezone="Europe/Helsinki"),
        Flow.PURCHASE_ORDERS: FlowSchedule(enabled=False, every=900),
        Flow.INVOICES: FlowSchedule(every=600, webhook=True),
        Flow.PAYMENTS: FlowSchedule(every=1800),
    }


@pytest.mark.parametrize("cut", ["    flows:", "    mapping:"])
def test_sections_may_be_left_out_or_empty(parse: Parse, text: str, cut: str) -> None:
    before = text[: text.index(cut)]
    assert parse(before).connections[0].mapping.credit_note_types == {"CN"}
    assert parse(f"{before}{cut}\n").connections[0].flows[Flow.PAYMENTS].every == 1800


def test_null_is_as_good_as_left_out(parse: Parse, text: str) -> None:
    read = parse(text.replace("region: eu", "region: eu\n      base_url: null"))
    assert "base_url" not in read.connections[0].basware.values


def test_a_secret_in_clear_is_taken_with_advice(parse: Parse, text: str) -> None:
    read = parse(text.replace("${env:BC_SECRET}", "in-clear"))
    assert read.connections[0].erp.secrets == {"client_secret": "in-clear"}
    assert [(fault.line, fault.key) for fault in read.advice] == [(14, f"{AT}.erp.client_secret")]
    assert "in-clear" not in str(read.advice)


def test_two_connections_taking_the_same_invoices_are_pointed_out(parse: Parse, text: str) -> None:
    again = text.replace("connections:\n", "").replace("acme-bc", "second")
    [advice] = parse(text + again).advice
    assert (advice.line, advice.key) == (29, "connections.second.company")
    assert "acme-bc" in advice.message


def test_anchors_and_merge_keys_share_settings(parse: Parse, text: str) -> None:
    shared = text.replace("  acme-bc:", "  acme-bc: &first")
    read = parse(shared + '  second:\n    <<: *first\n    company: "2000"\n')
    assert [each.company for each in read.connections] == ["1000", "2000"]
    assert read.connections[1].erp == read.connections[0].erp


def test_references_stand_anywhere_in_a_text_and_can_be_escaped(parse: Parse, text: str) -> None:
    read = parse(text.replace("client_id: acme", "client_id: a-${env:WHO}-$${env:WHO}"), WHO="x")
    assert read.connections[0].basware.values["client_id"] == "a-x-${env:WHO}"


def test_whole_numbers_are_taken_where_a_number_is_meant(parse: Parse, text: str) -> None:
    read = parse(text.replace("region: eu", "max_parallel: 2").replace('"0.02"', "1"))
    assert read.connections[0].basware.values["max_parallel"] == "2"
    assert read.connections[0].mapping.tolerance == {"EUR": Decimal(1)}


@pytest.mark.parametrize(("text", "count"), [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86400)])
def test_durations(text: str, count: int) -> None:
    assert seconds(text) == count
    assert duration(count) == text


# ------------------------------------------------------------------ one fault each

CASES = [
    ('company: "1000"', "company: 1000", 3, "company", "put it in quotes"),
    ('company: "1000"', "company: 0100", 3, "company", "put it in quotes"),
    ('company: "1000"', 'company: ""', 3, "company", "empty"),
    ('company: "1000"', "company: null", 3, "company", "required"),
    ('company: "1000"', "", 2, "company", "required"),
    ("region: eu", "region: hushland", 5, "basware.region", "one of: eu, us, au or ca"),
    ("region: eu", "reigon: eu", 5, "basware.reigon", "Did you mean region?"),
    ("region: eu", "base_url: hush.example", 5, "basware.base_url", "https://"),
    ("region: eu", "base_url: https://hush@host", 5, "basware.base_url", "no user name"),
    ("region: eu", "max_parallel: two", 5, "basware.max_parallel", "whole number"),
    ("region: eu", "region: eu\n      region: us", 6, "basware.region", "already, on line 5"),
    ("region: eu", "region: !!python/name:os.system eu", 5, "basware.region", "tags"),
    ("client_id: acme", "", 4, "basware.client_id", "required"),
    ("${env:BASWARE_SECRET}", "${env:NOT_THERE}", 7, "basware.client_secret", "NOT_THERE is not set"),
    ("${env:BASWARE_SECRET}", "${env:EMPTY}", 7, "basware.client_secret", "EMPTY is not set"),
    ("${env:BASWARE_SECRET}", "${vault:x}", 7, "basware.client_secret", "A reference is"),
    ("${env:BASWARE_SECRET}", "12345", 7, "basware.client_secret", "put it in quotes"),
    ("${file:token}", "${file:/no/such/file}", 8, "basware.webhook_token", "/no/such/file does not exist"),
    ("business-central", "busines-central", 10, "erp.system", "Did you mean business-central?"),
    ("business-central", "basware", 10, "erp.system", "There is no such system"),
    ("system: business-central", "", 9, "erp.system", "required"),
    ("tenant_id:", "tenantid:", 11, "erp.tenantid", "Did you mean tenant_id?"),
    ("company_id: 6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001", "", 9, "erp", "`company_id` and `company_name`"),
    ("0 2 * * *", "0 2 * *", 16, "flows.vendors.cron", "five fields"),
    ("0 2 * * *", "0 25 * * *", 16, "flows.vendors.cron", "no cron line"),
    ("0 2 * * *", "0 2 30 2 *", 16, "flows.vendors.cron", "cron"),
    ("Europe/Helsinki", "Europe/Helsinky", 16, "flows.vendors.timezone", "Did you mean Europe/Helsinki?"),
    ("Europe/Helsinki}", "UTC, every: 5m}", 16, "flows.vendors", "either `every` or `cron`"),
    ("Europe/Helsinki}", "UTC, webhook: 1}", 16, "flows.vendors.webhook", "true or false"),
    ("Europe/Helsinki}", "UTC, webhok: true}", 16, "flows.vendors.webhok", "Did you mean webhook?"),
    (
        "enabled: false",
        "webhook: true",
        18,
        "flows.purchase-orders.webhook",
        "accounts, payment-terms, vendors, payments.",
    ),
    ("every: 10m", "every: 10 m", 17, "flows.invoices.every", "a unit"),
    ("every: 10m", "every: 600", 17, "flows.invoices.every", "a unit"),
    ("every: 10m", "every: 0m", 17, "flows.invoices.every", "a unit"),
    ("every: 10m", "every: 9999d", 17, "flows.invoices.every", "at most"),
    ("{every: 10m}", "10m", 17, "flows.invoices", "keys with values"),
    ("purchase-orders", "purchase-order", 18, "flows.purchase-order", "Did you mean purchase-orders?"),
    ("purchase-orders", "supplier-invoices", 18, "flows.supplier-invoices", "Did you mean invoices?"),
    ("enabled: false", "enabled: 'false'", 18, "flows.purchase-orders.enabled", "true or false"),
    ("costCenterCode", "cost center", 21, "mapping.dimensions[0].basware", "not written"),
    ("erp: AREA", "er: AREA", 22, "mapping.dimensions[1].er", "Did you mean erp?"),
    ("erp: AREA", "erp: DEPARTMENT", 20, "mapping.dimensions", "same `erp`"),
    ("VAT24", "24", 23, "mapping.tax_codes.T24", "put it in quotes"),
    ("[CN]", "[NO]", 24, "mapping.credit_note_types[0]", "put it in quotes"),
    ("[CN]", "CN", 24, "mapping.credit_note_types", "a list"),
    ('"0.02"', "0.02", 25, "mapping.tolerance.EUR", "in quotes"),
    ('"0.02"', '"-1"', 25, "mapping.tolerance.EUR", "not negative"),
    ('"0.02"', '"NaN"', 25, "mapping.tolerance.EUR", "not negative"),
    ("{EUR:", "{euro:", 25, "mapping.tolerance.euro", "three capital letters"),
    ("posting_date: voucherDate", "posting_date: hush", 26, "mapping.posting_date", "one of: voucherDate"),
    ("    mapping:", "    maping:", 19, "maping", "Did you mean mapping?"),
]


@pytest.mark.parametrize(("old", "new", "line", "key", "words"), CASES, ids=[f"{c[3]}-{c[4]}" for c in CASES])
def test_a_fault_is_told_with_line_and_key(
    parse: Parse, text: str, old: str, new: str, line: int, key: str, words: str
) -> None:
    assert old in text
    found = [each for each in faults(parse, text.replace(old, new, 1)) if each[1] == f"{AT}.{key}"]
    assert [(fault[0], words in fault[2]) for fault in found] == [(line, True)], found


def test_the_ledgers_announcements_start_a_flow_only_where_the_file_says_so(parse: Parse, text: str) -> None:
    said = text.replace("Europe/Helsinki}", "Europe/Helsinki, webhook: true}").replace(
        "enabled: false", "webhook: false"
    )
    flows = parse(said).connections[0].flows
    assert {flow for flow, schedule in flows.items() if schedule.webhook} == {Flow.VENDORS, Flow.INVOICES}
    assert {flow for flow, schedule in parse().connections[0].flows.items() if schedule.webhook} == {Flow.INVOICES}


def test_a_ledger_that_fixes_what_dimensions_are_called_takes_no_other_names(parse: Parse) -> None:
    said = """
connections:
  acme-b1:
    company: "2000"
    basware: {region: eu, client_id: acme, client_secret: hush}
    erp: {system: sap-business-one, base_url: "https://b1", company_db: SBO, username: b, password: hush}
    mapping:
      dimensions:
        - {basware: costCenterCode, erp: "1"}
        - {basware: projectCode, erp: project}
        - {basware: dimCode1, erp: DEPARTMENT}
"""
    [(line, key, message)] = faults(parse, said)
    assert (line, key) == (11, "connections.acme-b1.mapping.dimensions[2].erp")
    assert message == "SAP Business One has no such dimension; there are 1, 2, 3, 4, 5, Project."
    right = said.replace("DEPARTMENT", '"2"')
    assert [rule.erp for rule in parse(right).connections[0].mapping.dimensions] == ["1", "project", "2"]
    with pytest.raises(ConfigurationError, match="Two rules name the same `erp`"):
        parse(said.replace("DEPARTMENT", '"1"'))


def test_taxes_are_named_only_where_the_ledger_takes_their_amounts(parse: Parse, text: str) -> None:
    said = """
connections:
  acme:
    company: "3000"
    basware: {region: eu, client_id: acme, client_secret: hush}
    erp: {system: acumatica, base_url: "https://a/acme", tenant: A, client_id: "x@A", client_secret: hush, username: u,
          password: hush}
    mapping:
      tax_ids: {VAT24: VAT24-FI}
"""
    connection = parse(said).connections[0]
    assert connection.mapping.tax_ids == {"VAT24": "VAT24-FI"}
    assert settings_of(connection)["mapping"]["tax_ids"] == {"VAT24": "VAT24-FI"}
    [(_, key, _)] = faults(parse, text.replace("      tax_codes:", "      tax_ids: {VAT24: X}\n      tax_codes:"))
    assert key == "connections.acme-bc.mapping.tax_ids"


SUPPLYING = """
connections:
  acme-visma:
    company: "5000"
    basware: {region: eu, client_id: acme, client_secret: hush, network_username: acme, network_password: hush,
              buyer_name: Acme, buyer_endpoint: "0192:1"}
    erp: {system: visma-net, company_id: "5000001", tenant_id: 5d0c1f8e-2f44-4f1c-9a0b-6f2b9e0d7a11, client_id: isv,
          client_secret: hush, first_invoice_date: 2026-01-01, webhook_key: hush}
    flows:
      supplier-invoices: {webhook: true}
"""


def test_an_erp_that_gives_its_invoices_has_flows_of_its_own(parse: Parse) -> None:
    connection = parse(SUPPLYING).connections[0]
    assert connection.erp.values["first_invoice_date"] == "2026-01-01"
    assert {Flow.INVOICES, Flow.PAYMENTS}.isdisjoint(connection.flows)
    by_notification = {flow for flow, schedule in connection.flows.items() if schedule.webhook}
    assert by_notification == {Flow.SUPPLIER_INVOICES, Flow.STATUSES}


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("2026-01-01", "1.1.2026", "erp.first_invoice_date", "A date is written as 2026-01-31."),
        (", webhook_key: hush", "", "flows.supplier-invoices.webhook", "set `webhook_key`"),
        (" network_password: hush,", "", "basware", "network_password of the Basware side"),
        ("webhook_key: hush", "invoice_route: post", "erp.invoice_route", "network or smartpdf"),
    ],
)
def test_what_the_way_in_needs_is_demanded_with_the_file(
    parse: Parse, old: str, new: str, key: str, words: str
) -> None:  # fmt: skip
    found = {each[1]: each[2] for each in faults(parse, SUPPLYING.replace(old, new, 1))}
    assert words in found[f"connections.acme-visma.{key}"], found


def test_an_unknown_system_does_not_hide_other_faults(parse: Parse, text: str) -> None:
    wrong = text.replace("business-central", "sapp").replace('"0.02"', "0.02").replace("eu\n", "xx\n")
    assert [(line, key) for line, key, _ in faults(parse, wrong)] == [
        (5, f"{AT}.basware.region"),
        (10, f"{AT}.erp.system"),
        (25, f"{AT}.mapping.tolerance.EUR"),
    ]


@pytest.mark.parametrize("name", ["Acme", "-acme", "a_b", "a" * 64, "å"])
def test_a_connections_name_is_checked(parse: Parse, text: str, name: str) -> None:
    [(line, key, message)] = faults(parse, text.replace("acme-bc", name))
    assert (line, key) == (2, f"connections.{name}")
    assert "small letters" in message


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("", 1, ""),
        ("[]", 1, ""),
        ("connections: [1]", 1, "connections"),
        ("connections: {}\nconnection: {}", 2, "connection"),
        ("connections: {}\nconnections: {}", 2, "connections"),
        ("connections:\n  a: 1", 2, "connections.a"),
        ("connections:\n  a: {b: *hush}", 2, ""),
        ("connections:\n  a: [\n", 3, ""),
        ("connections:\n\ta: 1", 2, ""),
        ("connections: &loop\n  a: *loop", 2, "connections.a"),
        ("{[1]: 2}", 1, ""),
    ],
)
def test_a_file_of_another_shape_is_refused(parse: Parse, text: str, line: int, key: str) -> None:
    assert (line, key) in [each[:2] for each in faults(parse, text)]


def test_aliases_cannot_grow_without_end(parse: Parse) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert any("without end" in message for _, _, message in faults(parse, "\n".join(lines)))


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff\xfe\x00")
    for name, words in {"missing": "No such file", "latin": "UTF-8"}.items():
        with pytest.raises(ConfigurationError, match=words):
            read_configuration(tmp_path / name)


def test_a_fault_reads_as_file_line_key_and_sentence() -> None:
    assert str(Fault("c.yaml", 3, "a.b", "This is empty.")) == "c.yaml:3: a.b: This is empty."


# ------------------------------------------------------------------ the schema


def test_the_schema_takes_the_file_and_refuses_what_is_wrong(text: str) -> None:
    described = schema()
    check = jsonschema_rs.Draft202012Validator(described)
    assert check.is_valid(yaml.safe_load(text))
    assert check.is_valid(yaml.safe_load(text.replace("Europe/Helsinki}", "UTC, webhook: true}")))
    for old, new in [
        ("enabled: false", "webhook: true"),
        ("region: eu", "region: xx"),
        ("every: 10m", "every: 10"),
        ("tenant_id:", "tenantid:"),
    ]:
        assert not check.is_valid(yaml.safe_load(text.replace(old, new))), new
