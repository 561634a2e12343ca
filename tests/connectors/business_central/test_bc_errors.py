"""What Business Central answers, as our reasons and as what should happen next."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml_connector.connectors.business_central.auth import ADVICE, advice_for, refusal, roles_of
from ml_connector.connectors.business_central.errors import error_of, parse_fault, split_correlation
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.http import Reply
from ml_connector.records.reason import Reason

ID = "3d2b2a57-11c6-4b53-a9e8-9a0d0f5c7a10"
DIALOG = "Application_DialogException"


def answer(status: int, code: str, message: str, *, writes: bool = True) -> ConnectorError:
    body = {"error": {"code": code, "message": f"{message}  CorrelationId:  {ID}."}}
    return error_of(status, body, {}, writes=writes)


@pytest.mark.parametrize(
    ("code", "message", "reason", "subject"),
    [
        (DIALOG, 'A "vendorNumber" or a "vendorID" must be provided.', Reason.VENDOR_UNKNOWN, None),
        (DIALOG, "The vendor cannot be found.", Reason.VENDOR_UNKNOWN, None),
        ("Internal_InvalidTableRelation", "The field Buy-from Vendor No. of table Purchase Header contains a value"
         " (99999) that cannot be found in the related table (Vendor).", Reason.VENDOR_UNKNOWN, "99999"),
        ("Internal_RecordNotFound", "The Vendor does not exist. Identification fields and values: No.='99999'",
         Reason.VENDOR_UNKNOWN, "99999"),
        (DIALOG, "You cannot create this type of document when Vendor 20000 is blocked with type All",
         Reason.VENDOR_BLOCKED, "20000"),
        (DIALOG, "You cannot post this type of document when Vendor 20000 is blocked with type All",
         Reason.VENDOR_BLOCKED, "20000"),
        (DIALOG, "Account does not exist.", Reason.ACCOUNT_UNKNOWN, None),
        ("Internal_InvalidTableRelation", "The field No. of table Purchase Line contains a value (9999) that cannot"
         " be found in the related table (G/L Account).", Reason.ACCOUNT_UNKNOWN, "9999"),
        ("Application_FieldValidationException", "Direct Posting must be equal to 'Yes'  in G/L Account: No.=6110."
         " Current value is 'No'.", Reason.ACCOUNT_BLOCKED, "6110"),
        ("Application_FieldValidationException", "Blocked must be equal to 'No'  in G/L Account: No.=6990."
         " Current value is 'Yes'.", Reason.ACCOUNT_BLOCKED, "6990"),
        (DIALOG, 'The "currencyCode" does not match to a Currency.', Reason.CURRENCY_UNKNOWN, None),
        ("Internal_InvalidTableRelation", "The field Currency Code of table Purchase Header contains a value (XYZ)"
         " that cannot be found in the related table (Currency).", Reason.CURRENCY_UNKNOWN, "XYZ"),
        ("Application_FieldValidationException", "Currency Factor must have a value in Purchase Header: Document"
         " Type=Invoice, No.=107238. It cannot be zero or empty.", Reason.RATE_MISSING, None),
        (DIALOG, "Dimension Value DEPARTMENT - ADM is blocked.", Reason.DIMENSION_BLOCKED, "DEPARTMENT - ADM"),
        (DIALOG, "Dimensions DEPARTMENT and PROJECT can't be used concurrently.", Reason.DIMENSION_BLOCKED,
         "DEPARTMENT and PROJECT"),
        (DIALOG, "Select a Dimension Value Code for the Dimension Code AREA for Vendor 20000.",
         Reason.DIMENSION_MISSING, "AREA"),
        (DIALOG, 'The "valueCode" does not match to a Dimension Value.', Reason.DIMENSION_UNKNOWN, None),
        (DIALOG, 'The "code" does not match to a Dimension.', Reason.DIMENSION_UNKNOWN, None),
        (DIALOG, "Purchase Invoice FP-88213 already exists for this vendor.", Reason.POSSIBLE_DUPLICATE, None),
        (DIALOG, "Purchase Credit Memo C 1 already exists for this vendor.", Reason.POSSIBLE_DUPLICATE, None),
        (DIALOG, "You need to enter the document number of the document from the vendor in the Vendor Invoice No."
         " field, so that this document stays linked to the original.", Reason.NUMBER_MISSING, None),
        (DIALOG, "There is nothing to post because the document does not contain a quantity or amount.",
         Reason.CODING_MISSING, None),
        (DIALOG, "Please add at least one line item to the credit memo.", Reason.CODING_MISSING, None),
        (DIALOG, "Posting Date is not within your range of allowed posting dates.", Reason.PERIOD_CLOSED, None),
        (DIALOG, "Purchase Invoice 107238 must be approved and released before you can perform this action.",
         Reason.AWAITS_APPROVAL, "107238"),
        ("Application_FieldValidationException", "Status must be equal to 'Open'  in Purchase Header: Document"
         " Type=Invoice, No.=107238. Current value is 'Released'.", Reason.AWAITS_APPROVAL, "107238"),
        (DIALOG, "The General Posting Setup does not exist. Identification fields and values: …",
         Reason.SETUP_INCOMPLETE, "General Posting Setup"),
        (DIALOG, "VAT Posting Setup does not exist.", Reason.SETUP_INCOMPLETE, "VAT Posting Setup"),
        ("Application_FieldValidationException", "Invoice Nos. must have a value in Purchases & Payables Setup:"
         " Primary Key=. It cannot be zero or empty.", Reason.SETUP_INCOMPLETE,
         "Invoice Nos. must have a value in Purchases & Payables Setup"),
        (DIALOG, "You must run the data upgrade for this API page before using it.", Reason.SETUP_INCOMPLETE, None),
        ("Application_CallbackNotAllowed", "Callback functions are not allowed.", Reason.SETUP_INCOMPLETE, None),
        (DIALOG, "The action can be applied to a draft invoice only.", Reason.ALREADY_POSTED, None),
        (DIALOG, "The invoice has been posted and can no longer be modified.", Reason.ALREADY_POSTED, None),
        (DIALOG, "You do not have permissions to read Purchase Invoices.", Reason.RIGHTS_MISSING, None),
        ("Whatever", "Sorry, the current permissions prevented the action. (TableData 38 Insert)",
         Reason.RIGHTS_MISSING, None),
        (DIALOG, "La factura de compra 1 ya existe para este proveedor.", Reason.REFUSED, None),
        ("Application_SomethingNew", "Our own rule says no.", Reason.REFUSED, "Our own rule says no."),
        ("BadRequest", "Control 'vendorName' is read-only.", Reason.UNEXPECTED, None),
        ("BadRequest_InvalidToken", "Could not validate the client concurrency token", Reason.UNEXPECTED, None),
        ("Application_StringExceededLength", "The length of the string is 57, but …", Reason.UNEXPECTED, None),
        ("Unknown", "The current batch message contains too many parts.", Reason.UNEXPECTED, None),
        ("", "", Reason.UNEXPECTED, None),
    ],
)  # fmt: skip
def test_refusals(code: str, message: str, reason: Reason, subject: str | None) -> None:
    error = answer(400, code, message)
    assert isinstance(error, Refused)
    assert error.reason is reason
    assert error.request_id == ID
    assert "CorrelationId" not in str(error)
    if subject is not None:
        assert error.findings[0].subject == subject
    assert message in error.findings[0].vendor_text


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [
        (401, "Authentication_InvalidCredentials", Reason.SIGN_IN_REFUSED),
        (401, "", Reason.SIGN_IN_REFUSED),
        (401, "Authorization_RequestDenied", Reason.RIGHTS_MISSING),
        (403, "", Reason.RIGHTS_MISSING),
        (404, "Internal_CompanyNotFound", Reason.ADDRESS_WRONG),
        (404, "BadRequest_NotFound", Reason.ADDRESS_WRONG),
        (404, "BadRequest_ResourceNotFound", Reason.ADDRESS_WRONG),
        (404, "", Reason.ADDRESS_WRONG),
        (405, "BadRequest_MethodNotAllowed", Reason.UNEXPECTED),
        (409, "Internal_EntityWithSameKeyExists", Reason.REFUSED),
        (413, "", Reason.UNEXPECTED),
    ],
)
def test_statuses_that_stand(status: int, code: str, reason: Reason) -> None:
    error = answer(status, code, "words")
    assert isinstance(error, Refused)
    assert error.reason is reason


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (429, "Application_TooManyRequests", "Too many requests reached. Actual (101). Maximum (100)."),
        (429, "", ""),
        (409, "Request_EntityChanged", "Another user has already changed the record."),
        (412, "", ""),
        (409, "Internal_ServerError", "Your activity was deadlocked with another user."),
        (400, DIALOG, "The activity was deadlocked with another user. Please retry the activity."),
        (503, "Internal_TenantUnavailable", "The tenant is not accessible."),
    ],
)
@pytest.mark.parametrize("writes", [True, False])
def test_answers_that_say_nothing_was_done(status: int, code: str, message: str, writes: bool) -> None:
    assert isinstance(answer(status, code, message, writes=writes), Unavailable)


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_fault_of_the_server_leaves_a_writes_outcome_open_and_a_read_for_later(status: int) -> None:
    assert isinstance(answer(status, "Internal_ServerError", "…"), OutcomeUnknown)
    assert isinstance(answer(status, "Internal_ServerError", "…", writes=False), Unavailable)


@given(st.integers(400, 599), st.text(max_size=40), st.text(max_size=200), st.booleans())
def test_every_answer_has_a_reason_with_a_sentence(status: int, code: str, message: str, writes: bool) -> None:
    error = error_of(status, {"error": {"code": code, "message": message}}, {}, writes=writes)
    assert error.findings[0].sentence()


@given(st.one_of(st.none(), st.text(max_size=300), st.lists(st.integers()), st.dictionaries(st.text(), st.text())))
def test_any_body_is_taken_apart(body: object) -> None:
    assert parse_fault(400, body, {"Request-ID": "r-1"}).request_id == "r-1"


def test_gateways_pages_lose_their_markup() -> None:
    assert parse_fault(502, "<html><h1>Bad  gateway</h1></html>", {}).message == "Bad gateway"


def test_a_retry_after_inside_a_batch_part_is_kept() -> None:
    error = error_of(429, None, {"retry-after": "7"}, writes=True)
    assert isinstance(error, Unavailable)
    assert error.retry_after == 7


def test_subjects_from_the_bill_fill_in_where_the_text_names_none() -> None:
    body = {"error": {"code": DIALOG, "message": "Posting Date is not within your range of allowed posting dates."}}
    error = error_of(400, body, {}, writes=True, about={Reason.PERIOD_CLOSED: "2026-08-12"})
    assert error.findings[0].subject == "2026-08-12"


def test_a_message_without_an_id_stays_whole() -> None:
    assert split_correlation("No such thing.") == ("No such thing.", "")


# ------------------------------------------------------------------ sign-in


def entra(status: int, description: str) -> Reply:
    body = b'{"error":"invalid_client","error_description":"' + description.encode() + b'"}'
    return Reply(status=status, headers={}, body=body)


@pytest.mark.parametrize("number", sorted(ADVICE))
def test_sign_in_refusals_come_with_advice(number: str) -> None:
    reply = entra(401, f"AADSTS{number}: Words. Trace ID: 1 Correlation ID: 2")
    error = refusal(reply, reply.json())
    assert error.reason is Reason.SIGN_IN_REFUSED
    assert advice_for(error) == ADVICE[number]
    assert "Trace ID" not in str(error)


def test_an_answer_that_is_not_the_token_endpoints_means_a_wrong_address() -> None:
    error = refusal(Reply(status=404, headers={}, body=b"<html>"), None)
    assert error.reason is Reason.ADDRESS_WRONG
    assert "token_url" in advice_for(error)


@pytest.mark.parametrize("token", ["", "a.b", "a.!!.c", "a.bnVsbA.c", "opaque"])
def test_tokens_that_cannot_be_read_tell_no_roles(token: str) -> None:
    assert roles_of(token) is None


def test_roles_of_a_token() -> None:
    assert roles_of("x.eyJyb2xlcyI6WyJBUEkuUmVhZFdyaXRlLkFsbCJdfQ.y") == {"API.ReadWrite.All"}
    assert roles_of("x.e30.y") == frozenset()
