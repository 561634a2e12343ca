"""What the Service Layer answers, as our reasons and as what should happen next."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.sap_business_one.errors import error_of, parse_fault
from ml_connector.records.reason import Reason

DUPLICATE = "10001467 - There is already a record with duplicated customer/vendor reference number."


def old(code: int | str, message: str) -> dict[str, Any]:
    """The envelope of OData 3."""
    return {"error": {"code": code, "message": {"lang": "en-us", "value": message}}}


def new(code: int | str, message: str) -> dict[str, Any]:
    """The envelope of OData 4."""
    return {"error": {"code": str(code), "details": [{"code": "", "message": ""}], "message": message}}


def answer(status: int, code: int, message: str, *, writes: bool = True) -> ConnectorError:
    return error_of(status, new(code, message), {}, writes=writes)


@pytest.mark.parametrize(
    ("status", "code", "message", "reason", "subject"),
    [
        (400, -5002, DUPLICATE, Reason.POSSIBLE_DUPLICATE, None),
        (400, -2035, "This entry already exists in the following tables (ODBC -2035)", Reason.POSSIBLE_DUPLICATE, None),
        (400, -5002, "Specify an active branch [OPCH.BPLId]", Reason.SETUP_INCOMPLETE, None),
        (400, -10, "To generate this document, first define the numbering series", Reason.SETUP_INCOMPLETE, None),
        (400, -4002, "Series does not fit; define the numbering series", Reason.SETUP_INCOMPLETE, None),
        (400, -5002, "Attachments folder not defined, or Attachments folder has been changed or removed",
         Reason.SETUP_INCOMPLETE, None),
        (400, -1000, "Property 'U_X' of 'Document' is invalid", Reason.SETUP_INCOMPLETE, None),
        (400, 201, "Property 'UpdateDate' is invalid", Reason.SETUP_INCOMPLETE, None),
        (400, -4013, "Posting period locked; specify an alternative date", Reason.PERIOD_CLOSED, None),
        (400, -5002, "Date deviates from permissible range [OPCH.DocDate]", Reason.PERIOD_CLOSED, None),
        (400, -5002, "Invalid BP code [OPCH.CardCode] , 'V999'", Reason.VENDOR_UNKNOWN, "V999"),
        (400, -5002, "Customer record not found", Reason.VENDOR_UNKNOWN, None),
        (400, -5002, "BP is inactive [OPCH.CardCode] , 'V10'", Reason.VENDOR_BLOCKED, "V10"),
        (400, -5002, "Invalid account code [PCH1.AcctCode][line: 2] , '6999'", Reason.ACCOUNT_UNKNOWN, "6999"),
        (400, -5002, "Account is locked [PCH1.AcctCode][line: 1] , '6000'", Reason.ACCOUNT_BLOCKED, "6000"),
        (400, -5002, "No match [PCH1.OcrCode2][line: 1] , 'HEL'", Reason.DIMENSION_UNKNOWN, "HEL"),
        (400, -5002, "Specify a distribution rule [PCH1.OcrCode][line: 1]", Reason.DIMENSION_MISSING, None),
        (400, -5002, "Invalid tax group [PCH1.VatGroup][line: 1] , 'X9'", Reason.TAX_CODE_UNKNOWN, "X9"),
        (400, -5002, "Invalid currency [OPCH.DocCur] , 'XYZ'", Reason.CURRENCY_UNKNOWN, "XYZ"),
        (400, -5002, "Update the exchange rate, 'USD'", Reason.RATE_MISSING, "USD"),
        (400, -10, "One of the base documents has already been closed", Reason.ORDER_UNKNOWN, None),
        (400, -5002, "Base document card and target document card do not match", Reason.ORDER_DIFFERS, None),
        (400, -5002, "234103405 - Zeilen passen nicht zusammen", Reason.ORDER_DIFFERS, None),
        (400, -5002, "Menge zu groß [PCH1.Quantity][line: 1]", Reason.ORDER_DIFFERS, None),
        (403, -6006, "You are not permitted to perform this action", Reason.RIGHTS_MISSING, "SAP Business One"),
        (401, 301, "Invalid session or session already timeout.", Reason.SIGN_IN_REFUSED, "SAP Business One"),
        (404, -2028, "No matching records found (ODBC -2028)", Reason.REFUSED, None),
        (400, -1116, "(200019) Please Attach its Receiving", Reason.REFUSED, None),
        (400, -5002, "Internal error (-5002) occurred", Reason.REFUSED, None),
        (404, -1002, "Service Not Found", Reason.SETUP_INCOMPLETE, None),
    ],
)  # fmt: skip
def test_each_answer_has_its_reason(status: int, code: int, message: str, reason: Reason, subject: str | None) -> None:
    error = answer(status, code, message)
    assert isinstance(error, Refused)
    assert (error.reason, error.code) == (reason, str(code))
    assert error.findings[0].vendor_text == f"{status} {code} {message}"
    if subject is not None:
        assert error.findings[0].subject == subject


def test_both_envelopes_read_the_same() -> None:
    message = "Item number is missing; specify an item number [DocumentLines.ItemCode][line: 4]"
    assert parse_fault(400, old(-5002, message)) == parse_fault(400, new(-5002, message))
    fault = parse_fault(400, old(-5002, message))
    assert (fault.code, fault.column, fault.line, fault.number) == ("-5002", "DocumentLines.ItemCode", 4, "")


@pytest.mark.parametrize("message", [DUPLICATE, "10001467 - Ein Eintrag mit dieser Nummer besteht schon."])
def test_the_message_number_decides_in_every_language(message: str) -> None:
    assert parse_fault(400, new(-5002, message)).number == "10001467"
    assert answer(400, -5002, message).reason is Reason.POSSIBLE_DUPLICATE


@pytest.mark.parametrize("body", [None, "", "<html><h1>502 Proxy Error</h1></html>", [], {"error": "busy"}, {}])
def test_a_body_that_is_no_envelope_is_read_all_the_same(body: Any) -> None:
    assert isinstance(error_of(502, body, {}, writes=True), OutcomeUnknown)
    assert isinstance(error_of(502, body, {}, writes=False), Unavailable)
    assert isinstance(error_of(400, body, {}, writes=True), Refused)


def test_a_file_too_large_is_refused() -> None:
    error = error_of(413, "<html>Request Entity Too Large</html>", {}, writes=True)
    assert isinstance(error, Refused)
    assert error.reason is Reason.REFUSED


def test_a_page_of_another_server_is_a_wrong_address() -> None:
    assert error_of(404, "<html>nginx: not found</html>", {}, writes=False).reason is Reason.ADDRESS_WRONG


def test_a_concurrent_change_did_nothing() -> None:
    assert isinstance(answer(412, -2039, "Another user or another operation modified data"), Unavailable)


def test_a_lost_session_in_words_leaves_a_write_open_and_lets_a_read_go_again() -> None:
    words = "Session timed out"
    assert isinstance(answer(400, -5002, words), OutcomeUnknown)
    assert isinstance(answer(400, -5002, words, writes=False), Unavailable)


def test_what_a_caller_knows_names_the_subject() -> None:
    about = {Reason.PERIOD_CLOSED: "2026-03-31"}
    error = error_of(400, new(-4013, "Posting period locked"), {}, writes=True, about=about)
    assert error.findings[0].subject == "2026-03-31"


@given(
    status=st.sampled_from([400, 401, 403, 404, 405, 409, 412, 413, 429, 500, 502, 503, 504]),
    code=st.one_of(st.none(), st.integers(), st.text(max_size=8)),
    message=st.one_of(st.none(), st.text(max_size=60), st.dictionaries(st.sampled_from(["value", "lang"]), st.text())),
    writes=st.booleans(),
)
def test_no_answer_leaves_a_write_in_doubt_as_refused(status: int, code: Any, message: Any, writes: bool) -> None:
    error = error_of(status, json.loads(json.dumps({"error": {"code": code, "message": message}})), {}, writes=writes)
    assert isinstance(error, Refused | Unavailable | OutcomeUnknown)
    if status >= 500 and writes:
        assert isinstance(error, OutcomeUnknown | Unavailable)
        assert error.code != "-2039" or isinstance(error, Unavailable)
    if not writes:
        assert not isinstance(error, OutcomeUnknown)
