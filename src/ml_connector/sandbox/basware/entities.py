"""The fields of every entity the simulated Basware reads or writes, as its API description gives them.

One entity after another; under each, `type: fields`. `!` marks required fields, everything else may be null.
Types: `s1-36` text of 1 to 36 characters, `num`, `int` and their limits `0..100`, `bool`, `date` (date-time),
`enum:name` (see ENUMS), `{Entity}` an object, `[type]` a list. `text1..5` is text1 to text5.
"""

from __future__ import annotations

ENTITIES = """
VendorEntity
  !s1-36: externalCode
  !s1-25: vendorCode
  s: vendorParent
  s0-36: buvid sourceSystem
  !s1-250: name
  s0-250: description
  date: lastUpdated
  s0-128: supplierAssignedAccountId
  bool: eligibleForSourcing
  s0-100: vendorClass
  [{VendorIdentifierEntity}]: identifiers
  [{VendorAddressEntity}]: addresses
  [{VendorContactEntity}]: contacts
  {VendorDeliveryTermEntity}: deliveryTerm
  [{VendorPaymentMeanEntity}]: paymentMeans
  {VendorPaymentTermEntity}: paymentTerms
  {VendorOrderingDetailsEntity}: orderingDetails
  {VendorProcessingStatusEntity}: processingStatus
  [{VendorTagEntity}]: tags
  [{VendorAdditionalFieldEntity}]: customFields
  ![{VendorCompanyEntity}]: companies
AccountEntity
  !s1-25: accountCode
  ![{LanguageTranslationEntity}]: accountNames
  s0-25: taxCode
  s0-250: text1..5
  ![{AccountCompanyEntity}]: companies
  !s1-36: externalCode
  date: lastUpdated
CostCenterEntity
  !s1-25: costCenterCode
  ![{LanguageTranslationEntity}]: costCenterNames
  s0-250: text1..10
  date: date1..5 lastUpdated
  int: int1..5
  ![{CostCenterCompanyEntity}]: companies
  !s1-36: externalCode
TaxCodeEntity
  !s1-25: taxCode
  ![{LanguageTranslationEntity}]: taxCodeNames
  s0-25: taxGroup
  !num -1000000000..1000000000: taxPercentage
  num -1000000000..1000000000: taxPercentage2
  [{TaxCodeAdditionalData}]: additionalData
  ![{TaxCodeCompanyEntity}]: companies
  !s1-36: externalCode
  date: lastUpdated
PaymentTermEntity
  !s1-25: paymentTermCode
  ![{LanguageTranslationEntity}]: paymentTermNames
  int 0..2147483647: sortOrder dueDateDays dueDateDays2 dueDateEom cashDueDateDays cashDueDateDays2
      cashDueDateEom
  s ~[012]: moveDueDatesTo
  int 0..1: dueDateCalc
  int 0..2: cashDueDateCalc
  num 0..1000000000: cashDiscount
  !date: validFrom validTo
  ![{PaymentTermCompanyEntity}]: companies
  [{PaymentTermDiscountRule}]: paymentTermDiscountRules
  !s1-36: externalCode
  date: lastUpdated
ExchangeRateEntity
  !num 0..1000000000: rate
  !s2-3: currencyCodeTo currencyCodeFrom
  !date: validFrom
  ![{ExchangeRateCompanyEntity}]: companies
  !s1-36: externalCode
  date: lastUpdated
GenericListEntity
  !s1-36: externalCode
  s: text_1..25
  num: number_1..15
  date: dateValue_1..15 lastUpdated
  [{GenericListCompanyEntity}]: companies
  enum:listContent: listContent
ProjectEntityV2
  !s1-25: projectCode
  !s1-100: projectName
  s0-500: description
  !date: validFrom validUntil
  ![{ProjectCompanyEntity}]: companies
  !s1-36: externalCode
  date: lastUpdated
OrderEntity
  !s1-36: externalCode sourceSystem
  !s1-100: orderNumber
  !s1-25: companyCode supplierCode
  s0-250: companyName organizationElementName purchaseOrganizationName supplierName
      invoicingSupplierName paymentTermName text1..10
  !s2-25: organizationElementCode
  s0-25: orderTypeCode purchaseOrganizationCode invoicingSupplierCode paymentTermCode
  !s2-3: currencyCode
  date: created requestedDeliveryDate actualDeliveryDate validFrom validTo date1..5 lastUpdated
  bool: isClosed isInvoiced isDelivered
  s0-1000: description
  num: numeric1..5
  s0-100: orderReference
OrderLineEntity
  !s1-36: externalCode orderExternalCode
  !s1-100: lineNumber
  int: sortNumber
  !num: quantity
  num: netSum grossSum netPrice grossPrice taxPercent2 taxSum taxSum2 invoicedQuantity
      invoicedNetSum invoicedGrossSum numeric1..5
  s2-3: currencyCode
  !enum:matchingMode: matchingMode
  bool: isReceiptRequired isReceiptBasedMatching isOverreceivalAllowed isClosed isDeleted
      isSelfApproved
  s0-25: uom priceUnit taxCode unspsc
  s0-250: subUOM priceUnitDescription productCode productName materialGroup globalTradeItemNumber
      buyerProductCode text1..10
  num 0..1000000000: taxPercent
  date: validFrom validTo requestedDeliveryDate actualDeliveryDate date1..5 lastUpdated
  s0-255: contractNumber
  s0-1000: description comment
  [{OrderLineCodingEntity}]: orderLineCoding
  [{GoodsReceiptEntity}]: goodsReceipts
  [{OrderLineUserEntity}]: referenceUsers
TransferResponseEntity
  !s1-36: externalCode
  !bool: success paymentBlock
  !s1-250: responseMessage
  s0-32: sourceSystem
  s0-25: voucherNumber1..2
  date: transferDate
PrebookResponseEntity
  !s1-36: externalCode
  !bool: success paymentBlock
  !s1-250: responseMessage
  s0-32: sourceSystem
  s0-25: voucherNumber1..2
  date: prebookDate
PaymentResponseEntity
  !s1-36: externalCode
  !bool: success paymentBlock
  s0-250: responseMessage paymentNumber paymentDocument paymentReversalDocument
  s0-32: sourceSystem
  date: paymentDate
  s0-25: paymentTermCode paymentMethod checkNumber
  num: paidTotal cashDiscount
  s0-100: paymentMessage
EnrichmentResponseEntity
  !s1-36: externalCode
  !bool: success
  !s1-250: responseMessage
  s0-32: sourceSystem
  date: transferDate
DeleteRequest
  date: lastUpdated
  s0-36: externalCode
AccountingDocumentEntity
  !s1-36: invoiceId
  s0-36: bumid parentInvoiceBumId supplierSourceSystemId
  enum:p2pProcessingMode: p2pProcessingMode
  s0-100: invoiceNumber paymentTermExternalCode clearingReferenceId paymentMessage text11..30
  s0-25: voucherNumber1..2 organizationCode taxCode invoiceTypeCode paymentMethod paymentTermCode
      clearingCountry
  date: voucherDate invoiceDate baseLineDate dueDate cashDate codingDate clearingDate date1..10
      lastUpdated exchangeRateBaseDate
  !enum:processingStatus: processingStatus
  int: originService
  !s1-32: companyCode
  s2-250: companyName
  s0-250: organizationName supplierName contractNumber description invoiceTypeName paymentTermName
      paymentRevelsalDocument supplierBankBIC supplierBankName removalReasonComment text1..10
      text31..60 invoiceImageURL invoiceImageToken
  !s0-25: supplierCode
  !s2-3: currencyCode
  num: netSum grossSum taxPercent2 taxSum1..2 cashSum numeric1..30 cashSumCompany
      cashSumOrganization exchangeRateCompany exchangeRateOrganization taxSum1Company
      taxSum1Organization taxSum2Company taxSum2Organization grossSumCompany grossSumOrganization
      netSumCompany netSumOrganization
  num -1000000000..1000000000: taxPercent1
  num 0..100: cashPercent
  s0-255: referencePerson paymentPlanReference
  !bool: paymentBlock
  bool: prebooked removedBeforeTransfer
  s0-50: referenceNumber supplierBankIBAN supplierBankBBAN accountingPeriod accountingGroup
  enum:removalReason: removalReason
  {DisputeInfo}: disputeInfo
  [s]: orderNumbers
  [{StandardCodingEntity}]: codingRows
  [{InvoiceLine}]: invoiceLines
  [{Attachment}]: attachments
  [{TransferParameterEntity}]: transferParameters
  [{EnrichmentResponseEntity}]: enrichmentResponses
  [{PrebookResponseEntity}]: prebookResponses
  [{TransferResponseEntity}]: transferResponses
  [{PaymentResponseEntity}]: paymentResponses
  s0-3: currencyCodeCompany
  s2-3: currencyCodeOrganization
  s1-25: organizationElementCode
  s1-250: organizationElementName
VendorIdentifierEntity
  !s1-36: id
  !s1-32: schemeId
  bool: defaultPartyId
VendorAddressEntity
  !s1-36: externalCode
  !s1-200: name
  s0-200: description addressLine1..3
  enum:addressType: addressType
  s0-50: cityName postalZone poBox streetName locality countrySubEntity countrySubEntityDescription
  s2-2: countryId
  bool: default
  [{VendorAddressPartEntity}]: additionalAddressFields
VendorContactEntity
  !s1-200: name
  s0-200: description email website
  s0-50: telephone telefax
  enum:role: role
VendorDeliveryTermEntity
  !s1-25: deliveryTermCode
  s0-100: deliveryLocation
  s0-200: description
VendorPaymentMeanEntity
  !s1-25: paymentMeansCode
  s0-200: description
  s3-3: currencyCode
  [{VendorfinancialAccountsEntity}]: financialAccounts
  bool: default
VendorPaymentTermEntity
  !s1-25: paymentTermCode
  s0-200: description
VendorOrderingDetailsEntity
  enum:orderingFormat: orderingFormat
  s0-10: orderingMessageLanguage
  s0-25: orderingLanguage
  s3-320 ~email: orderEmail
  s0-50: orderProcessType
  num: minimumOrderAllowed
  bool: isTaxable automaticallyReceiveOnInvoice automaticallyReceiveOnOrder hasActiveCatalog
      createOrderAutomatically deliverOrderAutomatically noFreeformItems sendToNetwork
VendorProcessingStatusEntity
  bool: active paymentDenied
VendorTagEntity
  !s1-50: name
  !s1-250: value
  s0-50: tagGroup
VendorAdditionalFieldEntity
  !s1-25: name
  !s1-250: value
  s0-500: groupName
VendorCompanyEntity
  !s1-32: companyCode
  bool: inheritToChildUnits
LanguageTranslationEntity
  !s2-2000: translation
  !s2-10: language
AccountCompanyEntity
  !s1-32: companyCode
  !bool: inherit active
CostCenterCompanyEntity
  !s1-32: companyCode
  !bool: active
TaxCodeAdditionalData
  s0-32: externalCode
  s0-25: account statistical transactionType country condition
  num: taxPercent
  bool: active
TaxCodeCompanyEntity
  !s1-32: companyCode
  !bool: inherit active
PaymentTermCompanyEntity
  !s1-32: companyCode
  !bool: inherit active
PaymentTermDiscountRule
  !s1-36: externalCode
  int 0..2147483647: discountDays
  num 0..1000000000: discountPercent
  !bool: active
ExchangeRateCompanyEntity
  !s1-32: companyCode
  !bool: active
GenericListCompanyEntity
  !s1-32: companyCode
  !bool: active
ProjectCompanyEntity
  !s1-32: companyCode
  !bool: active
OrderLineCodingEntity
  !s1-36: externalCode
  !int 0..100000: rowIndex
  num: netTotal grossTotal conversionNumerator conversionDenominator conversionDeNumerator taxSum
      taxSum2 num1..5
  s0-50: accountCode fixedAssetSubCode fixedAssetSubName internalOrderCode internalOrderName
      profitCenterCode profitCenterName businessUnitCode businessUnitName projectSubCode
      projectSubName employeeCode employeeName vehicleNumber vehicleName salesOrderCode
      salesOrderName salesOrderSubCode salesOrderSubName customerCode customerName
      accAssignmentCategoryCode accAssignmentCategoryName budgetCode budgetName serviceCode
      serviceName businessAreaCode businessAreaName taxJurisdictionCode subUOM workOrderCode
      workOrderName workOrderSubCode workOrderSubName commitmentItem controllingArea functionalArea
  s0-250: accountName costCenterName projectName partnerProfitCenter fixedAssetCode fixedAssetName
      text1..5 network networkActivity
  s0-200: costCenterCode
  s0-25: projectCode taxCode
  num -1000000000..1000000000: taxPercent taxPercent2
  s0-100: materialGroup dimCode1..10 dimName1..10
  !num: allocatedQuantity
  date: date1..5
GoodsReceiptEntity
  !s1-36: externalCode
  !s1-100: goodsReceiptNumber
  s0-25: goodsReceiptLineNumber unitOfMeasure
  s0-36: referenceGRExternalCode
  s0-250: deliveryNoteNumber bestFitGrouping subUnitOfMeasure goodsReceiptNote productSerialNumber
      text1..10
  !num: quantity
  num: netSum grossSum netPrice grossPrice invoicedQuantity invoicedNetSum invoicedGrossSum
      numeric1..5
  bool: isDeleted notifyFault
  int: goodsReceiptType receiveMethod
  s0-100: voucherNumber serviceEntrySheetDocId
  date: fiscalYear deliveryDate date1..5
  s0-255: comment
  [{OrderLineCodingEntity}]: receiptCoding
OrderLineUserEntity
  s0-36: userExternalCode
  s0-250: userEmail
  enum:userRole: userRole
  date: lastUpdated
DisputeInfo
  bool: isDisputed
  s: disputeReason
  date: disputeDate
StandardCodingEntity
  !s1-36: externalCode
  int 0..100000: rowIndex
  s0-50: accountCode rowOrigin
  s0-250: accountName costCenterName deliveryNoteNumber organizationElementName
      organizationElementCode internalOrderCode internalOrderName plant profitCenterCode
      profitCenterName businessUnitCode businessUnitName projectCode projectName projectSubCode
      projectSubName employeeCode employeeName vehicleNumber vehicleName salesOrderCode
      salesOrderName salesOrderSubCode salesOrderSubName customerCode customerName conditionType
      accAssignmentCategoryCode accAssignmentCategoryName budgetCode budgetName serviceCode
      serviceName businessAreaCode businessAreaName productCode productName buyerName
      orderLineDescription orderLinePriceUnit orderLinePriceUnitDescription partnerProfitCenter
      fixedAssetCode fixedAssetName goodsReceiptItemNumber goodsReceiptNumber materialGroup
      fiscalYear fixedAssetSubCode fixedAssetSubName orderLineUOM subUOM workOrderCode workOrderName
      workOrderSubCode workOrderSubName commitmentItem controllingArea functionalArea network
      networkActivity orderCodingRowNumber ownerName taxCode taxJurisdictionCode dimCode1..10
      dimName1..10 text1..5 text84..85
  s0-200: costCenterCode
  s0-1000: lastComment orderNumber
  int: matchingType plannedAdditionalCostType
  num: grossTotal grossTotalCompany grossTotalOrganization netTotal netTotalCompany
      netTotalOrganization orderLineNetTotal orderLineGrossTotal receivedQuantity receivedNetPrice
      receivedGrossPrice receivedNetTotal receivedGrossTotal conversionNumerator
      conversionDeNumerator conversionDenominator orderedQuantity orderNetTotal orderGrossTotal
      orderedNetPrice orderedGrossPrice allocatedQuantity matchedQuantity matchedNetSum
      matchedGrossSum taxSum taxSumCompany taxSumOrganization taxSum2 taxSum2Company
      taxSum2Organization num1..5
  s: freightSlip orderItemNumber
  s0-2000: orderLineNumber
  s0-255: contractNumber
  s0-100: closeOrder
  num -1000000000..1000000000: taxPercent taxPercent2
  date: date1..5
InvoiceLine
  s: externalCode productCode productName orderNumber quantityUnit
  int: rowIndex infoItem lineType
  num: quantity netPrice taxPercent taxSum grossPrice discountAmount discountPercent grossSum
      itemTotalSum netSum taxPercent2 taxSum2 numeric1..10
  bool: additionalCost
  s0-200: additionalCostRecognition
  s0-250: deliveryNoteNumber taxCode text1..10
  s0-50: orderRowNumber
  date: date1..5
Attachment
  s: externalCode category filename
  bool: isConfidential
  date: creationTime
TransferParameterEntity
  !s1-250: key value
VendorAddressPartEntity
  enum:addressPart: key
  s0-200: value
VendorfinancialAccountsEntity
  {FinancialInstitutionEntity}: financialInstitution
  [{FinancialAccountIdentifierEntity}]: financialAccountIdentifiers
FinancialInstitutionEntity
  !s0-250: name
  !s1-20: id
  !s1-36: schemeId
  s0-50: branchId
  s0-36: branchIdSchemeId
  s2-2: countryId
FinancialAccountIdentifierEntity
  !s1-36: schemeId
  s0-200: description accountHolderName accountAdditionalData1..2
  s0-50: id linkedBbanOrIban
  s3-3: currencyCode
  bool: default
"""

ENUMS: dict[str, frozenset[str]] = {
    name: frozenset(values.split())
    for name, values in {
        "listContent": (
            "Plant ProfitCenter BusinessUnit Project ProjectSub Employee Vehicle Customer "
            "AccAssignmentCategory Budget Service BusinessArea PartnerProfitCenter FixedAsset "
            "FixedAssetSubCode WorkOrderCode WorkOrderSubCode CommitmentItem ControllingArea "
            "FunctionalArea Network NetworkActivity Tax TaxJurisdiction Dimension1 Dimension2 "
            "Dimension3 Dimension4 Dimension5 Dimension6 Dimension7 Dimension8 Dimension9 Dimension10 "
            "InternalOrder SalesOrder SalesOrderSub"
        ),
        "matchingMode": ("Standard Blanket Return Service"),
        "p2pProcessingMode": ("Standard InvoiceEnrichment"),
        "processingStatus": (
            "WaitingForPrebook PrebookInProgress Prebooked PrebookFailed WaitingForTransfer "
            "TransferInProgress Transferred TransferFailed WaitingForPrebookCancelation "
            "PrebookCancelationInProgress PrebookCanceled PrebookCancelFailed WaitingToBeRemoved "
            "Removed RemoveFailed WaitingToBeReturned Returned ReturnFailed WaitingToBeCompleted "
            "CompletionInProgress Completed CompletionFailed Paid New WaitingForEnrichmentTransfer "
            "EnrichmentTransferInProgress EnrichmentTransferred EnrichmentTransferFailed "
            "InDocumentFilter DocumentFilterReleased"
        ),
        "removalReason": (
            "NotDefined Duplicate MissingData MissingPO Statement NonInvoice ProcessingTimeExpired "
            "InvoiceMatched ZeroValue Confidential Reprocessed IncorrectVAT ErrorInBankDetails "
            "CreditorUnknown IncorrectRecipient IncorrectValidator InvoiceNotCompliantWithOrder "
            "SupportingDocumentationMissing NotCompliantWithDelivery ContractEnded "
            "IncorrectInvoiceAmount SupplierUnknown InvoiceProcessedElsewhere "
            "PaymentNotReceivedOrCanceled ReasonOtherThanIncorrectValidator OtherContactYourBuyer "
            "Other"
        ),
        "addressType": (
            "AdditionalAddress VisitingAddress RemittanceAddress DeliveryAddress PostalAddress RegistrationAddress"
        ),
        "role": ("AdditionalContact PrimaryContact SecondaryContact"),
        "orderingFormat": ("UBL EHFXML21 email other none BaswareNetwork"),
        "userRole": ("Buyer Owner ReferencePerson Other"),
        "addressPart": (
            "AdditionalField1 AdditionalField2 AdditionalStreetName BlockName BuildingName "
            "BuildingNumber CitySubDivisionName Country Department District Email Floor "
            "GlobalLocationNumber InhouseEmail MarkAttention MarkCare Region Room "
            "CoordinateSystemCode PlotIdentification LatitudeDegreesMeasure LatitudeDirectionCode "
            "LatitudeMinutesMeasure LongitudeDegreesMeasure LongitudeDirectionCode "
            "LongitudeMinutesMeasure"
        ),
    }.items()
}

PATTERNS = {
    # Basware's own pattern allows lower-case letters only.
    "email": (
        r"^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
        r"@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$"
    ),
    "[012]": "^[012]$",
}
