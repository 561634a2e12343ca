"""The other side of the wire: simulated systems that keep state and refuse what the real ones refuse.

Nothing in here imports the product, and only the `sandbox` and `demo` commands import this.
"""
