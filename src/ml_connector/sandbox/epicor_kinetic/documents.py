"""Everything about documents that plugs itself into the frame when it is imported."""

from __future__ import annotations

from ml_connector.sandbox.epicor_kinetic import (
    attachments,
    coding,
    groups,
    headers,
    lines,
    payments,
    posting,
    receiving,
    updates,
)

PLUGGED = (attachments, coding, groups, headers, lines, payments, posting, receiving, updates)
