"""Acumatica, simulated: the contract-based REST API as far as accounts payable meets it."""
