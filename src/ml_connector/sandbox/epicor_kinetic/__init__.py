"""A simulated Epicor Kinetic: REST v2 with its OData sets, methods, groups and postings."""
