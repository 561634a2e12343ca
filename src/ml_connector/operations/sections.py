"""The file's sections as pydantic models; those of the two sides are made from the connectors' manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    WithJsonSchema,
    create_model,
    field_validator,
    model_validator,
)

from ml_connector.connectors import registry
from ml_connector.connectors.base import ErpConnector
from ml_connector.connectors.manifest import FormField, Manifest
from ml_connector.connectors.side import MappingRules
from ml_connector.engine import schedules
from ml_connector.operations.faults import nearest
from ml_connector.records.flow import Flow

REFERENCE_SCHEMA: Final = {"type": "string", "pattern": r"\$\{(env|file):[^{}]+\}"}
NAME_PATTERN: Final = "^[a-z0-9][a-z0-9-]{0,62}$"
_FIELD_NAME: Final = "^[A-Za-z][A-Za-z0-9_]*$"
_BLANK: Final = MappingRules()
_ADDRESSES: Final = (
    FormField("base_url", "Address", "Overrides the public address.", required=False),
    FormField("token_url", "Token address", "Overrides the public address of the sign-in.", required=False),
)
"""Settings that every system has."""


def _amount(value: object) -> Decimal:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise ValueError('An amount has to be exact: write it in quotes, as in "0.02".')  # noqa: TRY004
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text) is None:
        raise ValueError('An amount is a number that is not negative, with a point: "0.02".')
    return Decimal(text)


def _count(value: object) -> str:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or re.fullmatch(r"[0-9]{1,9}", text) is None:
        raise ValueError("This has to be a whole number.")
    return text


def _duration(value: object) -> int:
    return schedules.seconds(value if isinstance(value, str) else "")


def _address(value: str) -> str:
    try:
        parts = urlsplit(value)
        right = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        right = False
        parts = urlsplit("")
    if not right or any(each.isspace() for each in value):
        raise ValueError("An address begins with https:// (or http://) and a host's name.")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("An address has no user name, no `?` and no `#`.")
    return value


def _day(value: str) -> str:
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("A date is written as 2026-01-31.") from None


Text = Annotated[str, StringConstraints(strict=True, min_length=1)]
FieldName = Annotated[str, StringConstraints(strict=True, pattern=_FIELD_NAME)]
Currency = Annotated[str, StringConstraints(strict=True, pattern="^[A-Z]{3}$")]
Address = Annotated[Text, AfterValidator(_address)]
Day = Annotated[Text, AfterValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Amount = Annotated[Decimal, BeforeValidator(_amount), WithJsonSchema({"type": ["string", "integer"], "minimum": 0})]
Count = Annotated[str, BeforeValidator(_count), WithJsonSchema({"type": ["string", "integer"], "minimum": 0})]
Duration = Annotated[
    int, BeforeValidator(_duration), WithJsonSchema({"type": "string", "pattern": f"^{schedules.DURATION}$"})
]
CronLine = Annotated[Text, AfterValidator(schedules.check_cron)]
TimeZone = Annotated[Text, AfterValidator(schedules.check_timezone)]


class Section(BaseModel):
    """Strict: nothing is converted, nothing unknown is passed over."""

    model_config = ConfigDict(strict=True, extra="forbid", protected_namespaces=(), hide_input_in_errors=True)


class FlowSection(Section):
    """When a flow runs. What is left out is the flow's default."""

    enabled: bool = True
    every: Duration | None = Field(None, description="The time between two runs: 30s, 5m, 2h, 1d.")
    cron: CronLine | None = Field(None, description="A cron line of five fields, instead of `every`.")
    timezone: TimeZone | None = Field(None, description="The time zone of the cron line; UTC if left out.")

    @model_validator(mode="after")
    def _one_rhythm(self) -> FlowSection:
        if self.every is not None and self.cron is not None:
            raise ValueError("Give either `every` or `cron`, not both.")
        return self


class InvoicesSection(FlowSection):
    """When invoices, or what became of them, are looked for."""

    webhook: bool | None = Field(None, description="Whether notifications start the flow too; true if left out.")


class AnnouncedSection(FlowSection):
    """When a flow runs whose changes the ERP announces."""

    webhook: bool | None = Field(
        None, description="Whether the ERP's notifications of changes start the flow too; false if left out."
    )


class DimensionSection(Section):
    """Which coding field carries which dimension of the ERP."""

    basware: FieldName = Field(description="The field of the coding row.")
    list: Text | None = Field(None, description="The list that the dimension's values are imported into.")
    erp: Text = Field(description="The ERP's own name of the dimension.")


class MappingSection(Section):
    """How documents are put into the ERP's words."""

    dimensions: list[DimensionSection] = Field(default_factory=list[DimensionSection])
    tax_codes: dict[Text, Text] = Field(
        default_factory=dict, description="The invoice system's tax code to the ERP's; others pass unchanged."
    )
    credit_note_types: list[Text] = Field(default_factory=lambda: sorted(_BLANK.credit_note_types))
    tolerance: dict[Currency, Amount] = Field(
        default_factory=dict, description="By currency: how far the ERP's total may be from the invoice's."
    )
    posting_date: Literal["voucherDate", "invoiceDate", "transferDate"] = "voucherDate"
    line_description: FieldName = _BLANK.line_description

    @field_validator("dimensions")
    @classmethod
    def _each_once(cls, rules: list[DimensionSection]) -> list[DimensionSection]:
        for name in ("basware", "erp"):
            names = [getattr(rule, name) for rule in rules]
            if len(set(names)) < len(names):
                raise ValueError(f"Two rules name the same `{name}`.")
        return rules


class TaxNamingSection(MappingSection):
    """The mapping for an ERP that takes the amounts of taxes."""

    tax_ids: dict[Text, Text] = Field(
        default_factory=dict,
        description="The ERP's tax code of a line to the id of the tax: its amount is then written as the invoice has "
        "it, instead of being left to the ERP.",
    )


@cache
def connection_model(system: str) -> type[Section]:
    """The model of a connection to that ERP. Raises `UnknownSystem`."""
    connector, payables = registry.erp(system), registry.payables()
    title = "".join(word.capitalize() for word in system.split("-"))
    polled = _polled_section(title, connector)
    system_key: dict[str, tuple[Any, Any]] = {
        "system": (Literal[system], Field(title="System", description=connector.manifest.name))
    }
    return _connection(
        title,
        erp=side_model(f"{title}Erp", with_addresses(connector.manifest), system_key),
        flows={
            flow: AnnouncedSection if flow in connector.capabilities.announces else polled
            for flow in schedules.flows_of(connector.capabilities, payables.capabilities)
        },
        mapping=_mapping_section(title, connector),
    )


@cache
def any_connection_model() -> type[Section]:
    """The model of a connection whose ERP is not known: all else is still checked."""

    def known(system: str) -> str:
        raise ValueError(f"There is no such system. {nearest(system, registry.erp_ids())}")

    erp = create_model("AnyErp", __config__=ConfigDict(extra="allow"), system=Annotated[Text, AfterValidator(known)])
    return _connection("Any", erp=erp, flows=dict.fromkeys(Flow, AnnouncedSection))


def file_model() -> type[BaseModel]:
    """The model of the whole file, for its JSON Schema."""
    models = [connection_model(each) for each in registry.erp_ids()]
    connection = RootModel[_union(models)]
    names = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
    connections = dict[names, connection]
    return create_model("ConfigurationFile", __base__=Section, connections=(connections, ...))


def with_addresses(manifest: Manifest) -> tuple[FormField, ...]:
    """An ERP's settings, with those that every ERP has."""
    named = {each.name for each in manifest.fields}
    return manifest.fields + tuple(each for each in _ADDRESSES if each.name not in named)


def side_model(
    title: str, fields: Iterable[FormField], more: dict[str, tuple[Any, Any]] | None = None
) -> type[Section]:
    """The model of one side's settings, from its form."""
    members: dict[str, Any] = (more or {}) | {each.name: _member(each) for each in fields}
    return create_model(title, __base__=Section, **members)


def alternatives(fields: Iterable[FormField]) -> list[tuple[str, str]]:
    """Two optional settings `x_id` and `x_name` name one thing: one of them is needed."""
    names = {each.name for each in fields if not each.required}
    stems = sorted(name.removesuffix("_id") for name in names if name.endswith("_id"))
    return [(f"{stem}_id", f"{stem}_name") for stem in stems if f"{stem}_name" in names]


def _connection(
    title: str,
    *,
    erp: type[BaseModel],
    flows: Mapping[Flow, type[FlowSection]],
    mapping: type[MappingSection] = MappingSection,
) -> type[Section]:
    members: dict[str, Any] = {
        "company": (Text, Field(description="The company's code in the invoice system, in quotes.")),
        "basware": (_payables_model(), ...),
        "erp": (erp, ...),
        "flows": (_flows_model(f"{title}Flows", flows) | None, None),
        "mapping": (mapping | None, None),
    }
    return create_model(f"{title}Connection", __base__=Section, **members)


@cache
def _payables_model() -> type[Section]:
    return side_model("Payables", registry.payables().manifest.fields)


def _flows_model(title: str, flows: Mapping[Flow, type[FlowSection]]) -> type[Section]:
    members: dict[str, Any] = {
        flow.name.lower(): (
            (InvoicesSection if flow in schedules.BY_PAYABLES else section) | None,
            Field(None, alias=flow.value),
        )
        for flow, section in flows.items()
    }
    return create_model(title, __base__=Section, **members)


def _polled_section(title: str, connector: ErpConnector) -> type[FlowSection]:
    """The section of a flow whose changes that ERP does not announce: it can only be told not to wait for them."""
    able = ", ".join(flow for flow in Flow if flow in connector.capabilities.announces)

    def refuse(webhook: bool | None) -> bool | None:
        if webhook:
            raise ValueError(
                f"{connector.manifest.name} does not announce changes of these: the flow runs by its schedule. "
                + (f"`webhook` is for invoices, {able}." if able else "`webhook` is for invoices.")
            )
        return webhook

    schema = WithJsonSchema({"enum": [False, None]})
    webhook = Annotated[bool | None, AfterValidator(refuse), schema]
    return create_model(f"{title}PolledFlow", __base__=FlowSection, webhook=(webhook, None))


def _mapping_section(title: str, connector: ErpConnector) -> type[MappingSection]:
    """The section of the mapping; where the ERP fixes what dimensions are called, no other name will do."""
    names = connector.capabilities.dimension_names
    base = TaxNamingSection if getattr(connector.capabilities, "takes_tax_amounts", False) else MappingSection
    if not names:
        return base

    def known(name: str) -> str:
        if name.upper() not in {each.upper() for each in names}:
            raise ValueError(f"{connector.manifest.name} has no such dimension; there are {', '.join(names)}.")
        return name

    told = Field(description="The ERP's own name of the dimension.", examples=list(names))
    erp = Annotated[Text, AfterValidator(known)]
    rule = create_model(f"{title}Dimension", __base__=DimensionSection, erp=(erp, told))
    rules: Any = (list.__class_getitem__(rule), Field(default_factory=list[DimensionSection]))
    return create_model(f"{title}Mapping", __base__=base, dimensions=rules)


def _member(form: FormField) -> tuple[Any, Any]:
    info: Any = Field(
        ... if form.required else None,
        title=form.title,
        description=form.help,
        examples=[form.example] if form.example and not form.secret else None,
        json_schema_extra={"writeOnly": True} if form.secret else None,
    )
    return (_type(form) if form.required else _type(form) | None, info)


def _type(form: FormField) -> Any:
    if form.choices:
        schema = {"anyOf": [{"enum": list(form.choices)}, REFERENCE_SCHEMA]}
        return Annotated[Literal[form.choices], WithJsonSchema(schema)]
    if form.name.endswith("_url"):
        return Address
    if form.name.endswith("_date"):
        return Day
    return Count if (form.default or form.example).isdigit() and not form.secret else Text


def _union(models: list[type[Section]]) -> Any:
    joined: Any = models[0]
    for model in models[1:]:
        joined |= model
    return joined
