"""The control pages of the simulated Epicor Kinetic, beside those that all ledgers have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ml_connector.sandbox.control import (
    Action,
    ControlPages,
    View,
    filled,
    set_switches,
    switches_of,
)
from ml_connector.sandbox.epicor_kinetic import document_hooks, masters
from ml_connector.sandbox.epicor_kinetic.books import Books, company_id
from ml_connector.sandbox.epicor_kinetic.errors import Refusal, Variant
from ml_connector.sandbox.epicor_kinetic.identity import API_KEY, Key
from ml_connector.sandbox.epicor_kinetic.schema import SERVICES

if TYPE_CHECKING:
    from ml_connector.sandbox.epicor_kinetic.app import EpicorKinetic

PAGES = {
    "POST /_sandbox/vendors": "{company, number, name?, rename?, ...columns of Vendor, delete?}",
    "POST /_sandbox/accounts": "{company, number, name?, active?, delete?}: a natural account; with combination: "
    "[department, area] the GL account of it",
    "POST /_sandbox/dimension-values": "{company, dimension: 2-4 or its name, code, name?, active?, delete?}",
    "POST /_sandbox/records": "{company, set, key, ...columns, percent?, delete?}: any other master data",
    "POST /_sandbox/rates": "{company, currency, rate, from?} or {company, currency, delete}",
    "POST /_sandbox/period": "{company, from, to}: the days that may be posted to",
    "POST /_sandbox/duplicates": "{company?, status: 409 | 400, stale?: 400 | 409}: how such writes are refused",
    "POST /_sandbox/coding": "{company?, coding?: kept | lost, strict_accounts?, default_account?, all_combinations?}: "
    "of new lines",
    "POST /_sandbox/switches": "{company?, auto_lock?, legal_numbers?, tax_calculated?, whole_group?, agent?}",
    "POST /_sandbox/prompts": "{company?, count}: that many calls of UpdateMaster ask something and save nothing",
    "POST /_sandbox/rights": "{object: Erp.BO.Vendor or a method of it, allowed}: of the user",
    "POST /_sandbox/scope": "{services: [...] or null}: what the access scope of the API key lists",
    "POST /_sandbox/key": "{value?, enabled?, expires?}: the API key",
    "POST /_sandbox/users": "{password?, basic?, mapped?}: the password, Basic sign-in, the OAuth client's user",
    "POST /_sandbox/heavy": "{service, fails}: direct reads of its sets answer 500",
    "POST /_sandbox/odata": "{sysrevid?, next_link?, cap?}: how sets are read",
    "POST /_sandbox/licences": "{limit?, status?, free?}: 0 for as many as it takes; `free` ends all sessions",
    "POST /_sandbox/expire-tokens": "{seconds?}: ends access tokens; seconds of new ones",
    "POST /_sandbox/restore": "{revision?}: the database comes back with other, lower row versions",
    "POST /_sandbox/revisions": "{next}: where the row versions go on, such as beyond 2^53",
    "POST /_sandbox/errors": "{variant: plain | spelling | odata | bare | html | empty | xml, count?}: of errors",
    "POST /_sandbox/latency": "{seconds}: of every call",
    "POST /_sandbox/zone": "{zone}: of the server",
}
_CODING = frozenset({"coding", "strict_accounts", "default_account", "all_combinations"})
_SWITCHES = frozenset({"auto_lock", "legal_numbers", "tax_calculated", "whole_group", "agent"})


@dataclass(frozen=True, slots=True)
class Hooks(ControlPages[Books]):
    """The control pages of one simulated installation."""

    system: EpicorKinetic

    ID = "epicor-kinetic"
    ABOUT = "A simulated Epicor Kinetic. Nothing here is real."
    REFUSALS = (Refusal,)

    def pages(self) -> Mapping[str, str]:
        return {**PAGES, **document_hooks.PAGES}

    def every(self) -> Mapping[str, Books]:
        return self.system.books

    def key(self, code: str) -> str:
        return company_id(code)

    def views(self) -> Mapping[str, View]:
        return {"bills": self._bills}

    def actions(self) -> Mapping[str, Action]:
        return {
            "vendors": self.in_books(masters.change_vendor),
            "accounts": self.in_books(masters.change_account),
            "dimension-values": self.in_books(masters.change_value),
            "records": self.in_books(masters.change_record),
            "rates": self.in_books(masters.change_rate),
            "period": self.in_books(_set_period),
            "duplicates": self._duplicates,
            "coding": lambda asked: self._switch(asked, _CODING),
            "switches": lambda asked: self._switch(asked, _SWITCHES),
            "prompts": lambda asked: self._switch({**asked, "prompts": int(asked["count"])}, frozenset({"prompts"})),
            "rights": self._rights,
            "scope": self._scope,
            "key": self._key,
            "users": lambda asked: set_switches(
                self.system.identity, asked, frozenset({"password", "basic", "mapped"})
            ),
            "heavy": self._heavy,
            "odata": lambda asked: set_switches(
                self.system.odata.habits, asked, frozenset({"sysrevid", "next_link", "cap"})
            ),
            "licences": self._licences,
            "expire-tokens": self._expire,
            "restore": self._restore,
            "revisions": self._revisions,
            "errors": self._errors,
            "latency": self._latency,
            "zone": self._zone,
            **{name: self.in_books(change) for name, change in document_hooks.ACTIONS.items()},
        }

    def state_of(self, books: Books) -> Mapping[str, Any]:
        return {"id": books.id, "switches": switches_of(books.switches), **filled(books.tables)}

    def state(self) -> Mapping[str, Any]:
        system = self.system
        return {
            "tokens": system.identity.granted,
            "refused": system.identity.refused,
            "sessions": len(system.licences.sessions),
            "licences": system.licences.held,
            "peak": system.licences.peak,
            "revision": system.store.revision,
        }

    def _bills(self, asked: Mapping[str, str]) -> Any:
        return document_hooks.bills(self.chosen(asked), rows=asked.get("rows") == "true")

    def _switch(self, asked: dict[str, Any], names: frozenset[str]) -> Any:
        answers = [set_switches(books.switches, asked, names) for books in self.chosen(asked)]
        return answers[0]

    def _duplicates(self, asked: dict[str, Any]) -> Any:
        given = {"duplicate_status": asked.get("status"), "stale_status": asked.get("stale")}
        known = {name: int(value) for name, value in given.items() if value is not None}
        if not set(known.values()) <= {400, 409}:
            message = "The status is 400 or 409."
            raise ValueError(message)
        return self._switch({**asked, **known}, frozenset({"duplicate_status", "stale_status"}))

    def _rights(self, asked: dict[str, Any]) -> Any:
        denied, name = self.system.temper.denied, str(asked["object"]).replace("Svc", "")
        (denied.discard if asked["allowed"] else denied.add)(name)
        return {"denied": sorted(denied)}

    def _scope(self, asked: dict[str, Any]) -> Any:
        services = asked["services"]
        self.system.identity.key.scope = None if services is None else frozenset(services)
        return {"services": services}

    def _key(self, asked: dict[str, Any]) -> Any:
        expires = asked.get("expires")
        self.system.identity.key = Key(
            value=str(asked.get("value", API_KEY)),
            enabled=bool(asked.get("enabled", True)),
            expires=None if expires is None else date.fromisoformat(expires),
            scope=self.system.identity.key.scope,
        )
        return {"enabled": self.system.identity.key.enabled}

    def _heavy(self, asked: dict[str, Any]) -> Any:
        heavy, name = self.system.odata.habits.heavy, str(asked["service"])
        if name not in SERVICES:
            message = f"There is no service {name} here."
            raise LookupError(message)
        (heavy.add if asked["fails"] else heavy.discard)(name)
        return {"heavy": sorted(heavy)}

    def _licences(self, asked: dict[str, Any]) -> Any:
        licences = self.system.licences
        if asked.get("free"):
            licences.sessions.clear()
        answer = set_switches(licences, asked, frozenset({"limit", "status"}))
        return answer | {"held": licences.held, "peak": licences.peak, "sessions": len(licences.sessions)}

    def _expire(self, asked: dict[str, Any]) -> Any:
        identity = self.system.identity
        if "seconds" in asked:
            identity.token_seconds = int(asked["seconds"])
        return {"expired": identity.expire(), "seconds": identity.token_seconds}

    def _restore(self, asked: dict[str, Any]) -> Any:
        self.system.store.restore(int(asked.get("revision", 1_000_000)))
        return {"revision": self.system.store.revision}

    def _revisions(self, asked: dict[str, Any]) -> Any:
        store = self.system.store
        store.revision = max(store.revision, int(asked["next"]))
        return {"revision": store.revision}

    def _errors(self, asked: dict[str, Any]) -> Any:
        temper = self.system.temper
        temper.variant, temper.variants = Variant(asked["variant"]), int(asked.get("count", -1))
        return {"variant": temper.variant, "count": temper.variants}

    def _latency(self, asked: dict[str, Any]) -> Any:
        self.system.temper.latency = float(asked["seconds"])
        return {"seconds": self.system.temper.latency}

    def _zone(self, asked: dict[str, Any]) -> Any:
        self.system.store.zone = ZoneInfo(str(asked["zone"]))
        return {"zone": str(asked["zone"])}


def _set_period(books: Books, asked: dict[str, Any]) -> Any:
    """{from, to}: the days that may be posted to."""
    if "from" in asked:
        books.posting_from = date.fromisoformat(asked["from"])
    if "to" in asked:
        books.posting_to = date.fromisoformat(asked["to"])
    return {"from": books.posting_from, "to": books.posting_to}
