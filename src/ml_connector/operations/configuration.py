"""The configuration file: read, checked in full, and told with file, line and key where it is wrong."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ml_connector.connectors import registry
from ml_connector.connectors.base import (
    INVOICE_ROUTE,
    ErpConnector,
    LedgerConnector,
    PayablesConnector,
    SourceConnector,
)
from ml_connector.connectors.errors import Refused
from ml_connector.connectors.manifest import Manifest
from ml_connector.connectors.side import DimensionRule, MappingRules, Side
from ml_connector.engine.process import utc_now
from ml_connector.engine.schedules import DEFAULTS, FlowSchedule, flows_of
from ml_connector.operations.announcements import SIGNATURE_KEY
from ml_connector.operations.faults import ConfigurationError, Fault, Place, nearest, render
from ml_connector.operations.references import References
from ml_connector.operations.sections import (
    NAME_PATTERN,
    FlowSection,
    MappingSection,
    Section,
    alternatives,
    any_connection_model,
    connection_model,
    file_model,
)
from ml_connector.operations.yaml_text import YamlText, read_yaml
from ml_connector.records.flow import Flow

__all__ = [
    "Configuration",
    "ConfigurationError",
    "ConnectionConfiguration",
    "Fault",
    "SideConfiguration",
    "parse_configuration",
    "read_configuration",
    "schema",
]

_NAME: Final = re.compile(NAME_PATTERN)


@dataclass(frozen=True, slots=True)
class SideConfiguration:
    """One side's settings as the file gives them; what it leaves out is not in here."""

    values: Mapping[str, str]
    secrets: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionConfiguration:
    """One connection of the file."""

    name: str
    company: str
    system: str
    basware: SideConfiguration
    erp: SideConfiguration
    flows: Mapping[Flow, FlowSchedule]
    """Every flow the pair has."""
    mapping: MappingRules
    line: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a file asks for. `advice` are remarks that stop nothing."""

    file: str
    connections: tuple[ConnectionConfiguration, ...]
    advice: tuple[Fault, ...] = ()


def read_configuration(path: Path, *, environment: Mapping[str, str] | None = None) -> Configuration:
    """Reads and checks a file. Raises `ConfigurationError` with all its faults."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError([Fault(str(path), 1, "", "The file is not UTF-8 text.")]) from None
    except OSError as error:
        said = f"The file cannot be read: {error.strerror or type(error).__name__}."
        raise ConfigurationError([Fault(str(path), 1, "", said)]) from None
    return parse_configuration(text, file=str(path), folder=path.parent, environment=environment)


def parse_configuration(
    text: str, *, file: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Configuration:
    """Checks a file's text; `folder` is where relative `${file:…}` begin. Raises `ConfigurationError`."""
    references = References(os.environ if environment is None else environment, folder)
    reading = _Reading(file, read_yaml(text), references)
    configuration = reading.read()
    if reading.faults:
        raise ConfigurationError(reading.faults)
    return configuration


def schema() -> dict[str, Any]:
    """The file's JSON Schema, with a variant for each ERP."""
    described = file_model().model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **described,
        "title": "ml-connector configuration",
    }


class _Reading:
    """One file on its way from YAML to a configuration, with the faults met on it."""

    def __init__(self, file: str, source: YamlText, references: References) -> None:
        self.file = file
        self.source = source
        self.references = references
        self.faults: list[Fault] = [
            Fault(file, line, render(place), sentence) for line, place, sentence in source.faults
        ]
        self.advice: list[Fault] = []
        self.faulty = [place for _, place, _ in source.faults]

    def read(self) -> Configuration:
        if self.source.data is None and self.faults:
            return Configuration(self.file, ())
        data = self.references.resolve(self.source.data, ())
        for place, sentence in self.references.missing.items():
            self._add(place, sentence)
        checked = [self._connection(name, raw) for name, raw in self._sections(data)]
        connections = tuple(each for each in checked if each is not None)
        self._advise_on_twins(connections)
        return Configuration(self.file, connections, tuple(self.advice))

    def _sections(self, data: Any) -> Iterator[tuple[str, Any]]:
        if not isinstance(data, dict) or "connections" not in data:
            self._add((), "The file has to have a key `connections`.")
        if not isinstance(data, dict):
            return
        for key in data.keys() - {"connections"}:
            self._add((key,), f"There is no such key here. {nearest(key, ['connections'])}")
        sections = data.get("connections", {})
        if not isinstance(sections, dict):
            self._add(("connections",), "Here has to be a name for each connection, with its settings below.")
            return
        yield from sections.items()

    def _connection(self, name: str, raw: Any) -> ConnectionConfiguration | None:
        place: Place = ("connections", name)
        if _NAME.fullmatch(name) is None:
            self._add(
                place,
                "A connection's name has small letters, digits and hyphens, at most 63, not a hyphen first.",
            )
        erp = raw.get("erp") if isinstance(raw, dict) else None
        system = erp.get("system") if isinstance(erp, dict) else None
        known = system in registry.ids() and isinstance(
            registry.connector(str(system)), LedgerConnector | SourceConnector
        )
        if known and isinstance(erp, dict):
            self._check_alternatives(erp, (*place, "erp"), registry.erp(str(system)).manifest)
        model = connection_model(str(system)) if known else any_connection_model()
        try:
            section = model.model_validate(raw)
        except ValidationError as error:
            self._add_all(error, place, model)
            return None
        if any(each[:2] == place for each in self.faulty):
            return None
        return self._accept(name, str(system), section, place)

    def _check_alternatives(self, erp: dict[str, Any], place: Place, manifest: Manifest) -> None:
        for pair in alternatives(manifest.fields):
            if not any(erp.get(name) for name in pair):
                self._add(place, f"One of `{pair[0]}` and `{pair[1]}` is required.")

    def _accept(self, name: str, system: str, section: Any, place: Place) -> ConnectionConfiguration:
        connector, payables = registry.erp(system), registry.payables()
        accepted = ConnectionConfiguration(
            name=name,
            company=section.company,
            system=system,
            basware=_side(section.basware, payables.manifest),
            erp=_side(section.erp, connector.manifest),
            flows=_flows(section.flows, flows_of(connector.capabilities, payables.capabilities)),
            mapping=_mapping(section.mapping or MappingSection()),
            line=self.source.line(place),
        )
        self._check_route(accepted, connector, payables, place)
        self._check_signature(accepted, connector, place)
        self._advise_on_secrets(accepted, place)
        return accepted

    def _check_route(
        self, accepted: ConnectionConfiguration, connector: ErpConnector, payables: PayablesConnector, place: Place
    ) -> None:
        """An ERP's invoices enter the payables system by a route that it has."""
        if not isinstance(connector, SourceConnector):
            return
        defaults = {each.name: each.default for each in connector.manifest.fields}
        route = accepted.erp.values.get(INVOICE_ROUTE) or defaults.get(INVOICE_ROUTE)
        known = payables.capabilities.inbound_routes
        if route not in known:
            said = f"{payables.manifest.name} has no such way for invoices to enter by; known: {', '.join(known)}."
            self._add((*place, "erp", INVOICE_ROUTE), said)
            return
        side = _opened(accepted, payables.manifest)
        try:
            if payables.open_inbound is not None:  # nothing is called by it
                payables.open_inbound(side, str(route), utc_now, None)
        except Refused as refused:
            self._add((*place, payables.manifest.id), refused.findings[0].sentence())

    def _check_signature(self, accepted: ConnectionConfiguration, connector: ErpConnector, place: Place) -> None:
        """Where a person brings the key that an ERP signs its calls with, no call is believed without it."""
        keyed = any(each.name == SIGNATURE_KEY for each in connector.manifest.fields)
        if not keyed or SIGNATURE_KEY in accepted.erp.secrets:
            return
        for flow, schedule in accepted.flows.items():
            if schedule.webhook and flow in connector.capabilities.announces:
                said = f"Calls of {connector.manifest.name} are believed by their signature: set `{SIGNATURE_KEY}`."
                self._add((*place, "flows", str(flow), "webhook"), said)

    def _advise_on_secrets(self, accepted: ConnectionConfiguration, place: Place) -> None:
        for side, settings in (("basware", accepted.basware), ("erp", accepted.erp)):
            for each in settings.secrets:
                where = (*place, side, each)
                if where not in self.references.places:
                    self.advice.append(
                        self._at(where, "This secret stands in the file; ${env:NAME} or ${file:/path} is safer.")
                    )

    def _advise_on_twins(self, connections: Iterable[ConnectionConfiguration]) -> None:
        """Two connections that take the same invoices would each post them."""
        seen: dict[tuple[Any, ...], str] = {}
        for each in connections:
            identity = (each.company, tuple(sorted(each.basware.values.items())))
            if first := seen.get(identity):
                said = f"This is the same company of the invoice system as in {first}: both take its invoices."
                self.advice.append(self._at(("connections", each.name, "company"), said))
            seen.setdefault(identity, each.name)

    def _add_all(self, error: ValidationError, place: Place, model: type[BaseModel]) -> None:
        for each in error.errors(include_url=False):
            inner = tuple(part for part in each["loc"] if part != "[key]")
            if (*place, *inner) not in self.references.missing:
                self._add((*place, *inner), _sentence(each, model, inner))

    def _add(self, place: Place, sentence: str) -> None:
        self.faulty.append(place)
        self.faults.append(self._at(place, sentence))

    def _at(self, place: Place, sentence: str) -> Fault:
        return Fault(self.file, self.source.line(place), render(place), sentence)


# ------------------------------------------------------------------ from the models to the trade's words


def _side(section: BaseModel, manifest: Manifest) -> SideConfiguration:
    given = {name: str(value) for name, value in section.model_dump().items() if value is not None and name != "system"}
    return SideConfiguration(
        values={name: value for name, value in given.items() if name not in manifest.secret_fields},
        secrets={name: value for name, value in given.items() if name in manifest.secret_fields},
    )


def _opened(connection: ConnectionConfiguration, payables: Manifest) -> Side:
    """The payables' side as it will be opened."""
    defaults = {each.name: each.default for each in payables.fields if each.default is not None}
    values, secrets = connection.basware.values, connection.basware.secrets
    return Side(connection.name, connection.company, {**defaults, **values}, secrets, connection.mapping)


def _flows(section: BaseModel | None, flows: Iterable[Flow]) -> dict[Flow, FlowSchedule]:
    return {
        flow: _schedule(getattr(section, flow.name.lower(), None), DEFAULTS.get(flow, FlowSchedule(every=3600)))
        for flow in flows
    }


def _schedule(section: FlowSection | None, default: FlowSchedule) -> FlowSchedule:
    if section is None:
        return default
    webhook = getattr(section, "webhook", None)
    return FlowSchedule(
        enabled=section.enabled,
        every=None if section.cron else section.every or default.every,
        cron=section.cron,
        timezone=section.timezone or default.timezone if section.cron else default.timezone,
        webhook=default.webhook if webhook is None else webhook,
    )


def _mapping(section: MappingSection) -> MappingRules:
    return MappingRules(
        dimensions=tuple(
            DimensionRule(basware=rule.basware, erp=rule.erp, list=rule.list) for rule in section.dimensions
        ),
        tax_codes=section.tax_codes,
        tax_ids=getattr(section, "tax_ids", {}),
        credit_note_types=frozenset(section.credit_note_types),
        tolerance=section.tolerance,
        posting_date=section.posting_date,
        line_description=section.line_description,
    )


# ------------------------------------------------------------------ sentences

_SENTENCES: Final = {
    "missing": "This is required.",
    "bool_type": "This has to be true or false.",
    "list_type": "This has to be a list.",
    "dict_type": "Here have to be keys with values.",
    "model_type": "Here have to be keys with values.",
    "model_attributes_type": "Here have to be keys with values.",
    "string_too_short": "This is empty.",
    "string_pattern_mismatch": "This is not written as it has to be.",
}


def _sentence(error: ErrorDetails, model: type[BaseModel], place: Place) -> str:
    """What is wrong, in our words: pydantic's may quote the value."""
    kind = error["type"]
    context = error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"There is no such key here. {nearest(str(place[-1]), _keys(model, place[:-1]))}"
    if kind == "literal_error":
        words = str(context.get("expected", "")).replace("'", "")
        return f"This has to be one of: {words}."
    if kind == "string_type":
        return "This is required." if error["input"] is None else "This has to be text: put it in quotes."
    if kind == "value_error":
        return str(context.get("error", "This value is not possible."))
    if place and "[key]" in error["loc"] and kind == "string_pattern_mismatch":
        return "A currency is named by its three capital letters, as in EUR."
    return _SENTENCES.get(kind, "This value is not possible.")


def _keys(model: type[BaseModel], place: Place) -> list[str]:
    """The keys a section has, following the models down to it."""
    for part in place:
        inner = None if isinstance(part, int) else _field_type(model, part)
        model = inner or model
    return [info.alias or name for name, info in model.model_fields.items()]


def _field_type(model: type[BaseModel], key: str) -> type[Section] | None:
    for name, info in model.model_fields.items():
        if key == (info.alias or name):
            return next(_sections_in(info.annotation), None)
    return None


def _sections_in(annotation: Any) -> Iterator[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for each in get_args(annotation):
        yield from _sections_in(each)
