"""Epicor Kinetic, REST v2."""
