"""The simulated Business Central on the wire: protocol, reading, batches, master data."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from business_central_wire import ACME, Wire

from ml_connector.sandbox.business_central import ENVIRONMENT, TENANT

NOBODY = "00000000-0000-0000-0000-00000000dead"


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


# --- Transport and protocol (dossier 15, 1-6) ---------------------------------------------------------------


async def test_token_endpoint_refuses_a_wrong_secret(wire: Wire) -> None:
    reply = await wire.sign_in(client_secret="nope")
    assert (reply.status, reply.body["error"]) == (401, "invalid_client")
    assert "AADSTS7000215" in reply.body["error_description"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scope": "https://graph.microsoft.com/.default"}, 70011),
        ({"grant_type": "password"}, 70003),
        ({"client_id": "somebody"}, 700016),
    ],
)
async def test_token_endpoint_refuses_anything_but_client_credentials(
    wire: Wire, changes: dict[str, str], code: int
) -> None:
    reply = await wire.sign_in(**changes)
    assert (reply.status, reply.body["error_codes"]) == (400, [code])


async def test_calls_without_or_with_an_expired_token_are_refused(wire: Wire) -> None:
    assert (await wire.send("GET", "companies", token="")).code == "Authentication_InvalidCredentials"
    wire.clock.move(wire.clock.now().replace(year=2100) - wire.clock.now())
    assert (await wire.send("GET", "companies")).status == 401


async def test_an_application_without_a_card_is_refused_with_a_valid_token(wire: Wire) -> None:
    await wire.control("registered", enabled=False)
    assert (await wire.send("GET", "companies")).code == "Authentication_InvalidCredentials"
    await wire.control("registered", enabled=True)
    assert (await wire.send("GET", "companies")).status == 200


async def test_both_address_forms_lead_to_the_companies(wire: Wire) -> None:
    for prefix in (f"{TENANT}/{ENVIRONMENT}", ENVIRONMENT):
        reply = await wire.send("GET", f"{wire.origin}/v2.0/{prefix}/api/v2.0/companies")
        assert [company["name"] for company in reply.body["value"]] == ["Acme Trading Oy"]


async def test_wrong_environment_company_and_entity_case_answer_404(wire: Wire) -> None:
    wrong = await wire.send("GET", f"{wire.origin}/v2.0/{TENANT}/Nowhere/api/v2.0/companies")
    assert wrong.status == 404
    company = await wire.send("GET", f"companies({NOBODY})/vendors")
    assert (company.status, company.code) == (404, "Internal_CompanyNotFound")
    assert (await wire.get("purchaseinvoices")).code == "BadRequest_ResourceNotFound"


async def test_error_envelope_carries_a_fresh_correlation_id(wire: Wire) -> None:
    texts = [(await wire.get("nothings")).body["error"]["message"] for _ in range(2)]
    assert texts[0] != texts[1]
    assert all(re.search(r"  CorrelationId:  [0-9a-f-]{36}\.$", text) for text in texts)


async def test_company_by_option_and_by_header(wire: Wire) -> None:
    by_option = await wire.send("GET", "paymentTerms", params={"company": "Acme Trading Oy"})
    by_header = await wire.send("GET", "paymentTerms", headers={"Company": "Acme Trading Oy"})
    assert by_option.status == by_header.status == 200
    assert by_option.body["value"] == by_header.body["value"]


async def test_codes_are_upper_cased_and_empty_values_are_never_null(wire: Wire) -> None:
    made = await wire.make(vendorInvoiceNumber=" inv-1a ")
    assert made["vendorInvoiceNumber"] == "INV-1A"
    assert made["orderId"] == "00000000-0000-0000-0000-000000000000"
    assert made["orderNumber"] == ""
    assert None not in made.values()


async def test_enum_values_are_encoded_on_output_and_taken_in_both_spellings(wire: Wire) -> None:
    made = await wire.make()
    for spelled in ("Purchase Invoice", "Purchase_x0020_Invoice"):
        body = {"parentType": spelled, "parentId": made["id"], "fileName": "a.pdf"}
        reply = await wire.post("documentAttachments", body)
        assert reply.body["parentType"] == "Purchase_x0020_Invoice"
    wrong = await wire.post("documentAttachments", {"parentType": "Invalid Type", "parentId": made["id"]})
    assert (wrong.status, wrong.code) == (400, "Unknown")


async def test_header_tag_changes_with_every_line_change(wire: Wire) -> None:
    made = await wire.make()
    address = f"purchaseInvoices({made['id']})"
    tags = [made["@odata.etag"]]
    line = await wire.post(f"{address}/purchaseInvoiceLines", wire.line())
    tags.append((await wire.get(address)).tag)
    await wire.patch(f"purchaseInvoiceLines({line.body['id']})", {"quantity": 3})
    tags.append((await wire.get(address)).tag)
    await wire.delete(f"purchaseInvoiceLines({line.body['id']})")
    tags.append((await wire.get(address)).tag)
    assert len(set(tags)) == 4


# --- Reading (7-11) -----------------------------------------------------------------------------------------


async def test_every_vendor_comes_once_when_next_links_are_followed(wire: Wire) -> None:
    reply = await wire.get("vendors", prefer="odata.maxpagesize=50", select="number")
    seen = [row["number"] for row in reply.body["value"]]
    while link := reply.body.get("@odata.nextLink"):
        assert "aid=" in link
        assert "$select=number" in link
        reply = await wire.send("GET", link, headers={"Prefer": "odata.maxpagesize=50"})
        seen += [row["number"] for row in reply.body["value"]]
    assert sorted(seen) == [vendor.number for vendor in wire.company.vendors]
    assert len(seen) == len(set(seen))


async def test_page_size_is_clamped_to_the_server_s(wire: Wire) -> None:
    await wire.control("page-size", size=10)
    assert len((await wire.get("vendors", prefer="odata.maxpagesize=50")).body["value"]) == 10


async def test_top_within_a_page_is_a_limit_without_next_link(wire: Wire) -> None:
    reply = await wire.get("vendors", top="3")
    assert len(reply.body["value"]) == 3
    assert "@odata.nextLink" not in reply.body


async def test_top_above_a_page_shrinks_in_the_next_link(wire: Wire) -> None:
    await wire.control("page-size", size=10)
    reply = await wire.get("vendors", top="25")
    assert "$top=15" in reply.body["@odata.nextLink"]
    counts = [len(reply.body["value"])]
    while link := reply.body.get("@odata.nextLink"):
        reply = await wire.send("GET", link)
        counts.append(len(reply.body["value"]))
    assert counts == [10, 10, 5]


@pytest.mark.parametrize(
    "condition",
    [
        "number eq 'A' or displayName eq 'B'",
        "number eq 'A' and blocked ne 'All' or number eq 'B'",
        "nonsense eq 1",
        "id eq '6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001'",
        "lastModifiedDateTime ge '2026-01-01T00:00:00Z'",
        "number eq 5",
        "currencyCode eq 'EUR'",
        "blocked eq ' '",
        "number eq 'A",
        "number in ('A','B')",
    ],
)
async def test_filters_that_the_server_refuses(wire: Wire, condition: str) -> None:
    assert (await wire.get("vendors", filter=condition)).status == 400


async def test_or_across_properties_is_refused_in_the_server_s_words(wire: Wire) -> None:
    reply = await wire.get("vendors", filter="number eq 'A' or displayName eq 'B'")
    assert reply.message == "The 'OR' operator is not supported on distinct fields on an OData filter."


@pytest.mark.parametrize("option", ["count", "search", "apply"])
async def test_query_options_that_do_not_exist_are_refused(wire: Wire, option: str) -> None:
    assert (await wire.get("vendors", **{option: "true"})).status == 400


async def test_filter_finds_what_it_says(wire: Wire) -> None:
    one, two = (vendor.number for vendor in wire.company.vendors[:2])

    async def numbers(condition: str, **options: str) -> list[str]:
        reply = await wire.get("vendors", filter=condition, **options)
        assert reply.status == 200, reply.body
        return sorted(row["number"] for row in reply.body["value"])

    assert await numbers(f"number eq '{one}' or number eq '{two}'") == [one, two]
    assert await numbers(f"(number eq '{one}' or number eq '{two}') and number ne '{two}'") == [one]
    assert await numbers(f"number in ('{one}','{two}')", schemaversion="2.1") == [one, two]
    assert await numbers("startswith(number,'V00001') and number lt 'V000012'") == ["V000010", "V000011"]
    brien = [vendor.number for vendor in wire.company.vendors if vendor.name.startswith("O'Brien")]
    assert await numbers("startswith(displayName,'O''Brien')") == brien
    assert await numbers("contains(displayName,'BRIEN')") == []
    assert await numbers("contains(toupper(displayName),'BRIEN')") == brien
    assert await numbers("blocked eq 'All'") == sorted(
        vendor.number for vendor in wire.company.vendors if vendor.blocked == "All"
    )


async def test_changes_since_a_moment_are_found_and_deleted_rows_are_not(wire: Wire) -> None:
    before = max(row["lastModifiedDateTime"] for row in (await wire.get("vendors")).body["value"])
    await wire.control("vendors", company="1000", number=wire.company.vendors[3].number, displayName="New Name")
    await wire.control("vendors", company="1000", number=wire.company.vendors[4].number, delete=True)
    changed = (await wire.get("vendors", filter=f"lastModifiedDateTime gt {before}")).body["value"]
    assert [row["displayName"] for row in changed] == ["New Name"]
    assert len((await wire.get("vendors")).body["value"]) == len(wire.company.vendors) - 1


async def test_expand_goes_two_levels_deep(wire: Wire) -> None:
    made = await wire.make(dimensionSetLines=[{"code": "DEPARTMENT", "valueCode": "D010"}])
    reply = await wire.get(
        "purchaseInvoices",
        filter=f"id eq {made['id']}",
        select="id,number",
        expand="purchaseInvoiceLines($select=id,netAmount;$expand=dimensionSetLines,location),dimensionSetLines",
    )
    (row,) = reply.body["value"]
    assert set(row) == {"@odata.etag", "id", "number", "purchaseInvoiceLines", "dimensionSetLines"}
    line = row["purchaseInvoiceLines"][0]
    assert [value["valueCode"] for value in line["dimensionSetLines"]] == ["D010"]
    assert line["dimensionSetLines"][0]["parentType"] == "Purchase_x0020_Invoice_x0020_Line"
    assert line["location"] is None


async def test_dimensions_and_vendors_expand_their_parts(wire: Wire) -> None:
    dimensions = (await wire.get("dimensions", expand="dimensionValues")).body["value"]
    assert {row["code"] for row in dimensions} == {"DEPARTMENT", "PROJECT", "AREA", "CAMPAIGN"}
    assert sum(len(row["dimensionValues"]) for row in dimensions) == len(wire.company.dimension_values)
    vendors = (await wire.get("vendors", expand="defaultDimensions")).body["value"]
    assert sum(1 for row in vendors if row["defaultDimensions"]) == sum(
        1 for vendor in wire.company.vendors if vendor.default_dimensions
    )


async def test_lines_and_dimension_sets_need_their_parent(wire: Wire) -> None:
    reply = await wire.get("purchaseInvoiceLines")
    assert reply.message == "You must specify an Id or a Document Id to get the lines."
    made = await wire.make()
    found = await wire.get("purchaseInvoiceLines", filter=f"documentId eq {made['id']}")
    assert len(found.body["value"]) == 2
    reply = await wire.get("dimensionSetLines")
    assert reply.message == "You must get to the parent first to get to the dimension set line."
    assert (await wire.get("defaultDimensions")).status == 400


async def test_unknown_ids_answer_404_and_bad_keys_too(wire: Wire) -> None:
    reply = await wire.get(f"purchaseInvoices({NOBODY})")
    assert (reply.status, reply.code) == (404, "Internal_RecordNotFound")
    assert (await wire.get("vendors('20000')")).code == "BadRequest_NotFound"


# --- Writing and batches (12-18) ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"vendorName": "x"}, "BadRequest", "Control 'vendorName' is read-only."),
        ({"status": "Open"}, "BadRequest", "Control 'status' is read-only."),
        ({"id": NOBODY}, "BadRequest", "Control 'id' is read-only."),
        ({"paymentTermsId": NOBODY}, "BadRequest", "The property 'paymentTermsId' does not exist"),
        ({"vendorInvoiceNumber": 5}, "BadRequest", "Cannot convert the literal '5'"),
        ({"invoiceDate": "2026-02-30"}, "BadRequest", "Cannot convert the literal '2026-02-30'"),
        ({"vendorInvoiceNumber": "x" * 36}, "Application_StringExceededLength", "The length of the string is 36"),
    ],
)
async def test_bodies_that_are_refused_store_nothing(wire: Wire, body: dict[str, Any], code: str, text: str) -> None:
    count = len((await wire.get("purchaseInvoices")).body["value"])
    reply = await wire.post("purchaseInvoices", wire.draft(**body))
    assert (reply.status, reply.code) == (400, code)
    assert reply.message.startswith(text)
    assert len((await wire.get("purchaseInvoices")).body["value"]) == count


async def test_patch_wants_the_right_tag(wire: Wire) -> None:
    made = await wire.make()
    address = f"purchaseInvoices({made['id']})"
    body = {"dueDate": "2030-01-31"}
    missing = await wire.patch(address, body, tag="")
    assert (missing.status, missing.code) == (400, "BadRequest_InvalidToken")
    assert (await wire.patch(address, body, tag="garbage")).code == "BadRequest_InvalidToken"
    fresh = await wire.get(address)
    good = await wire.patch(address, body, tag=fresh.tag)
    assert (good.status, good.body["dueDate"]) == (200, "2030-01-31")
    stale = await wire.patch(address, body, tag=fresh.tag)
    assert (stale.status, stale.code) == (409, "Request_EntityChanged")
    assert (await wire.delete(address, tag=fresh.tag)).status == 409
    assert (await wire.delete(address, tag="")).status == 204


async def test_answers_of_the_verbs(wire: Wire) -> None:
    quiet = await wire.post("purchaseInvoices", wire.draft(), Prefer="return-no-content")
    assert (quiet.status, quiet.body) == (204, b"")
    made = await wire.make(vendorInvoiceNumber="OTHER")
    assert (await wire.post_document(made["id"])).status == 204
    assert (await wire.send("PUT", f"{ACME}/purchaseInvoices({made['id']})", {})).status == 405


async def test_deep_insert_puts_header_dimensions_before_lines_whatever_the_order(wire: Wire) -> None:
    body = wire.draft()
    body["dimensionSetLines"] = [{"code": "AREA", "valueCode": "A07"}]
    reply = await wire.send("POST", f"{ACME}/purchaseInvoices", body)
    assert "purchaseInvoiceLines" not in reply.body
    for line in await wire.lines(reply.body["id"]):
        values = (await wire.get(f"purchaseInvoiceLines({line['id']})/dimensionSetLines")).body["value"]
        assert [value["valueCode"] for value in values] == ["A07"]


async def test_deep_insert_is_all_or_nothing(wire: Wire) -> None:
    count = len((await wire.get("purchaseInvoices")).body["value"])
    lines = [wire.line(), wire.line(lineObjectNumber="9999")]
    reply = await wire.post("purchaseInvoices", wire.draft(purchaseInvoiceLines=lines))
    assert reply.message == "Account does not exist."
    assert len((await wire.get("purchaseInvoices")).body["value"]) == count


def _part(identity: str, method: str, url: str, body: Any = None) -> dict[str, Any]:
    part = {"id": identity, "method": method, "url": f"{ACME}/{url}", "headers": {"If-Match": "*"}}
    return part if body is None else {**part, "body": body}


async def _batch(wire: Wire, parts: list[dict[str, Any]], **headers: str) -> list[tuple[str, int]]:
    reply = await wire.send("POST", "$batch", {"requests": parts}, headers=headers)
    assert reply.status == 200, reply.body
    return [(part["id"], part["status"]) for part in reply.body["responses"]]


async def test_batch_stops_at_the_first_failure_and_keeps_what_came_before(wire: Wire) -> None:
    made = await wire.make()
    lines = f"purchaseInvoices({made['id']})/purchaseInvoiceLines"
    parts = [
        _part("1", "POST", lines, wire.line()),
        _part("2", "POST", lines, wire.line(lineObjectNumber="9999")),
        _part("3", "POST", lines, wire.line()),
    ]
    assert await _batch(wire, parts) == [("1", 201), ("2", 400)]
    assert len(await wire.lines(made["id"])) == 3
    assert await _batch(wire, parts, Prefer="odata.continue-on-error") == [("1", 201), ("2", 400), ("3", 201)]
    assert len(await wire.lines(made["id"])) == 5


async def test_snapshot_batch_takes_everything_back(wire: Wire) -> None:
    made = await wire.make()
    lines = f"purchaseInvoices({made['id']})/purchaseInvoiceLines"
    parts = [_part("1", "POST", lines, wire.line()), _part("2", "POST", lines, wire.line(lineObjectNumber="9999"))]
    assert await _batch(wire, parts, Isolation="snapshot") == [("1", 201), ("2", 400)]
    assert len(await wire.lines(made["id"])) == 2


async def test_a_post_inside_a_snapshot_commits_what_came_before(wire: Wire) -> None:
    made = await wire.make(vendorInvoiceNumber="")
    lines = f"purchaseInvoices({made['id']})/purchaseInvoiceLines"
    parts = [
        _part("1", "POST", lines, wire.line()),
        _part("2", "POST", f"purchaseInvoices({made['id']})/Microsoft.NAV.post"),
    ]
    assert await _batch(wire, parts, Isolation="snapshot") == [("1", 201), ("2", 400)]
    assert len(await wire.lines(made["id"])) == 3


async def test_batch_posts_and_reads_in_one_go(wire: Wire) -> None:
    made = await wire.make()
    parts = [
        _part("p", "POST", f"purchaseInvoices({made['id']})/Microsoft.NAV.post"),
        _part("r", "GET", f"purchaseInvoices({made['id']})?$select=number,status&$expand=dimensionSetLines"),
    ]
    reply = await wire.send("POST", "$batch", {"requests": parts})
    posted, read = reply.body["responses"]
    assert (posted["status"], read["status"]) == (204, 200)
    assert read["body"]["status"] == "Open"
    assert "body" not in posted


async def test_batch_of_more_than_a_hundred_parts_is_refused(wire: Wire) -> None:
    reply = await wire.send("POST", "$batch", {"requests": [_part(str(n), "GET", "vendors") for n in range(101)]})
    assert (reply.status, reply.code) == (400, "Unknown")


async def test_too_many_requests_with_and_without_retry_after(wire: Wire) -> None:
    await wire.control("limits", requests_per_5_minutes=2)
    replies = [await wire.get("paymentTerms") for _ in range(3)]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert replies[-1].code == "Application_TooManyRequests"
    assert "Retry-After" not in replies[-1].headers
    await wire.control("limits", retry_after=7)
    assert (await wire.get("paymentTerms")).headers["Retry-After"] == "7"


async def test_requests_beyond_the_queue_are_refused(wire: Wire) -> None:
    await wire.control("limits", concurrent=1, queue=1, latency=0.2)
    replies = await asyncio.gather(*(wire.get("paymentTerms") for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 200, 429, 429]


async def test_a_504_after_the_write_leaves_the_write_done(wire: Wire) -> None:
    fault = {"kind": "status_after", "status": 504, "method": "POST", "path": "/purchaseInvoices$"}
    await wire.control("faults", **fault)
    assert (await wire.post("purchaseInvoices", wire.draft(vendorInvoiceNumber="LOST"))).status == 504
    found = await wire.get("purchaseInvoices", filter="vendorInvoiceNumber eq 'LOST'")
    assert len(found.body["value"]) == 1


# --- Master data (36, 37) and vendors -----------------------------------------------------------------------


@pytest.mark.parametrize("entity_set", ["accounts", "dimensions", "dimensionValues", "generalLedgerEntries"])
async def test_read_only_sets_refuse_writes(wire: Wire, entity_set: str) -> None:
    reply = await wire.post(entity_set, {})
    assert (reply.status, reply.code) == (405, "BadRequest_MethodNotAllowed")


async def test_vendor_ledger_entries_live_in_another_group_and_can_be_switched_off(wire: Wire) -> None:
    assert (await wire.get("vendorLedgerEntries")).status == 404
    group = wire.root.replace("/api/v2.0", "/api/microsoft/reportsFinance/beta")
    address = f"{group}/{ACME}/vendorLedgerEntries"
    made = await wire.make()
    await wire.post_document(made["id"])
    number = (await wire.get(f"purchaseInvoices({made['id']})")).body["number"]
    (entry,) = (await wire.send("GET", address, params={"$filter": f"documentNumber eq '{number}'"})).body["value"]
    assert (entry["documentType"], entry["open"], entry["amount"]) == ("Invoice", True, -372)
    await wire.control("ledger-entries", enabled=False)
    assert (await wire.send("GET", address)).status == 404


async def test_vendors_can_be_created_changed_and_not_doubled(wire: Wire) -> None:
    made = await wire.post("vendors", {"number": "N1", "displayName": "New", "currencyCode": "USD"})
    assert (made.status, made.body["blocked"], made.body["currencyCode"]) == (201, "_x0020_", "USD")
    again = await wire.post("vendors", {"number": "n1", "displayName": "Again"})
    assert (again.status, again.code) == (409, "Internal_EntityWithSameKeyExists")
    wrong = await wire.patch(f"vendors({made.body['id']})", {"paymentTermsId": NOBODY})
    assert wrong.message == 'The "paymentTermsId" does not match to a Payment Terms.'
    changed = await wire.patch(f"vendors({made.body['id']})", {"blocked": "All"}, tag=made.tag)
    assert changed.body["blocked"] == "All"


async def test_setup_names_window_currency_and_shortcuts(wire: Wire) -> None:
    await wire.control("period", **{"from": "2026-05-01", "to": "2026-05-31"})
    (setup,) = (await wire.get("generalLedgerSetup")).body["value"]
    assert (setup["allowPostingFrom"], setup["allowPostingTo"]) == ("2026-05-01", "2026-05-31")
    assert (setup["localCurrencyCode"], setup["shortcutDimension1Code"]) == ("EUR", "DEPARTMENT")
    (company,) = (await wire.get("companyInformation")).body["value"]
    assert company["currencyCode"] == "EUR"


async def test_further_companies_can_be_founded(wire: Wire) -> None:
    ids = await wire.control("companies", codes=["1001", "1002"], vendors=30, invoices=5, orders=0)
    reply = await wire.send("GET", f"companies({ids['companies']['1002']})/vendors")
    assert len(reply.body["value"]) == 30
    names = {row["name"] for row in (await wire.send("GET", "companies")).body["value"]}
    assert names == {"Acme Trading Oy", "Acme Trading 1001", "Acme Trading 1002"}


async def test_metadata_describes_what_is_served(wire: Wire) -> None:
    reply = await wire.send("GET", "$metadata")
    assert reply.status == 200
    assert b'EntitySet Name="purchaseInvoices"' in reply.body
    environments = await wire.send("GET", f"{wire.origin}/environments/v1.2")
    assert environments.body["value"][0]["name"] == ENVIRONMENT


async def test_reset_goes_back_to_the_first_day(wire: Wire) -> None:
    before = (await wire.send("GET", f"{wire.origin}/_sandbox/bills")).body["total"]
    await wire.make()
    await wire.control("reset")
    assert (await wire.send("GET", f"{wire.origin}/_sandbox/bills")).body["total"] == before


async def test_a_vendor_with_bills_cannot_be_deleted(wire: Wire) -> None:
    made = await wire.make()
    vendor = await wire.first("vendors", f"number eq '{made['vendorNumber']}'")
    drafted = await wire.delete(f"vendors({vendor['id']})")
    assert drafted.message.startswith(f"You cannot delete Vendor {vendor['number']} because there is at least one")
    await wire.post_document(made["id"])
    posted = await wire.delete(f"vendors({vendor['id']})")
    assert "it has ledger entries" in posted.message
    unused = await wire.post("vendors", {"displayName": "Never billed"})
    assert (await wire.delete(f"vendors({unused.body['id']})", tag=unused.tag)).status == 204


async def test_a_tax_group_made_through_the_api_can_be_used(wire: Wire) -> None:
    group = await wire.post("taxGroups", {"code": "vat5", "displayName": "Five"})
    assert group.body["code"] == "VAT5"
    made = await wire.make(purchaseInvoiceLines=[wire.line(taxCode="VAT5")])
    assert (await wire.lines(made["id"]))[0]["taxCode"] == "VAT5"


async def test_read_only_intent_is_for_reads(wire: Wire) -> None:
    reply = await wire.post("purchaseInvoices", wire.draft(), **{"Data-Access-Intent": "ReadOnly"})
    assert reply.status == 400
