"""`python -m ml_connector.sandbox`: the simulated systems on their own."""

from __future__ import annotations

from argparse import ArgumentParser

from ml_connector.sandbox.server import run


def main() -> None:
    """Reads the options and serves until told to stop."""
    parser = ArgumentParser(prog="python -m ml_connector.sandbox", description=__doc__)
    parser.add_argument("--port-base", type=int, default=9100, help="Basware here, the ERPs 10 to 50 further on")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--import-delay", type=float, default=2.0, help="seconds P2P takes to process an import")
    parser.add_argument("--token-seconds", type=int, default=3600, help="life of a token")
    parser.add_argument("--empty", action="store_true", help="the company without invoices")
    asked = parser.parse_args()
    run(
        port_base=asked.port_base,
        host=asked.host,
        import_delay=asked.import_delay,
        token_seconds=asked.token_seconds,
        seeded=not asked.empty,
    )


if __name__ == "__main__":
    main()
