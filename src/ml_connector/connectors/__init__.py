"""The outside systems: one folder each, same file names in each, behind the protocols of base.py."""
