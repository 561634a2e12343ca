"""The documents that move, free of any vendor."""
