"""What people do in Acumatica's own screens: the same forms, without the API's sessions."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

from ml_connector.sandbox.acumatica.bodies import Reader
from ml_connector.sandbox.acumatica.books import Books
from ml_connector.sandbox.acumatica.plugs import Body, Visit
from ml_connector.sandbox.acumatica.schema import ENTITIES, VERSIONS, Contract
from ml_connector.sandbox.acumatica.sessions import Session

_NOBODY = str(UUID(int=1))


def at_the_desk(books: Books, day: date | None = None) -> Visit:
    """Somebody signed in to the screens, with that business date."""
    session = Session(_NOBODY, books.tenant, "admin", None, books.store.clock.now())
    return Visit(books, session, VERSIONS[-1], f"/entity/Default/{VERSIONS[-1]}", {}, business_date=day)


def filled_in(books: Books, entity: str, fields: dict[str, Any]) -> Body:
    """A form filled in with plain values, by the contract's names. Raises ValueError for a name it does not have."""
    contract = ENTITIES[entity].contract(VERSIONS[-1])
    return Reader(entity, books.zone).read(contract, _wrapped(contract, fields))


def _wrapped(contract: Contract, fields: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(fields.keys() - contract.fields.keys() - contract.nested.keys() - {"id", "delete", "note"})
    if unknown:
        message = f"{contract.name} has no {', '.join(unknown)}."
        raise ValueError(message)
    return {
        name: [_wrapped(contract.nested[name], line) for line in value]
        if name in contract.lists
        else value
        if name in ("id", "delete")
        else {"value": value}
        for name, value in fields.items()
    }
