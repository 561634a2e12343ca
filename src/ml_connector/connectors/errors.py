"""What can go wrong when talking to an outside system, typed by what should happen next.

ConnectorError
├── Refused            the other side said no: it will say no again until somebody changes something
├── Unavailable        it could not say: nothing was done, try again later
└── OutcomeUnknown     a write went out and no clear answer came: look before anything else
    └── SessionLost    the session was gone when the write came: it was renewed, but look all the same
"""

from __future__ import annotations

from collections.abc import Sequence

from ml_connector.records.reason import Finding, Reason


class ConnectorError(Exception):
    """Base of all: which system, why, what it said, and its id of the request for the vendor's support."""

    def __init__(
        self,
        *,
        system: str,
        findings: Sequence[Finding],
        status: int | None = None,
        code: str = "",
        request_id: str = "",
    ) -> None:
        self.system = system
        self.findings = tuple(findings)
        self.status = status
        self.code = code
        self.request_id = request_id
        super().__init__(self._text())

    @property
    def reason(self) -> Reason:
        """The first finding's reason."""
        return self.findings[0].reason

    def _text(self) -> str:
        words = "; ".join(finding.sentence() for finding in self.findings)
        theirs = "; ".join(finding.vendor_text for finding in self.findings if finding.vendor_text)
        said = f" {self.system} said: {theirs}" if theirs else ""
        return f"{words}{said}"


class Refused(ConnectorError):
    """A refusal that stands until somebody changes something."""


class Unavailable(ConnectorError):
    """Nothing was done; worth another try after `retry_after` seconds, or when we see fit if None."""

    def __init__(
        self,
        *,
        system: str,
        findings: Sequence[Finding],
        status: int | None = None,
        code: str = "",
        request_id: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.retry_after = retry_after
        super().__init__(system=system, findings=findings, status=status, code=code, request_id=request_id)


class OutcomeUnknown(ConnectorError):
    """A write may or may not have been done."""

    def __init__(self, *, system: str, detail: str, status: int | None = None, request_id: str = "") -> None:
        finding = Finding(Reason.OUTCOME_UNKNOWN, system, detail)
        super().__init__(system=system, findings=(finding,), status=status, request_id=request_id)


class SessionLost(OutcomeUnknown):
    """The session was lost under a write that may not be replayed unseen; a new one is there."""
