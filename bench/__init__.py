"""The figures of bench/README.md, measured anew: `python -m bench`, or `python -m bench NAME...` for some."""
