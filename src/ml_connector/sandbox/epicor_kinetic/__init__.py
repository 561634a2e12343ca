"""A simulated Epicor Kinetic: REST v2 with its OData sets, methods, groups and postings."""

from ml_connector.sandbox.epicor_kinetic.app import EpicorKinetic
from ml_connector.sandbox.epicor_kinetic.books import company_id
from ml_connector.sandbox.epicor_kinetic.calls import INSTANCE
from ml_connector.sandbox.epicor_kinetic.identity import (
    API_KEY,
    CLIENT,
    CLIENT_SECRET,
    PASSWORD,
    SCOPE,
    USERNAME,
)
from ml_connector.sandbox.epicor_kinetic.numbering import as_invoiced

__all__ = [
    "API_KEY",
    "CLIENT",
    "CLIENT_SECRET",
    "INSTANCE",
    "PASSWORD",
    "SCOPE",
    "USERNAME",
    "EpicorKinetic",
    "as_invoiced",
    "company_id",
]
