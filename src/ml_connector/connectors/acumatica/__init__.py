"""Acumatica, contract-based REST."""
