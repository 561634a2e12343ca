"""What moves between the two sides, one file a flow; knows records and the protocols, no vendor."""
