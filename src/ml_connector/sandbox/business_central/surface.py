"""The pages of API v2.0 that AP automation meets: names, types, lengths and what may be written.

Derived from the published AL source of the pages. A property is `name:type` with the marks `!` read-only on
the page, `~` not editable in the table, `-` no table field behind it (cannot be filtered or sorted).
Types: `C20` a code (trimmed, upper case), `T100` a text, the Edm names in short, or the name of an enum below
(members divided by `|`). `parts` are navigation properties in page order, `?` for 0..1 and `*` for many;
`verbs` say what the page allows: Create, Update, Delete.
"""

from __future__ import annotations

from typing import NamedTuple


class Page(NamedTuple):
    """One page: the type behind an entity set."""

    entity: str
    verbs: str
    parts: str
    properties: str
    actions: str = ""


ENUMS: dict[str, str] = {
    "VendorBlocked": (" |Payment|All"),
    "AccountCategory": (" |Assets|Liabilities|Equity|Income|Cost of Goods Sold|Expense"),
    "AccountType": ("Posting|Heading|Total|Begin-Total|End-Total"),
    "TranslationMethod": ("Average Rate (Manual)|Closing Rate|Historical Rate|Composite Rate|Equity Rate"),
    "DimensionParent": (
        " |Journal Line|Purchase Invoice|Purchase Invoice Line|General Ledger Entry|Purchase "
        "Receipt|Purchase Receipt Line|Purchase Order|Purchase Order Line|Purchase Credit "
        "Memo|Purchase Credit Memo Line"
    ),
    "DefaultDimensionParent": (" |Customer|Item|Vendor|Employee"),
    "ValuePosting": (" |Code Mandatory|Same Code|No Code"),
    "InvoiceStatus": (" |Draft|In Review|Open|Paid|Canceled|Corrective"),
    "LineType": ("Comment|Account|Item|Resource|Fixed Asset|Charge|Allocation Account"),
    "OrderStatus": ("Draft|In Review|Open"),
    "CreditMemoStatus": ("Draft|In Review|Open|Canceled|Corrective|Paid"),
    "PurchaseLineType": (" |G/L Account|Item|Resource|Fixed Asset|Charge (Item)|Allocation Account"),
    "TaxType": ("Sales Tax|VAT"),
    "DocumentType": (" |Payment|Invoice|Credit Memo|Finance Charge Memo|Reminder|Refund"),
    "AttachmentParent": (
        " |Journal|Employee|Item|Customer|Vendor|Job|Purchase Invoice|Purchase Order|Purchase "
        "Quote|Purchase Credit Memo|Blanket Purchase Order|Purchase Receipt|Sales Order|Sales "
        "Quote|Sales Credit Memo|Sales Invoice"
    ),
    "ItemType": ("Inventory|Service|Non-Inventory"),
    "AddressFormat": ("Post Code+City|City+Post Code|City+County+Post Code|Blank Line+Post Code+City|Custom"),
}

PAGES: dict[str, Page] = {
    "vendors": Page(
        entity="vendor",
        verbs="CUD",
        parts="defaultDimensions* documentAttachments*",
        properties=(
            "id:guid! number:C20 displayName:T100 addressLine1:T100 addressLine2:T50 city:T30 state:T30 "
            "country:C10 postalCode:C20 phoneNumber:T30 email:T80 website:T255 taxRegistrationNumber:T50- "
            "currencyId:guid currencyCode:T- irs1099Code:C10- paymentTermsId:guid paymentMethodId:guid "
            "taxLiable:bool blocked:VendorBlocked balance:decimal~ lastModifiedDateTime:datetime~"
        ),
    ),
    "accounts": Page(
        entity="account",
        verbs="-",
        parts="",
        properties=(
            "id:guid! number:C20! displayName:T100! category:AccountCategory! subCategory:T80! "
            "blocked:bool! accountType:AccountType! directPosting:bool! netChange:decimal! "
            "consolidationTranslationMethod:TranslationMethod! consolidationDebitAccount:C20! "
            "consolidationCreditAccount:C20! excludeFromConsolidation:bool! lastModifiedDateTime:datetime!"
        ),
    ),
    "dimensions": Page(
        entity="dimension",
        verbs="-",
        parts="dimensionValues*",
        properties=("id:guid! code:C20! displayName:T30! consolidationCode:C20! lastModifiedDateTime:datetime!"),
    ),
    "dimensionValues": Page(
        entity="dimensionValue",
        verbs="-",
        parts="",
        properties=(
            "id:guid! code:C20! dimensionId:guid! displayName:T50! consolidationCode:C20! "
            "lastModifiedDateTime:datetime!"
        ),
    ),
    "dimensionSetLines": Page(
        entity="dimensionSetLine",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid code:C20 consolidationCode:C20! parentId:guid! parentType:DimensionParent! "
            "displayName:T30~ valueId:guid- valueCode:C20- valueConsolidationCode:C20! "
            "valueDisplayName:T50~"
        ),
    ),
    "defaultDimensions": Page(
        entity="defaultDimension",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! parentType:DefaultDimensionParent parentId:guid dimensionId:guid dimensionCode:C20! "
            "dimensionValueId:guid dimensionValueCode:C20! postingValidation:ValuePosting "
            "lastModifiedDateTime:datetime!"
        ),
    ),
    "purchaseInvoices": Page(
        entity="purchaseInvoice",
        verbs="CUD",
        parts="dimensionSetLines* purchaseInvoiceLines* attachments* documentAttachments*",
        actions="post",
        properties=(
            "id:guid! number:C20! postingDate:date invoiceDate:date dueDate:date vendorInvoiceNumber:C35 "
            "vendorId:guid vendorNumber:C20 vendorName:T100! payToName:T100! payToContact:T100! "
            "payToVendorId:guid payToVendorNumber:C20 shipToName:T100 shipToContact:T100 "
            "buyFromAddressLine1:T100 buyFromAddressLine2:T50 buyFromCity:T30 buyFromCountry:C10 "
            "buyFromState:T30 buyFromPostCode:C20 shipToAddressLine1:T100 shipToAddressLine2:T50 "
            "shipToCity:T30 shipToCountry:C10 shipToState:T30 shipToPostCode:C20 payToAddressLine1:T100! "
            "payToAddressLine2:T50! payToCity:T30! payToCountry:C10! payToState:T30! payToPostCode:C20! "
            "shortcutDimension1Code:C20 shortcutDimension2Code:C20 currencyId:guid currencyCode:T- "
            "orderId:guid! orderNumber:C20! purchaser:C20 pricesIncludeTax:bool discountAmount:decimal "
            "discountAppliedBeforeTax:bool! totalAmountExcludingTax:decimal! totalTaxAmount:decimal! "
            "totalAmountIncludingTax:decimal! status:InvoiceStatus! lastModifiedDateTime:datetime~"
        ),
    ),
    "purchaseInvoiceLines": Page(
        entity="purchaseInvoiceLine",
        verbs="CUD",
        parts="dimensionSetLines* location?",
        properties=(
            "id:guid! documentId:guid sequence:int itemId:guid accountId:guid lineType:LineType "
            "lineObjectNumber:C20 description:T100 description2:T50 unitOfMeasureId:guid "
            "unitOfMeasureCode:C10 unitCost:decimal quantity:decimal discountAmount:decimal "
            "discountPercent:decimal discountAppliedBeforeTax:bool! amountExcludingTax:decimal taxCode:C50 "
            "taxPercent:decimal! totalTaxAmount:decimal! amountIncludingTax:decimal "
            "invoiceDiscountAllocation:decimal netAmount:decimal netTaxAmount:decimal "
            "netAmountIncludingTax:decimal expectedReceiptDate:date itemVariantId:guid locationId:guid"
        ),
    ),
    "purchaseOrders": Page(
        entity="purchaseOrder",
        verbs="CUD",
        parts="purchaseOrderLines* attachments* dimensionSetLines* documentAttachments*",
        actions="receiveAndInvoice",
        properties=(
            "id:guid! number:C20! orderDate:date postingDate:date vendorId:guid vendorNumber:C20 "
            "vendorName:T100! payToName:T100! payToVendorId:guid payToVendorNumber:C20 shipToName:T100 "
            "shipToContact:T100 buyFromAddressLine1:T100 buyFromAddressLine2:T50 buyFromCity:T30 "
            "buyFromCountry:C10 buyFromState:T30 buyFromPostCode:C20 payToAddressLine1:T100! "
            "payToAddressLine2:T50! payToCity:T30! payToCountry:C10! payToState:T30! payToPostCode:C20! "
            "shipToAddressLine1:T100 shipToAddressLine2:T50 shipToCity:T30 shipToCountry:C10 "
            "shipToState:T30 shipToPostCode:C20 shortcutDimension1Code:C20 shortcutDimension2Code:C20 "
            "currencyId:guid currencyCode:T- pricesIncludeTax:bool paymentTermsId:guid "
            "shipmentMethodId:guid purchaser:C20 requestedReceiptDate:date discountAmount:decimal "
            "discountAppliedBeforeTax:bool! totalAmountExcludingTax:decimal! totalTaxAmount:decimal! "
            "totalAmountIncludingTax:decimal! fullyReceived:bool status:OrderStatus! "
            "lastModifiedDateTime:datetime!"
        ),
    ),
    "purchaseOrderLines": Page(
        entity="purchaseOrderLine",
        verbs="CUD",
        parts="dimensionSetLines* location?",
        properties=(
            "id:guid! documentId:guid sequence:int itemId:guid accountId:guid lineType:LineType "
            "lineObjectNumber:C20 description:T100 description2:T50 unitOfMeasureId:guid "
            "unitOfMeasureCode:C10 quantity:decimal directUnitCost:decimal discountAmount:decimal "
            "discountPercent:decimal discountAppliedBeforeTax:bool! amountExcludingTax:decimal! taxCode:C50 "
            "taxPercent:decimal! totalTaxAmount:decimal! amountIncludingTax:decimal! "
            "invoiceDiscountAllocation:decimal! netAmount:decimal! netTaxAmount:decimal! "
            "netAmountIncludingTax:decimal! expectedReceiptDate:date receivedQuantity:decimal~ "
            "invoicedQuantity:decimal~ invoiceQuantity:decimal receiveQuantity:decimal itemVariantId:guid "
            "locationId:guid"
        ),
    ),
    "purchaseCreditMemos": Page(
        entity="purchaseCreditMemo",
        verbs="CUD",
        parts="dimensionSetLines* purchaseCreditMemoLines* attachments* documentAttachments*",
        actions="post cancel",
        properties=(
            "id:guid! number:C20! creditMemoDate:date postingDate:date dueDate:date vendorId:guid "
            "vendorNumber:C20 vendorName:T100! vendorCreditMemoNumber:C35 payToVendorId:guid "
            "payToVendorNumber:C20 payToName:T100! buyFromAddressLine1:T100 buyFromAddressLine2:T50 "
            "buyFromCity:T30 buyFromCountry:C10 buyFromState:T30 buyFromPostCode:C20 payToAddressLine1:T100 "
            "payToAddressLine2:T50 payToCity:T30 payToCountry:C10 payToState:T30 payToPostCode:C20 "
            "shortcutDimension1Code:C20 shortcutDimension2Code:C20 currencyId:guid currencyCode:T- "
            "paymentTermsId:guid shipmentMethodId:guid purchaser:C20 pricesIncludeTax:bool! "
            "discountAmount:decimal discountAppliedBeforeTax:bool! totalAmountExcludingTax:decimal! "
            "totalTaxAmount:decimal! totalAmountIncludingTax:decimal! status:CreditMemoStatus! "
            "lastModifiedDateTime:datetime! invoiceId:guid- invoiceNumber:C20 vendorReturnReasonId:guid"
        ),
    ),
    "purchaseCreditMemoLines": Page(
        entity="purchaseCreditMemoLine",
        verbs="CUD",
        parts="dimensionSetLines* location?",
        properties=(
            "id:guid! documentId:guid sequence:int itemId:guid accountId:guid lineType:LineType "
            "lineObjectNumber:C20 description:T100 unitOfMeasureId:guid unitOfMeasureCode:C10 "
            "unitCost:decimal quantity:decimal discountAmount:decimal discountPercent:decimal "
            "discountAppliedBeforeTax:bool! amountExcludingTax:decimal! taxCode:C50 taxPercent:decimal! "
            "totalTaxAmount:decimal! amountIncludingTax:decimal! invoiceDiscountAllocation:decimal! "
            "netAmount:decimal! netTaxAmount:decimal! netAmountIncludingTax:decimal! itemVariantId:guid "
            "locationId:guid"
        ),
    ),
    "purchaseReceipts": Page(
        entity="purchaseReceipt",
        verbs="-",
        parts="purchaseReceiptLines* dimensionSetLines* attachments* documentAttachments*",
        properties=(
            "id:guid! number:C20! invoiceDate:date postingDate:date dueDate:date vendorNumber:C20 "
            "vendorName:T100! payToName:T100! payToContact:T100! payToVendorNumber:C20 shipToName:T100 "
            "shipToContact:T100 buyFromAddressLine1:T100 buyFromAddressLine2:T50 buyFromCity:T30 "
            "buyFromCountry:C10 buyFromState:T30 buyFromPostCode:C20 shipToAddressLine1:T100 "
            "shipToAddressLine2:T50 shipToCity:T30 shipToCountry:C10 shipToState:T30 shipToPostCode:C20 "
            "payToAddressLine1:T100! payToAddressLine2:T50! payToCity:T30! payToCountry:C10! "
            "payToState:T30! payToPostCode:C20! currencyCode:T- orderNumber:C20! "
            "lastModifiedDateTime:datetime~"
        ),
    ),
    "purchaseReceiptLines": Page(
        entity="purchaseReceiptLine",
        verbs="-",
        parts="dimensionSetLines*",
        properties=(
            "id:guid! documentId:guid sequence:int lineType:PurchaseLineType lineObjectNumber:C20 "
            "description:T100 description2:T50 unitOfMeasureCode:C10 unitCost:decimal quantity:decimal "
            "discountPercent:decimal taxPercent:decimal~ expectedReceiptDate:date"
        ),
    ),
    "paymentTerms": Page(
        entity="paymentTerm",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! code:C10 displayName:T100 dueDateCalculation:T discountDateCalculation:T "
            "discountPercent:decimal calculateDiscountOnCreditMemos:bool lastModifiedDateTime:datetime~"
        ),
    ),
    "paymentMethods": Page(
        entity="paymentMethod",
        verbs="CUD",
        parts="",
        properties=("id:guid! code:C10 displayName:T100 lastModifiedDateTime:datetime~"),
    ),
    "shipmentMethods": Page(
        entity="shipmentMethod",
        verbs="CUD",
        parts="",
        properties=("id:guid! code:C10 displayName:T100 lastModifiedDateTime:datetime~"),
    ),
    "currencies": Page(
        entity="currency",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! code:C10 displayName:T30 symbol:T10 amountDecimalPlaces:T5 "
            "amountRoundingPrecision:decimal lastModifiedDateTime:datetime~"
        ),
    ),
    "currencyExchangeRates": Page(
        entity="currencyExchangeRate",
        verbs="-",
        parts="",
        properties=(
            "id:guid! currencyCode:C10! startingDate:date! exchangeRateAmount:decimal! "
            "relationalCurrencyCode:C10! relationalExchangeRateAmount:decimal! "
            "lastModifiedDateTime:datetime!"
        ),
    ),
    "taxGroups": Page(
        entity="taxGroup",
        verbs="CUD",
        parts="",
        properties=("id:guid! code:C20 displayName:T100 taxType:TaxType! lastModifiedDateTime:datetime~"),
    ),
    "taxAreas": Page(
        entity="taxArea",
        verbs="CUD",
        parts="",
        properties=("id:guid! code:C20 displayName:T100 taxType:TaxType! lastModifiedDateTime:datetime!"),
    ),
    "companyInformation": Page(
        entity="companyInformation",
        verbs="U",
        parts="",
        properties=(
            "id:guid! displayName:T100 addressLine1:T100 addressLine2:T50 city:T30 state:T30 country:C10 "
            "postalCode:C20 phoneNumber:T30 faxNumber:T30 email:T80 website:T255 taxRegistrationNumber:T50- "
            "currencyCode:C10!- currentFiscalYearStartDate:date!- industry:T30 picture:stream! "
            "experience:T- lastModifiedDateTime:datetime~"
        ),
    ),
    "generalLedgerSetup": Page(
        entity="generalLedgerSetup",
        verbs="-",
        parts="",
        properties=(
            "id:guid! allowPostingFrom:date! allowPostingTo:date! additionalReportingCurrency:C10! "
            "localCurrencyCode:C10! localCurrencySymbol:T10! lastModifiedDateTime:datetime! "
            "allowQueryFromConsolidation:bool! shortcutDimension1Code:C20! shortcutDimension2Code:C20! "
            "shortcutDimension3Code:C20! shortcutDimension4Code:C20! shortcutDimension5Code:C20! "
            "shortcutDimension6Code:C20! shortcutDimension7Code:C20! shortcutDimension8Code:C20!"
        ),
    ),
    "accountingPeriods": Page(
        entity="accountingPeriod",
        verbs="-",
        parts="",
        properties=(
            "id:guid! startingDate:date! name:T10! newFiscalYear:bool! closed:bool! dateLocked:bool! "
            "lastModifiedDateTime:datetime!"
        ),
    ),
    "generalLedgerEntries": Page(
        entity="generalLedgerEntry",
        verbs="-",
        parts="attachments* dimensionSetLines*",
        properties=(
            "id:guid! entryNumber:int! postingDate:date! documentNumber:C20! documentType:DocumentType! "
            "accountId:guid! accountNumber:C20! description:T100! debitAmount:decimal! "
            "creditAmount:decimal! additionalCurrencyDebitAmount:decimal! "
            "additionalCurrencyCreditAmount:decimal! lastModifiedDateTime:datetime!"
        ),
    ),
    "attachments": Page(
        entity="attachment",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! parentId:guid fileName:T250 byteSize:int attachmentContent:stream "
            "lastModifiedDateTime:datetime! parentType:AttachmentParent"
        ),
    ),
    "documentAttachments": Page(
        entity="documentAttachment",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! fileName:T250 byteSize:int! attachmentContent:stream parentType:AttachmentParent "
            "parentId:guid lineNumber:int documentFlowSales:bool documentFlowPurchase:bool "
            "lastModifiedDateTime:datetime!"
        ),
    ),
    "unitsOfMeasure": Page(
        entity="unitOfMeasure",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! code:C10 displayName:T50 internationalStandardCode:C10 symbol:T10 lastModifiedDateTime:datetime~"
        ),
    ),
    "items": Page(
        entity="item",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! number:C20 displayName:T100 displayName2:T50 type:ItemType itemCategoryId:guid "
            "itemCategoryCode:C20 blocked:bool gtin:C14 inventory:decimal- unitPrice:decimal "
            "priceIncludesTax:bool unitCost:decimal taxGroupId:guid taxGroupCode:C20 "
            "baseUnitOfMeasureId:guid baseUnitOfMeasureCode:C10 generalProductPostingGroupId:guid "
            "generalProductPostingGroupCode:C20 inventoryPostingGroupId:guid inventoryPostingGroupCode:C20 "
            "lastModifiedDateTime:datetime!"
        ),
    ),
    "locations": Page(
        entity="location",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! code:C10 displayName:T100 contact:T100 addressLine1:T100 addressLine2:T50 city:T30 "
            "state:T30 country:C10 postalCode:C20 phoneNumber:T30 email:T80 website:T255 "
            "lastModifiedDateTime:datetime!"
        ),
    ),
    "countriesRegions": Page(
        entity="countryRegion",
        verbs="CUD",
        parts="",
        properties=("id:guid! code:C10 displayName:T50 addressFormat:AddressFormat lastModifiedDateTime:datetime~"),
    ),
    "salespeoplePurchasers": Page(
        entity="salespersonPurchaser",
        verbs="CUD",
        parts="",
        properties=(
            "id:guid! code:C20 displayName:T50 email:T80 email2:T80 phoneNo:T30 jobTitle:T30 "
            "commisionPercent:decimal privacyBlocked:bool blocked:bool lastModifiedDateTime:datetime!"
        ),
    ),
    "vendorLedgerEntries": Page(
        entity="vendorLedgerEntry",
        verbs="-",
        parts="",
        properties=(
            "entryNumber:int! documentType:DocumentType! documentNumber:C20! externalDocumentNumber:C35! "
            "postingDate:date! documentDate:date! vendorNumber:C20! description:T100! currencyCode:C10! "
            "amount:decimal! amountLocalCurrency:decimal! debitAmount:decimal! creditAmount:decimal! "
            "open:bool! lastModifiedDateTime:datetime!"
        ),
    ),
}
