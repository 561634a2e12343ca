"""Releasing a bill: an action that goes on by itself, polled to its end (Acumatica dossier 6, 10.5).

Its answers prove little: a 204 may come at once, an address to ask may be dead, a timed out call may have been
done. The bill's own status is what counts, and is read by the caller.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from ml_connector.connectors.acumatica.client import About, Acumatica, Started
from ml_connector.connectors.acumatica.manifest import NAME
from ml_connector.connectors.errors import ConnectorError, OutcomeUnknown, Refused, Unavailable
from ml_connector.connectors.odata import address

BILL: Final = "Bill"
_RELEASE: Final = "ReleaseBill"
_BUSY: Final = 500
_LONGER: Final = 1.6
_TELLS_NOTHING: Final = frozenset({401, 403, 404, 408, 410, 429, 502, 503, 504})
"""Of the address that tells how an action goes: it cannot be asked, which says nothing of the action."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How an action's end is waited for, in seconds (Acumatica dossier 18)."""

    first: float = 1.0
    longest: float = 5.0
    at_most: float = 600.0
    busy: float = 60.0
    """How long the form is waited for where the action itself cannot be asked after."""


PATIENCE: Final = Patience()


async def release(
    client: Acumatica, bill_id: str, *, patience: Patience = PATIENCE, about: About | None = None
) -> Refused | None:
    """Releases a bill that is balanced, and comes back when that is over: None, or what was said against it.

    Meanwhile nothing else is asked of the form: the server would refuse it. Raises Unavailable where nothing was
    done, OutcomeUnknown where the end is not known.
    """
    async with client.alone(BILL):
        try:
            started = await client.start(BILL, _RELEASE, {"id": bill_id}, about=about)
            return await _end_of(client, started, patience, about)
        except Refused as refusal:
            return refusal
        except OutcomeUnknown:
            await _until_idle(client, bill_id, patience)
            raise


async def _end_of(client: Acumatica, started: Started, patience: Patience, about: About | None) -> Refused | None:
    ends, wait = time.monotonic() + patience.at_most, patience.first
    while started.location is not None:
        if time.monotonic() >= ends:
            raise OutcomeUnknown(system=NAME, detail=f"the release is not over after {patience.at_most:.0f} seconds")
        await asyncio.sleep(wait)
        wait = min(wait * _LONGER, patience.longest)
        try:
            if await client.is_over(started, about=about):
                break
        except (Refused, Unavailable) as error:
            return _failure(error)
    return None


async def _until_idle(client: Acumatica, bill_id: str, patience: Patience) -> None:
    """Waits while the form is busy with an action that cannot be asked after: till then all else on it fails."""
    url = address(f"{client.address.of_entity(BILL)}/{bill_id}", {"$select": "ReferenceNbr"})
    ends = time.monotonic() + patience.busy
    while time.monotonic() < ends:
        try:
            await client.http.read(url, follow=False)
        except ConnectorError as error:
            if error.status != _BUSY:
                return
            await asyncio.sleep(patience.first)
        else:
            return


def _failure(error: Refused | Unavailable) -> Refused:
    """What the status address said against the action. Raises OutcomeUnknown where it could not be asked."""
    if error.status is None or error.status in _TELLS_NOTHING:
        raise lost(error) from error
    if isinstance(error, Refused):
        return error
    # A fault of its own, told for as long as it was asked: the action failed (Acumatica dossier U7).
    return Refused(system=NAME, findings=error.findings, status=error.status, code=error.code)


def lost(error: ConnectorError) -> OutcomeUnknown:
    """A release was begun, and how it ended could not be read."""
    detail = f"the release was begun, and its end could not be read: {error}"
    return OutcomeUnknown(system=NAME, detail=detail, status=error.status, request_id=error.request_id)
