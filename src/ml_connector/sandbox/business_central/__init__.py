"""Microsoft Dynamics 365 Business Central, simulated: API v2.0 as far as accounts payable meets it."""

from ml_connector.sandbox.business_central.app import ENVIRONMENT, BusinessCentral
from ml_connector.sandbox.business_central.books import ACME_ID, company_id
from ml_connector.sandbox.business_central.signin import CLIENT_ID, CLIENT_SECRET, SCOPE, TENANT

__all__ = [
    "ACME_ID",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "ENVIRONMENT",
    "SCOPE",
    "TENANT",
    "BusinessCentral",
    "company_id",
]
