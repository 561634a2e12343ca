"""Reasons: the closed catalogue of why something did not go through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Owner(StrEnum):
    """Who can put it right."""

    CLERK = "AP clerk"
    CONTROLLER = "controller"
    ENGINEER = "integration engineer"
    NOBODY = "nobody: it passes"


class Policy(StrEnum):
    """What is done with a document that met the reason."""

    RETURN = "return"
    """Returned to the payables system at once: the clerk puts it right there and transfers it again."""
    HOLD = "hold"
    """Held here until a person says what to do."""
    RETRY = "retry"
    """Held here and tried again by itself."""


class Reason(StrEnum):
    """Why something did not go through. The value is its name for people."""

    VENDOR_UNKNOWN = "vendor unknown"
    VENDOR_BLOCKED = "vendor blocked"
    ACCOUNT_UNKNOWN = "account unknown"
    ACCOUNT_BLOCKED = "account blocked"
    DIMENSION_UNKNOWN = "dimension unknown"
    DIMENSION_BLOCKED = "dimension blocked"
    DIMENSION_MISSING = "dimension missing"
    TAX_CODE_UNKNOWN = "tax code unknown"
    CURRENCY_UNKNOWN = "currency unknown"
    RATE_MISSING = "rate missing"
    PERIOD_CLOSED = "period closed"
    NUMBER_MISSING = "invoice number missing"
    NUMBER_TOO_LONG = "invoice number too long"
    DATE_MISSING = "date missing"
    CODING_MISSING = "coding missing"
    SUMS_DIFFER = "sums differ"
    TOTALS_DIFFER = "totals differ"
    ORDER_UNKNOWN = "order unknown"
    ORDER_DIFFERS = "order differs"
    POSSIBLE_DUPLICATE = "possible duplicate"
    ALREADY_POSTED = "already posted"
    POSTED_OTHERWISE = "posted otherwise"
    AWAITS_APPROVAL = "awaits approval"
    APPROVAL_REFUSED = "approval refused"
    NOT_RELEASED = "not released"
    SETUP_INCOMPLETE = "set-up incomplete"
    SETTING_MISSING = "setting missing"
    FILE_MISSING = "file missing"
    REFUSED = "refused by the ledger"
    SIGN_IN_REFUSED = "sign-in refused"
    RIGHTS_MISSING = "rights missing"
    ADDRESS_WRONG = "address wrong"
    UNREACHABLE = "unreachable"
    RATE_LIMITED = "rate limited"
    OUT_OF_ORDER = "system out of order"
    OUTCOME_UNKNOWN = "outcome unknown"
    RESPONSE_REFUSED = "response refused"
    RECORD_REFUSED = "record refused"
    CHANGED_MEANWHILE = "changed meanwhile"
    RETURNED = "returned by a person"
    SUPPLIER_AWAITED = "supplier awaited"
    ORDER_AWAITED = "order awaited"
    ON_HOLD = "on hold in the ERP"
    CANNOT_ENTER = "cannot enter"
    ENTRY_UNCERTAIN = "entry uncertain"
    TURNED_AWAY = "turned away"
    REMOVED = "removed"
    VOIDED = "voided in the ERP"
    SETTLED = "settled in the ERP"
    UNEXPECTED = "unexpected answer"


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason in words: a sentence for the clerk, one for the engineer, who can act, and what is done."""

    clerk: str
    engineer: str
    owner: Owner
    policy: Policy


@dataclass(frozen=True, slots=True)
class Finding:
    """A reason met by one record: `subject` names what it is about, `vendor_text` is the other side's own words."""

    reason: Reason
    subject: str = ""
    vendor_text: str = ""

    def sentence(self) -> str:
        """What to tell the clerk."""
        return explain(self.reason).clerk.format(subject=self.subject or "it").replace("  ", " ")


def explain(reason: Reason) -> Explanation:
    """The catalogue's entry."""
    return CATALOGUE[reason]


def _entry(clerk: str, engineer: str, owner: Owner, policy: Policy) -> Explanation:
    return Explanation(clerk=clerk, engineer=engineer, owner=owner, policy=policy)


CATALOGUE: dict[Reason, Explanation] = {
    Reason.VENDOR_UNKNOWN: _entry(
        "The supplier {subject} does not exist in the ledger. Choose another supplier, or have it created there and transfer again.",
        "The vendor number of the document was not found in the ledger.", Owner.CLERK, Policy.RETURN),
    Reason.VENDOR_BLOCKED: _entry(
        "The supplier {subject} is blocked in the ledger. Ask for it to be unblocked, then transfer again.",
        "The vendor is blocked for purchase documents.", Owner.CONTROLLER, Policy.RETURN),
    Reason.ACCOUNT_UNKNOWN: _entry(
        "The account {subject} does not exist in the ledger. Correct the coding and transfer again.",
        "The GL account of a coding row was not found in the ledger.", Owner.CLERK, Policy.RETURN),
    Reason.ACCOUNT_BLOCKED: _entry(
        "Nothing may be posted on account {subject}. Choose another account and transfer again.",
        "The GL account is blocked, is no posting account, or allows no direct posting.", Owner.CLERK, Policy.RETURN),
    Reason.DIMENSION_UNKNOWN: _entry(
        "{subject} does not exist in the ledger. Correct the coding and transfer again.",
        "A dimension value of a coding row was not found in the ledger.", Owner.CLERK, Policy.RETURN),
    Reason.DIMENSION_BLOCKED: _entry(
        "{subject} is blocked in the ledger. Choose another value and transfer again.",
        "The dimension value is blocked, or the combination is.", Owner.CLERK, Policy.RETURN),
    Reason.DIMENSION_MISSING: _entry(
        "The ledger wants a value for {subject}. Complete the coding and transfer again.",
        "A mandatory dimension is missing on the document.", Owner.CLERK, Policy.RETURN),
    Reason.TAX_CODE_UNKNOWN: _entry(
        "The tax code {subject} does not exist in the ledger. Correct the coding and transfer again.",
        "The tax code has no counterpart in the ledger: see mapping.tax_codes.", Owner.CLERK, Policy.RETURN),
    Reason.CURRENCY_UNKNOWN: _entry(
        "The ledger does not know the currency {subject}. Ask for it to be set up, then transfer again.",
        "The document's currency is no currency of the ledger.", Owner.CONTROLLER, Policy.RETURN),
    Reason.RATE_MISSING: _entry(
        "The ledger has no exchange rate for {subject}. It is tried again by itself once a rate is there.",
        "No exchange rate on or before the posting date.", Owner.CONTROLLER, Policy.RETRY),
    Reason.PERIOD_CLOSED: _entry(
        "The ledger is closed for posting on {subject}. Change the voucher date, or have the period opened, and transfer again.",
        "The posting date lies outside the ledger's posting window.", Owner.CLERK, Policy.RETURN),
    Reason.NUMBER_MISSING: _entry(
        "The supplier's invoice number is missing. Fill it in and transfer again.",
        "The document has no invoice number.", Owner.CLERK, Policy.RETURN),
    Reason.NUMBER_TOO_LONG: _entry(
        "The invoice number {subject} is longer than the ledger can hold. Shorten it and transfer again.",
        "Numbers are never cut: the ledger's field is shorter than the number.", Owner.CLERK, Policy.RETURN),
    Reason.DATE_MISSING: _entry(
        "The {subject} is missing. Fill it in and transfer again.",
        "A date that posting needs is empty.", Owner.CLERK, Policy.RETURN),
    Reason.CODING_MISSING: _entry(
        "The invoice is not coded: {subject}. Complete the coding and transfer again.",
        "The document has no coding rows, or a row lacks its account or sum.", Owner.CLERK, Policy.RETURN),
    Reason.SUMS_DIFFER: _entry(
        "The coding does not add up to the invoice: {subject}. Correct it and transfer again.",
        "The coding rows do not add up to the document's net sum, or net and tax not to gross.", Owner.CLERK, Policy.RETURN),
    Reason.TOTALS_DIFFER: _entry(
        "The ledger computes another total: {subject}. Check tax codes and sums and transfer again.",
        "The ledger's total differs from the document's gross by more than mapping.tolerance.", Owner.CLERK, Policy.RETURN),
    Reason.ORDER_UNKNOWN: _entry(
        "The purchase order {subject} is not open in the ledger. Correct the order number and transfer again.",
        "The order a coding row names was not found, or is closed.", Owner.CLERK, Policy.RETURN),
    Reason.ORDER_DIFFERS: _entry(
        "The invoice does not fit its purchase order: {subject}. Correct the matching, or have the order changed, and transfer again.",
        "A row was matched to an order line from which it cannot be invoiced: quantity, supplier or kind of line differ.", Owner.CLERK, Policy.RETURN),
    Reason.POSSIBLE_DUPLICATE: _entry(
        "The ledger already has {subject}. Find out whether it is this invoice: link it, or reject this one.",
        "A bill with this vendor and number exists in the ledger and was not made by this connection.", Owner.CLERK, Policy.HOLD),
    Reason.ALREADY_POSTED: _entry(
        "This invoice is already posted as {subject}.",
        "The ledger's bill was posted from an earlier transfer of this document.", Owner.CLERK, Policy.HOLD),
    Reason.AWAITS_APPROVAL: _entry(
        "The bill {subject} waits for an approval inside the ledger. It goes on by itself afterwards.",
        "The ledger's own approval workflow holds the bill.", Owner.CONTROLLER, Policy.RETRY),
    Reason.POSTED_OTHERWISE: _entry(
        "The ledger posted the bill with another total: {subject}. Look at it there: if it is right, link it here; if not, cancel it there and replay the invoice here.",
        "The ledger posts at once, and its total differs from the document's gross by more than mapping.tolerance.", Owner.CONTROLLER, Policy.HOLD),
    Reason.APPROVAL_REFUSED: _entry(
        "The bill was turned down in the ledger's own approval ({subject}). Ask whoever approves there, correct the invoice and transfer again.",
        "The draft that waited in the ledger's approval workflow was rejected, cancelled or removed there.", Owner.CLERK, Policy.RETURN),
    Reason.NOT_RELEASED: _entry(
        "The bill {subject} was saved in the ledger but could not be released.",
        "Create succeeded, release failed.", Owner.CONTROLLER, Policy.HOLD),
    Reason.SETUP_INCOMPLETE: _entry(
        "The ledger's set-up does not allow this posting: {subject}. Ask the controller, then replay it here.",
        "Posting groups, number series or the like are missing in the ledger.", Owner.CONTROLLER, Policy.HOLD),
    Reason.SETTING_MISSING: _entry(
        "A setting of the connection is missing: {subject}. The integration engineer has to fill it in.",
        "What was asked for needs a setting that is optional otherwise.", Owner.ENGINEER, Policy.RETRY),
    Reason.FILE_MISSING: _entry(
        "The invoice goes by its file, and {subject}. Put the file to the invoice in the ERP: it goes on by itself then.",
        "The route into the payables system takes one PDF of the invoice and nothing else.", Owner.CLERK, Policy.RETRY),
    Reason.REFUSED: _entry(
        "The ledger refused the invoice: {subject}",
        "A business rule of the ledger that the catalogue does not know; its own words are kept beside.", Owner.CLERK, Policy.HOLD),
    Reason.SIGN_IN_REFUSED: _entry(
        "The sign-in to {subject} was refused. The integration engineer has to renew the credentials.",
        "The credentials are wrong, expired or switched off.", Owner.ENGINEER, Policy.RETRY),
    Reason.RIGHTS_MISSING: _entry(
        "The connector lacks a right in {subject}. The integration engineer has to have it granted.",
        "The sign-in works but a permission or scope is missing.", Owner.ENGINEER, Policy.RETRY),
    Reason.ADDRESS_WRONG: _entry(
        "{subject} does not answer at the address that is set. The integration engineer has to correct it.",
        "Host, environment, tenant or company is wrong (404 or no such host).", Owner.ENGINEER, Policy.RETRY),
    Reason.UNREACHABLE: _entry(
        "{subject} cannot be reached. It is tried again by itself.",
        "No connection, or no answer in time.", Owner.NOBODY, Policy.RETRY),
    Reason.RATE_LIMITED: _entry(
        "{subject} asks to wait. It is tried again by itself.",
        "The other side's limit of calls was met.", Owner.NOBODY, Policy.RETRY),
    Reason.OUT_OF_ORDER: _entry(
        "{subject} reports a fault of its own. It is tried again by itself.",
        "The other side answers with a 5xx.", Owner.NOBODY, Policy.RETRY),
    Reason.OUTCOME_UNKNOWN: _entry(
        "The answer of {subject} was lost. The connector looks whether the work was done before it goes on.",
        "A write went out and no clear answer came; it is settled by looking.", Owner.NOBODY, Policy.RETRY),
    Reason.RESPONSE_REFUSED: _entry(
        "The bill is posted, but the payables system refused the answer: {subject}",
        "The transfer or payment response was refused.", Owner.ENGINEER, Policy.HOLD),
    Reason.RECORD_REFUSED: _entry(
        "The payables system refused the record {subject}.",
        "An import was rejected; it is sent again once it changes.", Owner.CONTROLLER, Policy.HOLD),
    Reason.CHANGED_MEANWHILE: _entry(
        "The invoice was taken back or changed in the payables system meanwhile ({subject}).",
        "The document's processing status is no longer one we may post from.", Owner.CLERK, Policy.HOLD),
    Reason.RETURNED: _entry(
        "{subject}",
        "A person returned the document with these words.", Owner.CLERK, Policy.RETURN),
    Reason.SUPPLIER_AWAITED: _entry(
        "The payables system has not accepted the supplier {subject} yet. The invoice goes by itself afterwards.",
        "The vendors flow has not brought this supplier through: see its run, and whether the supplier is active.", Owner.NOBODY, Policy.HOLD),
    Reason.ORDER_AWAITED: _entry(
        "The payables system has not accepted the purchase order {subject} yet. The invoice goes by itself afterwards.",
        "The purchase-orders flow has not brought this order through: see its run.", Owner.NOBODY, Policy.HOLD),
    Reason.ON_HOLD: _entry(
        "The invoice {subject} is on hold in the ERP. It goes by itself once it is taken off hold there.",
        "The ERP's own status of the invoice says that somebody still works on it.", Owner.CLERK, Policy.HOLD),
    Reason.CANNOT_ENTER: _entry(
        "The invoice cannot enter the payables system as it is: {subject}. Correct it in the ERP; it is tried again then.",
        "A field that the route needs is empty or longer than it takes.", Owner.CLERK, Policy.HOLD),
    Reason.ENTRY_UNCERTAIN: _entry(
        "Whether the invoice entered the payables system cannot be told: {subject}. Look for it there: if it is there, link it here; if not, replay it with --from post.",
        "The answer to the hand-in was lost, its address has expired, and the payables system does not show it.", Owner.CLERK, Policy.HOLD),
    Reason.TURNED_AWAY: _entry(
        "The payables system turned the invoice away on its way in: {subject}. Correct the cause, then replay it here.",
        "The network refused the invoice after taking it; it never became a document.", Owner.CLERK, Policy.HOLD),
    Reason.REMOVED: _entry(
        "The invoice was removed in the payables system: {subject}.",
        "A person removed the document there; it is not handed in again.", Owner.CLERK, Policy.HOLD),
    Reason.VOIDED: _entry(
        "The invoice {subject} was voided in the ERP before it was handed in.",
        "There is nothing left to process.", Owner.NOBODY, Policy.HOLD),
    Reason.SETTLED: _entry(
        "The invoice {subject} was settled in the ERP before it was handed in.",
        "There is nothing left to process.", Owner.NOBODY, Policy.HOLD),
    Reason.UNEXPECTED: _entry(
        "{subject} gave an answer the connector does not understand. The integration engineer has to look at it.",
        "An answer outside what the other side documents; nothing was assumed.", Owner.ENGINEER, Policy.HOLD),
}  # fmt: skip
