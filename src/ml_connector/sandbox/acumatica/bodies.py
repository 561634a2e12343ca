"""Bodies of PUT and of actions, read by the contract (Acumatica dossier 3.1, 5).

What the contract does not have is ignored without a word; a value that is not wrapped is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from ml_connector.sandbox.acumatica.errors import Refusal, bad_request, failed
from ml_connector.sandbox.acumatica.plugs import MISSING, Body
from ml_connector.sandbox.acumatica.schema import LABELS, Contract, Row, custom_kind

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s.*)?")


def parse_json(raw: bytes) -> Any:
    """The body with decimals kept exact, an empty one as {}; raises Refusal when it is not JSON."""
    if not raw.strip():
        return {}
    try:
        return json.loads(raw, parse_float=Decimal)
    except ValueError:
        raise bad_request("The request is invalid.", {"entity": ["Unexpected character encountered."]}) from None


@dataclass(slots=True)
class Reader:
    """Reads one body and gathers what is wrong with its form."""

    entity: str
    zone: ZoneInfo
    wrong: dict[str, list[str]] = field(default_factory=dict)

    def read(self, contract: Contract, raw: Any) -> Body:
        """The body; raises Refusal (400) where it does not fit the contract's types."""
        body = self._body(contract, raw, "")
        if self.wrong:
            raise bad_request(
                "The request is invalid.", {f"entity.{path}": texts for path, texts in self.wrong.items()}
            )
        return body

    def values(self, kinds: Mapping[str, str], raw: Any) -> Row:
        """Parameters of an action."""
        given = raw if isinstance(raw, dict) else {}
        names = {name.lower(): name for name in kinds}
        result: Row = {}
        for name, value in given.items():
            if (known := names.get(name.lower())) is not None:
                self._value(result, kinds[known], known, value, path=f"parameters.{known}")
        if self.wrong:
            raise bad_request("The request is invalid.", self.wrong)
        return result

    def _body(self, contract: Contract, raw: Any, place: str) -> Body:
        if not isinstance(raw, dict):
            self.wrong.setdefault(place.rstrip("/") or "entity", []).append("Error converting value to an entity.")
            return Body()
        members = _members(contract)
        values: Row = {}
        lists: dict[str, tuple[Body, ...]] = {}
        linked: dict[str, Body] = {}
        faults: dict[str, str] = {}
        for given, value in raw.items():
            name = members.get(given.lower())
            if name is None:
                continue
            if name in contract.lists:
                lists[name] = self._lines(contract.nested[name], value, f"{place}{name}")
            elif name in contract.nested:
                if value is not None:
                    linked[name] = self._body(contract.nested[name], value, f"{place}{name}/")
            else:
                self._value(values, contract.fields[name].kind, name, value, path=f"{place}{name}")
                _label(contract, values, name, faults)
        for name, lines in lists.items():
            faults |= {
                f"{name}/{at}/{path}": text for at, line in enumerate(lines) for path, text in line.faults.items()
            }
        return Body(
            id=_text(raw.get("id")),
            delete=raw.get("delete") is True,
            values=values,
            lists=lists,
            linked=linked,
            custom=self._custom(raw.get("custom"), contract),
            note=_note(raw.get("note", MISSING)),
            faults=faults,
        )

    def _lines(self, contract: Contract, raw: Any, place: str) -> tuple[Body, ...]:
        if not isinstance(raw, list):
            self.wrong.setdefault(place, []).append(f"Error converting value to type 'List<{contract.name}>'.")
            return ()
        return tuple(self._body(contract, line, f"{place}[{at}]/") for at, line in enumerate(raw))

    def _value(self, values: Row, kind: str, name: str, wrapped: Any, *, path: str) -> None:
        if wrapped is None:
            return
        if not isinstance(wrapped, dict):
            shown = json.dumps(wrapped, default=str)
            text = f"Error converting value {shown} to type '{kind}Value'. Path '{path}'."
            self.wrong.setdefault(path, []).append(text)
            return
        folded = {each.lower(): value for each, value in wrapped.items()}
        if "value" not in folded:
            return
        try:
            values[name] = as_kind(kind, folded["value"], self.zone)
        except (ValueError, InvalidOperation):
            text = f"Could not convert {json.dumps(folded['value'], default=str)} to {kind}. Path '{path}.value'."
            self.wrong.setdefault(path, []).append(text)

    def _custom(self, raw: Any, contract: Contract) -> Row:
        """`View.Field` to value; an element that the form does not expose is 500 (Acumatica dossier 5)."""
        result: Row = {}
        prefix = f"{contract.path}/" if contract.path else ""
        for view, block in (raw or {}).items():
            for name, element in block.items():
                kind = custom_kind(self.entity, f"{prefix}{view}.{name}")
                if kind is None:
                    raise key_not_present()
                result[f"{view}.{name}"] = as_kind(kind, element.get("value"), self.zone)
        return result


def key_not_present() -> Refusal:
    """What the server says to a name it cannot find among a view's fields."""
    return failed("The given key was not present in the dictionary.", "System.Collections.Generic.KeyNotFoundException")


def as_kind(kind: str, value: Any, zone: ZoneInfo) -> Any:
    """The value in the type rows keep; numbers as text, `"False"` and American dates are taken. Raises ValueError."""
    if value is None:
        return None
    if kind == "DateTime":
        return read_day(str(value), zone)
    return _READ[kind](value)


def read_day(text: str, zone: ZoneInfo) -> date:
    """A day as clients write it; one with an offset is the user's day of that instant (UNCONFIRMED, dossier U11)."""
    if (american := _AMERICAN.fullmatch(text.strip())) is not None:
        return date(int(american[3]), int(american[1]), int(american[2]))
    if _DAY.fullmatch(text.strip()):
        return date.fromisoformat(text.strip())
    moment = datetime.fromisoformat(text.strip())
    return moment.date() if moment.tzinfo is None else moment.astimezone(zone).date()


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise ValueError(value)
    return text == "true"


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError(value)  # noqa: TRY004 - told as the unreadable value it is
    number = Decimal(str(value).strip())
    if not number.is_finite():
        raise ValueError(value)
    return number


def _integer(value: Any) -> int:
    number = _decimal(value)
    if number != number.to_integral_value():
        raise ValueError(value)
    return int(number)


def _string(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str).strip('"')


_READ: dict[str, Callable[[Any], Any]] = {
    "String": _string,
    "Guid": lambda value: str(value).lower(),
    "Boolean": _boolean,
    "Decimal": _decimal,
    "Int": _integer,
    "Short": _integer,
}


def _members(contract: Contract) -> dict[str, str]:
    return {name.lower(): name for name in (*contract.fields, *contract.nested)}


def _label(contract: Contract, values: Row, name: str, faults: dict[str, str]) -> None:
    """Turns a drop-down's code into its label; periods lose their dash."""
    labels = LABELS.get((contract.name, name))
    value = values.get(name)
    if name == "PostPeriod" and isinstance(value, str):
        values[name] = value.replace("-", "")
    if labels is None or value is None:
        return
    known = {label.lower(): label for label in labels.values()} | {code.lower(): labels[code] for code in labels}
    found = known.get(str(value).strip().lower())
    if found is None:
        faults[name] = f"'{value}' is not in the list of allowed values of '{name}'."
    else:
        values[name] = found


def _note(raw: Any) -> Any:
    if raw is MISSING:
        return MISSING
    return raw.get("value", MISSING) if isinstance(raw, dict) else raw


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
