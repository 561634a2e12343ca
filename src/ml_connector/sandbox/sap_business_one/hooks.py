"""The control pages: what people, other software and operators do to a real installation, for tests and demos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from ml_connector.sandbox.control import Action, ControlPages, View, filled, switches_of
from ml_connector.sandbox.sap_business_one import changes, document_hooks
from ml_connector.sandbox.sap_business_one.books import Books, Duplicates, company_db
from ml_connector.sandbox.sap_business_one.chart import set_segments
from ml_connector.sandbox.sap_business_one.errors import B1Error
from ml_connector.sandbox.sap_business_one.seed import set_localisation

if TYPE_CHECKING:
    from ml_connector.sandbox.sap_business_one.app import SapBusinessOne

PAGES = {
    "GET /_sandbox/state": "counts, switches and sessions",
    "POST /_sandbox/vendors": "{company, number, ...properties of BusinessPartners, delete?}",
    "POST /_sandbox/accounts": "{company, number, ...properties of ChartOfAccounts, delete?}; the visible number",
    "POST /_sandbox/dimension-values": "{company, dimension: 1-5 or Project, code, name?, active?, delete?}",
    "POST /_sandbox/records": "{company, set, key, ...properties, delete?}: any other master data",
    "POST /_sandbox/rates": "{company, currency, rate, from?} or {company, currency, delete}",
    "POST /_sandbox/period": "{company, from, to}: the days that may be posted to",
    "POST /_sandbox/branches": "{company?, enabled}",
    "POST /_sandbox/segments": "{company?, enabled}: account segmentation",
    "POST /_sandbox/duplicates": "{company?, mode: off | warning | partner | all, fiscal_year_only?}",
    "POST /_sandbox/profile": "{company?, profile: 2021 | 2024}",
    "POST /_sandbox/localisation": "{company?, localisation}: US, CA, IN and BR have sales tax codes",
    "POST /_sandbox/switches": "{company?, closed_base_code?, attachments_folder?, approval_status?, group_tax?}",
    "POST /_sandbox/expire-sessions": "{session?}: kills one or all",
    "POST /_sandbox/break-node": "{node: .node1, broken?}: its sessions get 500/407; {stopped: n}: its ping says 503",
    "POST /_sandbox/login": "{seconds?, timeout?, unknown_company?}: how long it takes, seconds a session lives",
    "POST /_sandbox/page-size": "{size}: rows of a page where the client does not say",
    "POST /_sandbox/habits": "{zulu_on_v1?, rooted_links?, text_errors_on_v1?, loses_prefer?}: what differs by build",
    "POST /_sandbox/latency": "{request?, post?, first?}: seconds",
}


@dataclass(frozen=True, slots=True)
class Hooks(ControlPages[Books]):
    """The control pages of one simulated installation."""

    system: SapBusinessOne

    ID = "sap-business-one"
    ABOUT = "A simulated SAP Business One. Nothing here is real."
    REFUSALS = (B1Error,)

    def pages(self) -> Mapping[str, str]:
        return {**PAGES, **document_hooks.PAGES}

    def every(self) -> Mapping[str, Books]:
        return self.system.books

    def key(self, code: str) -> str:
        return company_db(code)

    def views(self) -> Mapping[str, View]:
        return {"bills": self._bills}

    def actions(self) -> Mapping[str, Action]:
        return {
            **{name: self.in_books(change) for name, change in document_hooks.ACTIONS.items()},
            "vendors": self.in_books(changes.change_vendor),
            "accounts": self.in_books(changes.change_account),
            "dimension-values": self.in_books(changes.change_value),
            "records": self.in_books(changes.change_record),
            "rates": self.in_books(changes.change_rate),
            "period": self._period,
            "branches": lambda asked: self._switch(asked, branches=bool(asked["enabled"])),
            "segments": self._segments,
            "duplicates": self._duplicates,
            "profile": lambda asked: self._switch(asked, profile=int(asked["profile"])),
            "localisation": self._localisation,
            "switches": self._switches,
            "expire-sessions": lambda asked: {"expired": self.system.sessions.expire(asked.get("session"))},
            "break-node": self._break_node,
            "login": self._login,
            "page-size": self._page_size,
            "habits": self._habits,
            "latency": self._latency,
        }

    def state_of(self, books: Books) -> Mapping[str, Any]:
        return {"database": books.database, "switches": switches_of(books.switches), **filled(books.tables)}

    def state(self) -> Mapping[str, Any]:
        return {"sessions": len(self.system.sessions.open), "logins": self.system.sessions.logins}

    def _bills(self, asked: Mapping[str, str]) -> Any:
        return document_hooks.bills(self.chosen(asked), rows=asked.get("rows") == "true")

    def _period(self, asked: dict[str, Any]) -> Any:
        books = self.books(asked)
        books.posting_from = date.fromisoformat(asked.get("from", books.posting_from.isoformat()))
        books.posting_to = date.fromisoformat(asked.get("to", books.posting_to.isoformat()))
        return {"from": books.posting_from.isoformat(), "to": books.posting_to.isoformat()}

    def _switch(self, asked: dict[str, Any], **values: Any) -> Any:
        for books in self.chosen(asked):
            for name, value in values.items():
                setattr(books.switches, name, value)
        return values

    def _segments(self, asked: dict[str, Any]) -> Any:
        for books in self.chosen(asked):
            set_segments(books, enabled=bool(asked["enabled"]))
        return {"segments": bool(asked["enabled"])}

    def _duplicates(self, asked: dict[str, Any]) -> Any:
        mode, yearly = Duplicates(asked["mode"]), bool(asked.get("fiscal_year_only", False))
        return self._switch(asked, duplicates=mode, fiscal_year_only=yearly)

    def _localisation(self, asked: dict[str, Any]) -> Any:
        for books in self.chosen(asked):
            set_localisation(books, str(asked["localisation"]))
        return {"localisation": asked["localisation"]}

    def _switches(self, asked: dict[str, Any]) -> Any:
        names = ("closed_base_code", "attachments_folder", "approval_status", "group_tax")
        return self._switch(asked, **{name: asked[name] for name in names if name in asked})

    def _break_node(self, asked: dict[str, Any]) -> Any:
        if "node" in asked:
            (self.system.sessions.broken.add if asked.get("broken", True) else self.system.sessions.broken.discard)(
                str(asked["node"])
            )
        if "stopped" in asked:
            self.system.stopped = {int(asked["stopped"])} if asked["stopped"] else set()
        return {"broken": sorted(self.system.sessions.broken), "stopped": sorted(self.system.stopped)}

    def _login(self, asked: dict[str, Any]) -> Any:
        sessions = self.system.sessions
        sessions.delay = float(asked.get("seconds", sessions.delay))
        sessions.timeout = float(asked.get("timeout", sessions.timeout))
        sessions.unknown_company = int(asked.get("unknown_company", sessions.unknown_company))
        sessions.wrong = 0
        return {
            "seconds": sessions.delay,
            "timeout": sessions.timeout,
            "unknown_company": sessions.unknown_company,
            "logins": sessions.logins,
        }

    def _page_size(self, asked: dict[str, Any]) -> Any:
        self.system.service.habits.page_size = max(int(asked["size"]), 0)
        return {"size": self.system.service.habits.page_size}

    def _habits(self, asked: dict[str, Any]) -> Any:
        names = ("zulu_on_v1", "rooted_links", "text_errors_on_v1", "loses_prefer")
        for name in names:
            if name in asked:
                setattr(self.system.service.habits, name, bool(asked[name]))
        return {name: getattr(self.system.service.habits, name) for name in names}

    def _latency(self, asked: dict[str, Any]) -> Any:
        for name in self.system.latency:
            self.system.latency[name] = float(asked.get(name, self.system.latency[name]))
        return self.system.latency
