"""SAP Business One, Service Layer."""
