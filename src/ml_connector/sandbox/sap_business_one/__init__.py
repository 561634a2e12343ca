"""SAP Business One, simulated: the Service Layer as far as accounts payable meets it."""
