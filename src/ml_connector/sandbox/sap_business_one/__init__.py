"""SAP Business One, simulated: the Service Layer as far as accounts payable meets it."""

from ml_connector.sandbox.sap_business_one.app import SapBusinessOne
from ml_connector.sandbox.sap_business_one.books import company_db
from ml_connector.sandbox.sap_business_one.numbering import as_invoiced
from ml_connector.sandbox.sap_business_one.sessions import PASSWORD, USERNAME

__all__ = ["PASSWORD", "USERNAME", "SapBusinessOne", "as_invoiced", "company_db"]
