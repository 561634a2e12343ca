"""Invoices in the simulated Epicor Kinetic: behaviours 24 to 40 of the dossier's section 17."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import ClientError
from epicor_kinetic_papers import (
    ACCOUNT,
    GROUP,
    GROUPS,
    INVOICES,
    NUMBER,
    Tableset,
    bill,
    bills,
    code_lines,
    draw_header,
    draw_invoice,
    draw_line,
    make_group,
    make_invoice,
    read_invoice,
    save,
    vendor_of,
)
from epicor_kinetic_wire import COMPANY, Wire


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    async with Wire() as started:
        yield started


async def _entered(wire: Wire) -> int:
    return len([each for each in await bills(wire) if not each["posted"]])


# --- Tablesets (24-28) ----------------------------------------------------------------------------------------


async def test_drawing_up_an_invoice_stores_nothing(wire: Wire) -> None:
    await make_group(wire)
    await draw_invoice(wire, amounts=(100, 50))
    assert await _entered(wire) == 0


async def test_only_marked_rows_are_stored(wire: Wire) -> None:
    ds = await make_invoice(wire)
    unmarked = {**ds["APInvHed"][0], "Description": "Other", "RowMod": ""}
    await wire.call(f"{INVOICES}/Update", ds={"APInvHed": [unmarked]})
    head = (await read_invoice(wire, unmarked["VendorNum"]))["APInvHed"][0]
    assert head["Description"] == ""
    await wire.call(f"{INVOICES}/Update", ds={"APInvHed": [{**unmarked, "RowMod": "U"}]})
    assert (await read_invoice(wire, unmarked["VendorNum"]))["APInvHed"][0]["Description"] == "Other"


async def test_a_change_without_a_marked_row_is_refused(wire: Wire) -> None:
    reply = await wire.call(f"{INVOICES}/ChangeExtCost", ProposedExtCost=1, ds={"APInvDtl": []})
    assert (reply.status, reply.message) == (400, "APInvDtl has not changed.")


async def test_a_change_works_on_every_marked_row(wire: Wire) -> None:
    await make_group(wire)
    head = await draw_header(wire)
    lines = [await draw_line(wire, head, amount=each) for each in (100, 50)]
    changed = (await wire.call(f"{INVOICES}/ChangeExtCost", ProposedExtCost=7, ds={"APInvDtl": lines})).ds
    assert [line["DocExtCost"] for line in changed["APInvDtl"]] == [7, 7]


async def test_a_stale_row_is_refused_and_nothing_is_stored(wire: Wire) -> None:
    ds = await make_invoice(wire)
    head = ds["APInvHed"][0]
    await wire.call(f"{INVOICES}/Update", ds={"APInvHed": [{**head, "Description": "First", "RowMod": "U"}]})
    reply = await wire.call(f"{INVOICES}/Update", ds={"APInvHed": [{**head, "Description": "Second", "RowMod": "U"}]})
    assert reply.status == 400
    assert reply.message.startswith("Row has been modified by another user")
    assert (await read_invoice(wire, head["VendorNum"]))["APInvHed"][0]["Description"] == "First"


async def test_a_partial_row_blanks_what_is_missing(wire: Wire) -> None:
    ds = await make_invoice(wire)
    line = (await read_invoice(wire, ds["APInvHed"][0]["VendorNum"]))["APInvDtl"][0]
    del line["Description"], line["CostObject_c"]
    await wire.call(f"{INVOICES}/Update", ds={"APInvDtl": [{**line, "RowMod": "U"}]})
    stored = (await read_invoice(wire, line["VendorNum"]))["APInvDtl"][0]
    assert (stored["Description"], stored["PartNum"]) == ("", "Copy paper")


async def test_user_columns_come_back_as_they_were(wire: Wire) -> None:
    ds = await make_invoice(wire, DocumentID_c="BW-1")
    assert (await read_invoice(wire, ds["APInvHed"][0]["VendorNum"]))["APInvHed"][0]["DocumentID_c"] == "BW-1"


async def test_update_master_that_asks_something_answers_200_and_stores_nothing(wire: Wire) -> None:
    await make_group(wire)
    ds = await draw_invoice(wire)
    await wire.control("prompts", count=1)
    reply = await save(wire, ds)
    told = reply.body["parameters"]
    assert (reply.status, told["lUpdateRan"], told["requiresUserInput"]) == (200, False, True)
    assert told["opMessage"]
    assert await _entered(wire) == 0
    again = (await save(wire, ds)).body["parameters"]
    assert (again["lUpdateRan"], again["requiresUserInput"], again["grpTotalInvAmt"]) == (True, False, 124)


async def test_update_ext_tells_a_failure_in_a_200(wire: Wire) -> None:
    await make_group(wire)
    row = {"VendorNumVendorID": vendor_of(wire), "InvoiceNum": "", "GroupID": GROUP, "RowMod": "A"}
    flags = {"continueProcessingOnError": False, "rollbackParentOnChildError": True}
    reply = await wire.call(f"{INVOICES}/UpdateExt", ds={"APInvHed": [row]}, **flags)
    assert (reply.status, reply.body["parameters"]["errorsOccurred"]) == (200, True)
    told = reply.body["returnObj"]["BOUpdError"][0]
    assert (told["TableName"], told["ErrorText"]) == ("APInvHed", "Invoice number is required.")
    good = await wire.call(f"{INVOICES}/UpdateExt", ds={"APInvHed": [{**row, "InvoiceNum": NUMBER}]}, **flags)
    assert good.body["parameters"]["errorsOccurred"] is False
    assert good.ds["APInvHed"][0]["TermsCode"]


@pytest.mark.parametrize(("together", "left"), [(True, 0), (False, 1)])
async def test_update_ext_takes_the_header_back_when_a_line_fails_if_it_is_told_to(
    wire: Wire, together: bool, left: int
) -> None:
    await make_group(wire)
    vendor = (await draw_header(wire))["APInvHed"][0]["VendorNum"]
    named = {"VendorNum": vendor, "InvoiceNum": NUMBER, "RowMod": "A"}
    ds = {"APInvHed": [{**named, "GroupID": GROUP}], "APInvDtl": [{**named, "PartNum": "Ink", "TaxCatID": "NONE"}]}
    flags = {"continueProcessingOnError": False, "rollbackParentOnChildError": together}
    reply = await wire.call(f"{INVOICES}/UpdateMasterExt", ds=ds, recalculateByExtCost=False, **flags)
    assert [row["TableName"] for row in reply.body["returnObj"]["BOUpdError"]] == ["APInvDtl"]
    assert await _entered(wire) == left


async def test_the_same_row_through_its_set_is_a_400_and_success_a_201(wire: Wire) -> None:
    await make_group(wire)
    row = {"VendorNumVendorID": vendor_of(wire), "InvoiceNum": "", "GroupID": GROUP}
    assert (await wire.send("POST", f"{INVOICES}/APInvoices", row)).status == 400
    made = await wire.send("POST", f"{INVOICES}/APInvoices", {**row, "InvoiceNum": NUMBER})
    assert (made.status, made.body["InvoiceNum"]) == (201, NUMBER)
    address = f"{INVOICES}/APInvoices('{COMPANY}',{made.body['VendorNum']},'{NUMBER}')"
    assert (await wire.send("PATCH", address, {"Description": "Changed"})).status == 204
    assert (await wire.get(address)).body["Description"] == "Changed"
    assert (await wire.send("DELETE", address)).status == 204
    assert await _entered(wire) == 0


# --- Groups (29) ----------------------------------------------------------------------------------------------


async def test_a_group_id_is_there_once(wire: Wire) -> None:
    group = await make_group(wire)
    reply = await wire.call(f"{GROUPS}/Update", ds={"APInvGrp": [{**group, "RowMod": "A"}]})
    assert (reply.status, reply.body["ErrorType"]) == (409, "Ice.Common.DuplicateRecordException")


async def test_a_group_made_through_its_set_is_held_by_its_maker_until_it_is_unlocked(wire: Wire) -> None:
    made = await wire.send("POST", f"{GROUPS}/APInvGrps", {"GroupID": GROUP})
    assert (made.status, made.body["ActiveUserID"]) == (201, "basware")
    assert (await wire.call(f"{GROUPS}/UnlockGroup", InGroupID=GROUP)).status == 200
    assert (await wire.get(f"{GROUPS}/APInvGrps('{COMPANY}','{GROUP}')")).body["ActiveUserID"] == ""


async def test_a_group_made_without_a_lock_stays_free_but_where_the_company_locks_groups(wire: Wire) -> None:
    assert (await make_group(wire))["ActiveUserID"] == ""
    await make_invoice(wire)
    assert (await wire.get(f"{GROUPS}/APInvGrps")).rows[0]["ActiveUserID"] == ""
    await wire.control("switches", auto_lock=True)
    await make_invoice(wire, number="INV-78")
    assert (await wire.get(f"{GROUPS}/APInvGrps")).rows[0]["ActiveUserID"] == "basware"


async def test_nobody_writes_into_a_group_of_somebody_else_or_one_that_is_being_posted(wire: Wire) -> None:
    ds = await make_invoice(wire)
    head = {**ds["APInvHed"][0], "RowMod": "U"}
    await wire.control("groups", lock={"group": GROUP, "user": "anna"})
    drawn = await wire.call(f"{INVOICES}/GetNewAPInvHedInvoice", ds={}, cGroupID=GROUP)
    stored = await wire.call(f"{INVOICES}/Update", ds={"APInvHed": [head]})
    assert [drawn.status, stored.status] == [400, 400]
    assert stored.message == f"Group {GROUP} is in use by user anna."
    await wire.control("groups", unlock=GROUP, in_process={"group": GROUP, "on": True})
    assert (await wire.call(f"{INVOICES}/Update", ds={"APInvHed": [head]})).status == 400


async def test_a_group_with_invoices_is_not_deleted_and_an_empty_one_is(wire: Wire) -> None:
    head = (await make_invoice(wire))["APInvHed"][0]
    assert (await wire.call(f"{GROUPS}/DeleteByID", groupID=GROUP)).status == 400
    await wire.call(f"{INVOICES}/DeleteByID", vendorNum=head["VendorNum"], invoiceNum=NUMBER)
    assert (await wire.call(f"{GROUPS}/DeleteByID", groupID=GROUP)).status == 200
    assert (await wire.get(f"{GROUPS}/APInvGrps")).rows == []


# --- Headers (30-32, 37, 40) ----------------------------------------------------------------------------------


async def test_supplier_terms_and_period_are_checked(wire: Wire) -> None:
    await make_group(wire)
    inactive = next(each.number for each in wire.company.vendors if each.blocked == "All")
    blank = (await wire.call(f"{INVOICES}/GetNewAPInvHedInvoice", ds={}, cGroupID=GROUP)).ds
    for supplier in ("NOBODY", inactive):
        reply = await wire.call(f"{INVOICES}/ChangeVendorID", ProposedVendorID=supplier, confirmCheck=False, ds=blank)
        assert reply.status == 400
    assert (await wire.call(f"{INVOICES}/Update", ds=blank)).status == 400
    termless = await save(wire, await draw_header(wire, TermsCode=""))
    assert (termless.status, termless.message) == (400, "Terms code is required.")
    closed = {"VendorNum": 0, "InvoiceNum": "", "recalcAmts": "", "NewApplyDate": "2001-01-31T00:00:00"}
    assert (await wire.call(f"{INVOICES}/OnChangeofApplyDateEx", **closed, ds=blank)).status == 400
    assert await _entered(wire) == 0


async def test_the_due_date_comes_of_the_terms_and_the_period_of_the_apply_date(wire: Wire) -> None:
    await make_group(wire)
    head = (await draw_header(wire))["APInvHed"][0]
    term = next(each for each in wire.company.payment_terms if each.code == head["TermsCode"])
    assert head["DueDate"] > head["InvoiceDate"] if term.days else head["DueDate"] == head["InvoiceDate"]
    today = wire.company.today
    assert (head["FiscalYear"], head["FiscalPeriod"]) == (today.year, today.month)


@pytest.mark.parametrize(("currency", "text"), [("PLN", "is not valid"), ("DKK", "no exchange rate")])
async def test_a_currency_without_a_rate_is_refused(wire: Wire, currency: str, text: str) -> None:
    await make_group(wire)
    asked = {"ProposedCurrencyCode": currency, "vRateGrpCode": "MAIN"}
    reply = await wire.call(f"{INVOICES}/ChangeCurrencyMaster", **asked, ds=await draw_header(wire))
    assert reply.status == 400
    assert text in reply.message


@pytest.mark.parametrize("status", [409, 400])
async def test_a_number_is_there_once_for_a_supplier_whatever_its_case(wire: Wire, status: int) -> None:
    asked = {"company": "4000", "status": status}
    assert (await wire.send("POST", f"{wire.origin}/_sandbox/duplicates", asked)).status == 200
    await make_invoice(wire)
    twin = await save(wire, await draw_header(wire, number="inv-77 "))
    assert (twin.status, twin.message) == (status, "This is a duplicate entry of an existing record")
    other = await save(wire, await draw_header(wire, vendor=vendor_of(wire, place=1)))
    assert other.status == 200
    assert await _entered(wire) == 2


async def test_a_number_is_cut_at_fifty_characters(wire: Wire) -> None:
    await make_group(wire)
    ds = (await save(wire, await draw_invoice(wire, number="X" * 60))).ds
    assert [row["InvoiceNum"] for row in (*ds["APInvHed"], *ds["APInvDtl"])] == ["X" * 50, "X" * 50]
    assert ds["APInvHed"][0]["DocInvoiceAmt"] == 124


async def test_a_lost_answer_sent_again_is_a_duplicate_and_never_a_second_invoice(wire: Wire) -> None:
    await make_group(wire)
    ds = await draw_invoice(wire)
    await wire.fault("lost_reply", "/UpdateMaster", method="POST")
    with pytest.raises(ClientError):
        await save(wire, ds)
    assert await _entered(wire) == 1
    assert (await save(wire, ds)).status == 409
    assert await _entered(wire) == 1


async def test_a_debit_memo_is_entered_positive_and_read_back_negative(wire: Wire) -> None:
    ds = await make_invoice(wire, debit_memo=True)
    head, line, amount = ds["APInvHed"][0], ds["APInvDtl"][0], ds["APInvExp"][0]
    assert (head["DocInvoiceVendorAmt"], head["DocInvoiceAmt"], head["DocInvoiceBal"]) == (-124, -124, -124)
    assert (head["ScrDocInvoiceVendorAmt"], head["DocInvoiceVariance"]) == (124, 0)
    assert (line["DocExtCost"], line["VendorQty"], line["ScrDocExtCost"]) == (-100, -1, 100)
    assert (amount["DocExpAmt"], amount["DocScrExpAmt"]) == (-100, 100)
    changed = await wire.call(f"{INVOICES}/Update", ds={"APInvHed": [{**head, "DebitMemo": False, "RowMod": "U"}]})
    assert changed.status == 400


async def test_an_entered_invoice_can_be_deleted(wire: Wire) -> None:
    head = (await make_invoice(wire))["APInvHed"][0]
    asked = {"vendorNum": head["VendorNum"], "invoiceNum": NUMBER}
    assert (await wire.call(f"{INVOICES}/DeleteByID", **asked)).status == 200
    assert (await wire.call(f"{INVOICES}/DeleteByID", **asked)).status == 404
    assert await _entered(wire) == 0


# --- Lines and their accounts (33-36, 39) ---------------------------------------------------------------------


async def test_lines_are_numbered_when_they_are_stored_and_sent_again_they_are_more_lines(wire: Wire) -> None:
    head = (await make_invoice(wire))["APInvHed"][0]
    line = await draw_line(wire, {"APInvHed": [head]})
    for count in (2, 3):
        ds = (await save(wire, {"APInvDtl": [line]}, table="APInvDtl")).ds
        assert [each["InvoiceLine"] for each in ds["APInvDtl"]] == list(range(1, count + 1))


@pytest.mark.parametrize(("coding", "account"), [("lost", ""), ("kept", ACCOUNT)])
async def test_the_account_that_came_with_a_new_line_is_lost_or_kept(wire: Wire, coding: str, account: str) -> None:
    await wire.control("coding", coding=coding)
    await make_group(wire)
    ds = (await save(wire, await draw_invoice(wire, amounts=(60, 40)))).ds
    assert [row["GLAccount"] for row in ds["APInvExpTGLC"]] == [account, account]
    assert [row["DocExpAmt"] for row in ds["APInvExp"]] == [60, 40]
    assert [(row["InvoiceLine"], row["InvExpSeq"]) for row in ds["APInvExpTGLC"]] == [(1, 1), (2, 1)]


async def test_the_second_save_stores_the_account(wire: Wire) -> None:
    ds = await make_invoice(wire, amounts=(60, 40))
    assert [row["GLAccount"] for row in ds["APInvExpTGLC"]] == [ACCOUNT, ACCOUNT]
    assert (await bill(wire, vendorInvoiceNumber=NUMBER))["rows"][1]["dimensions"] == {"2": "D010", "3": "A01"}


async def test_the_server_may_put_a_default_account(wire: Wire) -> None:
    await wire.control("coding", default_account="6210|D020")
    await make_group(wire)
    ds = (await save(wire, await draw_invoice(wire))).ds
    assert ds["APInvExpTGLC"][0]["GLAccount"] == "6210|D020"


async def test_a_second_book_has_an_account_row_that_nobody_may_change(wire: Wire) -> None:
    await wire.control("habits", other_book=True)
    rows = (await make_invoice(wire))["APInvExpTGLC"]
    assert sorted((row["BookID"], row["GLAccount"]) for row in rows) == [("", ACCOUNT), ("LOCAL", "")]
    other = next(row for row in rows if row["BookID"])
    assert (await wire.call(f"{INVOICES}/Update", ds={"APInvExpTGLC": [{**other, "RowMod": "U"}]})).status == 400


@pytest.mark.parametrize(("made", "empty"), [(False, True), (True, False)])
async def test_a_line_through_its_set_has_no_account_unless_it_asks_for_one(
    wire: Wire, made: bool, empty: bool
) -> None:
    head = (await make_invoice(wire))["APInvHed"][0]
    named = {"VendorNum": head["VendorNum"], "InvoiceNum": NUMBER}
    row = {**named, "PartNum": "Freight", "DocExtCost": 10, "UpdateExtCreateLineGL": made}
    reply = await wire.send("POST", f"{INVOICES}/APInvDtls", row)
    assert (reply.status, reply.body["InvoiceLine"], reply.body["DocExtCost"]) == (201, 2, 10)
    account = (await read_invoice(wire, head["VendorNum"]))["APInvExpTGLC"][1]
    assert (account["GLAccount"] == "") is empty
    key = f"'{COMPANY}',{head['VendorNum']},'{NUMBER}',2,1,{account['SysRowID']}"
    changed = await wire.send("PATCH", f"{INVOICES}/APInvExpTGLCs({key})", {"GLAccount": "6210"})
    assert changed.status == 204
    assert (await read_invoice(wire, head["VendorNum"]))["APInvExpTGLC"][1]["GLAccount"] == account["GLAccount"]


async def test_an_unknown_account_is_stored_unless_the_company_is_strict(wire: Wire) -> None:
    ds = await make_invoice(wire, account="6110-D010-A01")
    assert ds["APInvExpTGLC"][0]["GLAccount"] == "6110-D010-A01"
    await wire.control("coding", strict_accounts=True)
    row = {**ds["APInvExpTGLC"][0], "GLAccount": "9999", "RowMod": "U"}
    assert (await wire.call(f"{INVOICES}/Update", ds={"APInvExpTGLC": [row]})).status == 400


async def test_a_line_can_be_split_over_two_accounts(wire: Wire) -> None:
    ds = await make_invoice(wire)
    amount = {**ds["APInvExp"][0], "RowMod": "U"}
    named = {"vendorNum": amount["VendorNum"], "invoiceNum": NUMBER, "invoiceLine": 1}
    first = (await wire.call(f"{INVOICES}/ChangeExpLineAmt", ProposedAmt=30, ds={"APInvExp": [amount]})).ds
    await wire.call(f"{INVOICES}/Update", ds={"APInvExp": first["APInvExp"]})
    second = (await wire.call(f"{INVOICES}/GetNewAPInvExp", ds={}, **named)).ds["APInvExp"][0]
    assert second["DocExpAmt"] == 70
    stored = (await wire.call(f"{INVOICES}/Update", ds={"APInvExp": [second]})).ds
    assert [(row["InvExpSeq"], row["DocExpAmt"]) for row in stored["APInvExp"]] == [(1, 30), (2, 70)]
    assert [row["GLAccount"] for row in stored["APInvExpTGLC"]] == [ACCOUNT, ""]


async def test_sums_and_variance_are_brought_up_with_every_save(wire: Wire) -> None:
    head = (await make_invoice(wire, total=248))["APInvHed"][0]
    assert (head["DocInvoiceAmt"], head["DocTaxAmt"], head["DocInvoiceVariance"]) == (124, 24, 124)
    line = await draw_line(wire, {"APInvHed": [head]})
    changed = (await save(wire, {"APInvDtl": [line]}, table="APInvDtl")).ds
    assert (changed["APInvHed"][0]["DocInvoiceAmt"], changed["APInvHed"][0]["DocInvoiceVariance"]) == (248, 0)
    assert [(row["TaxCode"], row["DocTaxableAmt"], row["DocTaxAmt"]) for row in changed["APInvTax"]] == [
        ("VAT24", 200, 48)
    ]


async def test_tax_waits_to_be_calculated_where_the_company_says_so(wire: Wire) -> None:
    await wire.control("switches", tax_calculated=False)
    head = (await make_invoice(wire))["APInvHed"][0]
    assert (head["ReadyToCalc"], head["DocTaxAmt"], head["DocInvoiceVariance"]) == (False, 0, 24)
    asked = {"ipGroupID": GROUP, "ipInvoiceNum": NUMBER, "ipVendorNum": head["VendorNum"]}
    ready = {**asked, "ipCalcAll": False, "ipCalledFromUI": False}
    done = (await wire.call(f"{INVOICES}/SetReadyToCalc", **ready, ds={})).ds["APInvHed"][0]
    assert (done["ReadyToCalc"], done["DocTaxAmt"], done["DocInvoiceVariance"]) == (True, 24, 0)


async def test_a_tax_that_somebody_writes_stays(wire: Wire) -> None:
    ds = await make_invoice(wire, total=124.01)
    row = {**ds["APInvTax"][0], "DocTaxAmt": 24.01, "Manual": True, "RowMod": "U"}
    head = (await save(wire, {"APInvTax": [row]}, table="APInvTax")).ds["APInvHed"][0]
    assert (head["DocTaxAmt"], head["DocInvoiceVariance"]) == (Decimal("24.01"), 0)


async def test_a_part_is_fifty_characters_at_most(wire: Wire) -> None:
    await make_group(wire)
    head = await draw_header(wire)
    line = await draw_line(wire, head)
    asked: Tableset = {"APInvDtl": [line]}
    assert (await wire.call(f"{INVOICES}/ChangePartNum", ProposedPartNum="x" * 51, ds=asked)).status == 400


async def test_a_file_is_put_on_the_server_and_then_linked(wire: Wire) -> None:
    ds = await make_invoice(wire)
    named: dict[str, Any] = {"vendorNum": ds["APInvHed"][0]["VendorNum"], "invoiceNum": NUMBER}
    asked = {"docTypeID": "", "parentTable": "APInvHed", "fileName": "INV-77.pdf", "data": "JVBERi0xLjcK"}
    path = (await wire.call("Ice.BO.AttachmentSvc/UploadFile", **asked)).body["returnObj"]
    drawn = (await wire.call(f"{INVOICES}/GetNewAPInvHedAttch", ds={}, **named)).ds["APInvHedAttch"][0]
    link = {**drawn, "DrawDesc": "Invoice image", "FileName": path}
    stored = (await wire.call(f"{INVOICES}/Update", ds={"APInvHedAttch": [link]})).ds["APInvHedAttch"]
    assert [row["DrawingSeq"] for row in stored] == [1]
    assert (await bill(wire, vendorInvoiceNumber=NUMBER))["files"] == [
        {"name": "INV-77.pdf", "description": "Invoice image", "size": 9}
    ]
    content = await wire.call("Ice.BO.AttachmentSvc/DownloadFile", xFileRefNum=stored[0]["XFileRefNum"])
    assert content.body["returnObj"] == "JVBERi0xLjcK"
    assert (await code_lines(wire, ds))["APInvHedAttch"]
