"""The names of services, sets, columns and methods that we use (Epicor dossier 6.1, 8, 9).

Names are case sensitive, every declared parameter of a method must be there, and a column that a row does not have is
answered in ways that differ by place. So every name is looked up here before it is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ml_connector.connectors.epicor_kinetic.errors import unexpected

VENDOR_SERVICE: Final = "Erp.BO.VendorSvc"
INVOICE_SERVICE: Final = "Erp.BO.APInvoiceSvc"
GROUP_SERVICE: Final = "Erp.BO.APInvGrpSvc"
ACCOUNT_SERVICE: Final = "Erp.BO.GLAccountSvc"
CHART_SERVICE: Final = "Erp.BO.COASvc"
SEGMENT_VALUE_SERVICE: Final = "Erp.BO.COASegValuesSvc"
ORDER_SERVICE: Final = "Erp.BO.POSvc"
RECEIPT_SERVICE: Final = "Erp.BO.ReceiptSvc"
TERMS_SERVICE: Final = "Erp.BO.PurTermsSvc"
CURRENCY_SERVICE: Final = "Erp.BO.CurrencySvc"
TAX_CATEGORY_SERVICE: Final = "Erp.BO.TaxCatSvc"
PAYMENT_SERVICE: Final = "Erp.BO.PaymentEntrySvc"
TRANSACTION_SERVICE: Final = "Erp.BO.APTranSearchSvc"
COMPANY_SERVICE: Final = "Erp.BO.CompanySvc"
SITE_SERVICE: Final = "Erp.BO.PlantSvc"
POSTING_SERVICE: Final = "Erp.PROC.APInvoicePostSvc"
TASK_SERVICE: Final = "Ice.BO.SysTaskSvc"
ATTACHMENT_SERVICE: Final = "Ice.BO.AttachmentSvc"

ROW_ID: Final = "SysRowID"
REVISION: Final = "SysRevID"


@dataclass(frozen=True, slots=True)
class EntitySet:
    """A set of a service: its name in addresses, and its table's in tablesets (Epicor dossier 8.1)."""

    service: str
    name: str
    table: str
    key: tuple[str, ...]
    columns: frozenset[str]
    """Those that we use."""

    @property
    def is_root(self) -> bool:
        """True for the table that a service's other tables hang on: `GetRows` brings it alone."""
        return CLAUSES[self.service][0] == self.table


_TABLES_OF: Final[Mapping[str, str]] = {
    VENDOR_SERVICE: (
        "Vendor VendorAttch EntityGLC TaxExempt Partner PEVendWhldHist VendRestriction VendBank VendBankAttch"
        " VendCntMain VenMFBill VendorPP VenPPMFBill VenPPUPSEmail VendPPRestriction VendCnt VendCntAttch VenUPSEmail"
        " VendRemitTo"
    ),
    INVOICE_SERVICE: (
        "APInvHed APInvHedAttch APIHAPInvExp APIHAPInvExpTGLC APIHAPInvMsc RcvMisc APIHAPLnTax APInvDtl APInvDtlAttch"
        " APInvDtlDEASch APInvExp APInvExpTGLC GlbAPIETGLC APInvJob APInvMsc APInvLnMscTax APInvPB APLnTax APInvDtlTGLC"
        " APInvHedMscTax APInvSched APInvTax PESUNATDtl EntityGLC PEAPInvTax AdditionalForms_ParametersView"
        " LegalNumGenOpts SupplierXRef TaxConnectStatus"
    ),
    GROUP_SERVICE: "APInvGrp",
    ACCOUNT_SERVICE: "GLAccount",
    CHART_SERVICE: "COA COASegment COASegmentNotCreated",
    SEGMENT_VALUE_SERVICE: "COASegValues COASegAcct COASegOpt COASegRes",
    ORDER_SERVICE: (
        "POHeader POHeaderAttch PODetail PODetailAttch PORel PORelAttch PORelTax PORelTGLC PODetailInsp PODetailTax"
        " POMisc PODetailMiscTax POHeadMisc POHeaderMiscTax POHeaderTax"
    ),
    RECEIPT_SERVICE: (
        "RcvHead RcvHeadAttch RcvHeadTax RcvDtl RcvDtlAttch RcvDtlAttrValueSet RcvDtlTax RcvDuty RcvMisc RcvMiscTax"
        " LegalNumGenOpts PendingRcvDtl SelectedSerialNumbers SNFormat SupplierXRef"
    ),
    TERMS_SERVICE: "PurTerms PurTermsAttch PurTermsDtl PurTermsSched",
    CURRENCY_SERVICE: "Currency CurrencyAttch EntityGLC",
    TAX_CATEGORY_SERVICE: "TaxCat TaxCatD",
    PAYMENT_SERVICE: (
        "CheckHed CheckHedAttch APTran APTranTGLC APTTaxDtl BankTran BankTranTaxDtl BankTranTGLC TaxDtl LegalNumGenOpts"
    ),
    TRANSACTION_SERVICE: "APTranSearch PaymentTotals",
    COMPANY_SERVICE: (
        "Company CompanyAttch AGCompany APSyst ARSyst BMSyst BorderPct CRSyst CSFSyst Currency CurrRateGrp EQSyst"
        " ExtPRSyst FsSyst GLSyst ISSyst JCSyst MMSyst PDMSyst PECompWhldHist PRSyst TaxSvcConfig XaSyst XbSyst"
        " EntityGLC"
    ),
    SITE_SERVICE: "Plant PlantAttch PlantEGLC",
    TASK_SERVICE: "SysTask SysTaskParam",
}
CLAUSES: Final[Mapping[str, tuple[str, ...]]] = {service: tuple(names.split()) for service, names in _TABLES_OF.items()}
"""The tables of each service that `GetRows` wants a where clause for, all of them (Epicor dossier 5.5); root first."""

PARENT_COLUMNS: Final[Mapping[str, frozenset[str]]] = {
    VENDOR_SERVICE: frozenset({"VendorNum"}),
    INVOICE_SERVICE: frozenset({"VendorNum", "InvoiceNum"}),
    CHART_SERVICE: frozenset({"COACode"}),
    ORDER_SERVICE: frozenset({"PONum"}),
    RECEIPT_SERVICE: frozenset({"VendorNum", "PurPoint", "PackSlip", "ChangeDate"}),
}
"""Columns that a service's root table has in common with its children: what narrows both in `GetRows`."""


def _set(service: str, name: str, table: str, key: str, columns: str) -> EntitySet:
    keys = tuple(key.split())
    return EntitySet(service, name, table, keys, frozenset({*keys, *columns.split(), REVISION, ROW_ID}))


_SEGMENTS: Final = " ".join(f"SegValue{number}" for number in range(1, 21))

VENDORS: Final = _set(
    VENDOR_SERVICE, "Vendors", "Vendor", "Company VendorNum",
    "VendorID Name LegalName Address1 Address2 Address3 City State ZIP Country CountryNum CountryNumISOCode TaxPayerID"
    " OrgRegCode TIN TermsCode CurrencyCode TaxRegionCode GroupCode PMUID PrimaryBankID PayHold Inactive EMailAddress"
    " PhoneNum ExternalId",
)  # fmt: skip
VENDOR_BANKS: Final = _set(
    VENDOR_SERVICE, "VendBanks", "VendBank", "Company VendorNum BankID",
    "BankName BankAcctNumber IBANCode SwiftNum NameOnAccount PrimaryBank",
)  # fmt: skip
CHARTS: Final = _set(CHART_SERVICE, "COAs", "COA", "Company COACode", "Description SeparatorChar MasterCOA")
SEGMENTS: Final = _set(
    CHART_SERVICE, "COASegments", "COASegment", "Company COACode SegmentNbr",
    "SegmentName Abbreviation DisplayOrder MinLength MaxLength AllowAlpha Dynamic EntryControl UseRefEntity RefEntity"
    " SiteSegment",
)  # fmt: skip
SEGMENT_VALUES: Final = _set(
    SEGMENT_VALUE_SERVICE, "COASegValues", "COASegValues", "Company COACode SegmentNbr SegmentCode",
    "SegmentName SegmentDesc SegmentAbbrev ActiveFlag EffectiveFrom EffectiveTo Category NormalBalance",
)  # fmt: skip
TERMS: Final = _set(
    TERMS_SERVICE, "PurTerms", "PurTerms", "Company TermsCode",
    "Description TermsType DueDays DiscountDays DiscountPercent NumberOfPayments Monthly NumberOfMonths NumberOfDays"
    " DueOnDay MinimumDays",
)  # fmt: skip
CURRENCIES: Final = _set(
    CURRENCY_SERVICE, "Currencies", "Currency", "Company CurrencyCode",
    "CurrDesc BaseCurr Inactive DecimalsGeneral DecimalsPrice",
)  # fmt: skip
TAX_CATEGORIES: Final = _set(TAX_CATEGORY_SERVICE, "TaxCats", "TaxCat", "Company TaxCatID", "Description")
COMPANIES: Final = _set(COMPANY_SERVICE, "Companies", "Company", "Company1", "Name BaseCurrCode")
SITES: Final = _set(SITE_SERVICE, "Plants", "Plant", "Company Plant1", "Name")
ORDERS: Final = _set(
    ORDER_SERVICE, "POes", "POHeader", "Company PONum",
    "VendorNum OpenOrder VoidOrder OrderHeld Approve ApprovalStatus Confirmed OrderDate TermsCode CurrencyCode"
    " DocTotalOrder CommentText POType ChangeDate VendorVendorID",
)  # fmt: skip
ORDER_LINES: Final = _set(
    ORDER_SERVICE, "PODetails", "PODetail", "Company PONUM POLine",
    "OpenLine VoidLine PartNum VenPartNum LineDesc OrderQty PUM XOrderQty IUM DocUnitCost CostPerCode DocExtCost"
    " TaxCatID DueDate ChangeDate",
)  # fmt: skip
ORDER_RELEASES: Final = _set(
    ORDER_SERVICE, "PORels", "PORel", "Company PONum POLine PORelNum",
    "OpenRelease VoidRelease RelQty XRelQty ArrivedQty ReceivedQty InvoicedQty DueDate Plant TranType Status",
)  # fmt: skip
RECEIPT_LINES: Final = _set(
    RECEIPT_SERVICE, "RcvDtls", "RcvDtl", "Company VendorNum PurPoint PackSlip PackLine",
    "PONum POLine PORelNum VendorQty PUM OurQty IUM DocVendorUnitCost CostPerCode Received ReceivedComplete ReceiptDate"
    " Invoiced InvoiceNum InvoiceLine SupplierUnInvcReceiptQty ChangeDate",
)  # fmt: skip
INVOICE_GROUPS: Final = _set(
    GROUP_SERVICE, "APInvGrps", "APInvGrp", "Company GroupID",
    "ActiveUserID CreatedBy ApplyDate FiscalYear FiscalPeriod PostInProcess PostErrorLog IsDocumentLocked LockStatus"
    " BaseTotal",
)  # fmt: skip
INVOICES: Final = _set(
    INVOICE_SERVICE, "APInvoices", "APInvHed", "Company VendorNum InvoiceNum",
    "GroupID DebitMemo InvoiceDate ApplyDate FiscalYear FiscalPeriod TermsCode DueDate CurrencyCode RateGrpCode"
    " ExchangeRate DocInvoiceVendorAmt InvoiceVendorAmt ScrDocInvoiceVendorAmt DocInvoiceAmt InvoiceAmt"
    " DocInvoiceVariance InvoiceVariance DocTaxAmt TaxAmt TaxRegionCode REFPONum InvoiceRef Description InvoiceComment"
    " ExternalID InvoiceHeld PayHold PMUID LegalNumber TranDocTypeID Posted OpenPayable InvoiceBal DocInvoiceBal"
    " UnpostedBal DocUnpostedBal JournalNum JournalCode PIPayment RefCancelledby CancellationInv ReadyToCalc InPrice"
    " LockRate ChangeDate ChangedBy EntryPerson VendorNumVendorID",
)  # fmt: skip
INVOICE_LINES: Final = _set(
    INVOICE_SERVICE, "APInvDtls", "APInvDtl", "Company VendorNum InvoiceNum InvoiceLine",
    "LineType PartNum Description VendorQty ScrVendorQty PUM UnitCost DocUnitCost DocScrUnitCost CostPerCode ExtCost"
    " DocExtCost ScrDocExtCost PONum POLine PORelNum PurPoint PackSlip PackLine TaxCatID TaxRegionCode TaxExempt"
    " FinalInvoice LineComment GLAccount DocTotalTax",
)  # fmt: skip
INVOICE_AMOUNTS: Final = _set(
    INVOICE_SERVICE, "APInvExps", "APInvExp", "Company VendorNum InvoiceNum InvoiceLine InvExpSeq",
    "ExpAmt DocExpAmt ScrExpAmt DocScrExpAmt GLAccount Plant NonDedTax COACode BookID",
)  # fmt: skip
INVOICE_ACCOUNTS: Final = _set(
    INVOICE_SERVICE, "APInvExpTGLCs", "APInvExpTGLC", "Company VendorNum InvoiceNum InvoiceLine InvExpSeq SysRowID",
    "TGLCTranNum GLAcctContext BookID COACode GLAccount RecordType UserCanModify IsExternalCompany IsModifiedByUser"
    f" {_SEGMENTS}",
)  # fmt: skip
INVOICE_FILES: Final = _set(
    INVOICE_SERVICE, "APInvHedAttches", "APInvHedAttch", "Company VendorNum InvoiceNum DrawingSeq",
    "XFileRefNum DrawDesc FileName DocTypeID",
)  # fmt: skip
TRANSACTIONS: Final = _set(
    TRANSACTION_SERVICE, "APTranSearches", "APTranSearch", "Company HeadNum APTranNo InvoiceNum Voided",
    "VendorNum TranType Posted TranDate CheckNum TranAmt DocTranAmt DiscAmt DocDiscAmt CurrencyCode BankAcctID"
    " Description ChangeDate",
)  # fmt: skip
PAYMENTS: Final = _set(
    PAYMENT_SERVICE, "PaymentEntries", "CheckHed", "Company HeadNum",
    "CheckNum CheckDate Posted Voided DocPaymentTotal CurrencyCode VendorNum BankAcctID PMUID PMUIDName LegalNumber"
    " ClearedCheck ApplyingPayment ChangeDate",
)  # fmt: skip
TASKS: Final = _set(
    TASK_SERVICE, "SysTasks", "SysTask", "SysTaskNum",
    "TaskDescription TaskType StartedOn EndedOn SubmitUser TaskStatus Company RunProcedure ActivityMsg TaskNote History"
    " ErrorMsg",
)  # fmt: skip

SETS: Final = (
    VENDORS, VENDOR_BANKS, CHARTS, SEGMENTS, SEGMENT_VALUES, TERMS, CURRENCIES, TAX_CATEGORIES, COMPANIES,
    SITES, ORDERS, ORDER_LINES, ORDER_RELEASES, RECEIPT_LINES, INVOICE_GROUPS, INVOICES, INVOICE_LINES,
    INVOICE_AMOUNTS, INVOICE_ACCOUNTS, INVOICE_FILES, TRANSACTIONS, PAYMENTS, TASKS,
)  # fmt: skip

_OTHER_TABLES: Final[Mapping[str, str]] = {
    "APUninvoicedReceipts": "PONum PackSlip PurPoint VendorNum AllSelected DropShip",
    "APUninvoicedRcptLines": "PurPoint PackSlip PackLine PONum POLine PORelNum VendorQty DocVendorUnitCost"
    " SupplierUnInvcReceiptQty SelectLine DropShip",
    "APInvoicePostParam": "GroupID AgentID AgentSchedNum AgentTaskNum RecurringTask TaskNote",
    "PORelTGLC": f"PONum POLine PORelNum BookID IsMainBook RecordType COACode GLAccount {_SEGMENTS}",
}
"""Tables of tablesets that are read or written by methods only."""
TABLES: Final[Mapping[str, frozenset[str]]] = {
    **{each.table: each.columns for each in SETS},
    **{name: frozenset(columns.split()) for name, columns in _OTHER_TABLES.items()},
}
"""The columns of each table that we read or write."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method: all of its parameters, and whether it stores anything. Those that do not may be sent twice."""

    parameters: frozenset[str]
    stores: bool
    is_get: bool = False
    """Declared as GET by the server's own description."""


def _reads(parameters: str = "", *, is_get: bool = False) -> Method:
    return Method(frozenset(parameters.split()), stores=False, is_get=is_get)


def _stores(parameters: str) -> Method:
    return Method(frozenset(parameters.split()), stores=True)


METHODS: Final[Mapping[str, Mapping[str, Method]]] = {
    VENDOR_SERVICE: {"GetByID": _reads("vendorNum", is_get=True)},
    ORDER_SERVICE: {"GetByID": _reads("poNum", is_get=True)},
    PAYMENT_SERVICE: {"GetByID": _reads("headNum", is_get=True)},
    INVOICE_SERVICE: {
        "GetByID": _reads("vendorNum invoiceNum", is_get=True),
        "GetNewAPInvHedInvoice": _reads("ds cGroupID"),
        "GetNewAPInvHedDebitMemo": _reads("ds cGroupID"),
        "GetNewAPInvDtlMiscellaneous": _reads("ds iVendorNum cInvoiceNum"),
        "GetNewAPInvDtlUnreceived": _reads("ds iVendorNum cInvoiceNum"),
        "GetNewAPInvExp": _reads("ds vendorNum invoiceNum invoiceLine"),
        "GetNewAPInvExpTGLC": _reads("ds vendorNum invoiceNum invoiceLine invExpSeq"),
        "GetNewAPInvTax": _reads("ds vendorNum invoiceNum taxCode rateCode"),
        "GetNewAPInvHedAttch": _reads("ds vendorNum invoiceNum"),
        "ChangeVendorID": _reads("ProposedVendorID confirmCheck ds"),
        "ChangeRefPONum": _reads("ProposedRefPONum confirmCheck ds"),
        "ChangeCurrencyMaster": _reads("ProposedCurrencyCode vRateGrpCode ds"),
        "ChangeInvoiceDateEx": _reads("ProposedInvoiceDate recalcAmts ds"),
        "OnChangeofApplyDateEx": _reads("VendorNum InvoiceNum recalcAmts NewApplyDate ds"),
        "ChangeInvoiceVendorAmt": _reads("ProposedInvoiceVendorAmt ds"),
        "ChangeInvoiceRef": _reads("ProposedInvoiceRef ds"),
        "ChangeTermsCode": _reads("ProposedTermsCode ds"),
        "ChangeDueDate": _reads("ProposedDueDate ds"),
        "ChangePartNum": _reads("ProposedPartNum ds"),
        "ChangeExtCost": _reads("ProposedExtCost ds"),
        "ChangeExpLineAmt": _reads("ProposedAmt ds"),
        "ChangeTaxCatID": _reads("ipTaxCatID ds"),
        "ChangePONum": _reads("ProposedPONum ds"),
        "ChangePOLine": _reads("ProposedPOLine ds"),
        "ChangePORelNum": _reads("ProposedPORelNum ds"),
        "ChangeVendorQty": _reads("ProposedVendorQty ds"),
        "ChangeUnitCost": _reads("ProposedUnitCost ds"),
        "GetAPUninvoicedReceipts": _reads("ds InVendorNum InInvoiceNum InPONum"),
        "SelectUninvoicedRcptLines": _reads(
            "ds InVendorNum InPurPoint InPONum InPackSlip InDropShip InvoiceNum InGRNIClearing"
        ),
        # opLOCMsg goes out only, and is sent along by those who call it (Epicor dossier 9.5.4).
        "InvoiceSelectedLines": _stores("ds opLOCMsg"),
        "SetReadyToCalc": _stores("ipGroupID ipInvoiceNum ipVendorNum ipCalcAll ipCalledFromUI ds"),
        "Update": _stores("ds"),
        "UpdateMaster": _stores("ds cGroupID cTableName runChkCPay runChkBankRef runChkRevChrg suppressUserPrompts"),
        "DeleteByID": _stores("vendorNum invoiceNum"),
    },
    GROUP_SERVICE: {
        "GetByID": _reads("groupID", is_get=True),
        "GetNewAPInvGrpNoLock": _reads("ds"),
        "OnChangeofApplyDate": _reads("GroupID NewApplyDate ds"),
        "Update": _stores("ds"),
        "UnlockGroup": _stores("InGroupID"),
        "DeleteByID": _stores("groupID"),
        "PrePostGroupInvoices": _reads("PostGroupID"),
    },
    ACCOUNT_SERVICE: {
        "GlAccountExists": _reads("ipCOACode ipGLAccount"),
        "ValidateGLAccount": _reads("COACode GLAccount ExtCompanyID RestrictID EffectiveDate ValidateDynamicSegment"),
    },
    TRANSACTION_SERVICE: {"GetPaymentData": _reads("vendorNum invoiceNum")},
    POSTING_SERVICE: {
        "GetNewParameters": _reads(is_get=True),
        "SubmitToAgent": _stores("ds agentID agentSchedNum agentTaskNum maintProgram"),
    },
    ATTACHMENT_SERVICE: {"UploadFile": _stores("docTypeID parentTable fileName data")},
}


def method(service: str, name: str, parameters: Collection[str]) -> Method:
    """The method, if it takes exactly these parameters. Raises Refused (unexpected answer) where it does not."""
    found = METHODS.get(service, {}).get(name)
    if found is None:
        raise unexpected(f"{service} has no method {name} that is known here")
    missing, unknown = sorted(found.parameters - set(parameters)), sorted(set(parameters) - found.parameters)
    if missing or unknown:
        raise unexpected(
            f"{service}/{name} is to be called without {', '.join(missing) or 'nothing'} missing and"
            f" {', '.join(unknown) or 'nothing'} too much"
        )
    return found


def check_columns(table: str, columns: Iterable[str]) -> None:
    """Raises Refused (unexpected answer) where a column is none that is known of the table."""
    unknown = sorted(set(columns) - TABLES.get(table, frozenset()) - {"RowMod"})
    if unknown:
        raise unexpected(f"{table} has no column {', '.join(unknown)} that is known here")
