"""What the settings of a connection say about reading and posting, the sign-in apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from ml_connector.connectors.epicor_kinetic.address import text_of
from ml_connector.connectors.epicor_kinetic.errors import wrong_settings
from ml_connector.connectors.epicor_kinetic.manifest import (
    DEFAULT_AGENT,
    DEFAULT_VAT_NUMBER_FIELD,
    GROUP_FOR_EACH_INVOICE,
    GROUP_FOR_EACH_RUN,
    VAT_NUMBER_FIELDS,
)
from ml_connector.connectors.side import Side


@dataclass(frozen=True, slots=True)
class Options:
    """The settings, checked."""

    chart: str = ""
    """Code of the chart of accounts, empty for the company's only one."""
    group_for_each_invoice: bool = True
    posting_agent: str = DEFAULT_AGENT
    payment_terms: str = ""
    """Code of the terms for bills of suppliers that have none, empty where none are set."""
    vat_number_field: str = DEFAULT_VAT_NUMBER_FIELD
    dimensions: tuple[str, ...] = ()
    """The dimensions of the mapping rules, as the settings spell them: a segment's number or its name."""
    tolerance: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])

    @classmethod
    def of(cls, side: Side) -> Options:
        """From the settings of a connection. Raises Refused (address wrong) where they cannot be right."""
        groups = text_of(side.values, "invoice_groups") or GROUP_FOR_EACH_INVOICE
        if groups not in (GROUP_FOR_EACH_INVOICE, GROUP_FOR_EACH_RUN):
            raise wrong_settings(
                f"invoice_groups is {groups!r}: set {GROUP_FOR_EACH_INVOICE} or {GROUP_FOR_EACH_RUN}, or leave it out"
            )
        vat_field = text_of(side.values, "vat_number_field") or DEFAULT_VAT_NUMBER_FIELD
        if vat_field not in VAT_NUMBER_FIELDS:
            raise wrong_settings(f"vat_number_field is {vat_field!r}: set one of {', '.join(VAT_NUMBER_FIELDS)}")
        return cls(
            chart=text_of(side.values, "chart"),
            group_for_each_invoice=groups == GROUP_FOR_EACH_INVOICE,
            posting_agent=text_of(side.values, "posting_agent") or DEFAULT_AGENT,
            payment_terms=text_of(side.values, "payment_terms"),
            vat_number_field=vat_field,
            dimensions=tuple(rule.erp for rule in side.mapping.dimensions),
            tolerance=side.mapping.tolerance,
        )
