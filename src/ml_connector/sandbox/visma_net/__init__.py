"""Visma.net, simulated: the ERP service API and Visma Connect, as far as accounts payable meets them."""

from ml_connector.sandbox.visma_net.app import VismaNet
from ml_connector.sandbox.visma_net.books import company_id
from ml_connector.sandbox.visma_net.identity import CLIENT_ID, CLIENT_SECRET, CUSTOMER_TENANT, tenant_of

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "CUSTOMER_TENANT", "VismaNet", "company_id", "tenant_of"]
