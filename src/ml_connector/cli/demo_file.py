"""The configuration file of the demo, written to its home so that it can be read and changed."""

from __future__ import annotations

from typing import Final

DEMO_FILE: Final = """\
# The demo's connection: both sides are simulated on this machine.
connections:
  acme-bc:
    company: "1000"
    basware:
      base_url: ${env:DEMO_BASWARE_URL}
      client_id: acme
      client_secret: ${env:DEMO_BASWARE_SECRET}
      webhook_token: ${env:DEMO_WEBHOOK_TOKEN}
    erp:
      system: business-central
      base_url: ${env:DEMO_BC_URL}
      token_url: ${env:DEMO_BC_URL}/{tenant}/oauth2/v2.0/token
      tenant_id: 11111111-2222-3333-4444-555555555555
      environment: Production
      company_id: 6e3f1c1a-7d0b-4c5e-9a51-0f7a2f9b1001
      client_id: 22222222-3333-4444-5555-666666666666
      client_secret: ${env:DEMO_BC_SECRET}
    flows:
      invoices: {every: 1m, webhook: true}
      payments: {every: 2m}
    mapping:
      dimensions:
        - {basware: costCenterCode, list: costCenters, erp: DEPARTMENT}
        - {basware: projectCode, list: projects, erp: PROJECT}
        - {basware: dimCode1, list: ACC_LIST_1, erp: AREA}
        - {basware: dimCode2, list: ACC_LIST_2, erp: CAMPAIGN}
      tax_codes: {T24: VAT24, T14: VAT14, T10: VAT10, T0: VAT0}
      tolerance: {EUR: "0.02"}
"""
