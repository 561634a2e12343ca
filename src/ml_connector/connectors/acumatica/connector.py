"""Acumatica as a ledger."""

from __future__ import annotations
