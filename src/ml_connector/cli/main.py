"""`ml-connector`: the commands of the operator contract. Each imports what it needs when it is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError, Parameter

from ml_connector.cli import demo, keys, looking, serving, setting_up, working
from ml_connector.cli.output import Output
from ml_connector.cli.shell import INTERRUPTED, WRONG, fail


def _version() -> str:
    from importlib.metadata import version

    return version("ml-connector")


app = App(
    name="ml-connector",
    help="Joins Basware to an ERP: approved invoices become posted bills, exactly once.",
    version=_version,
    default_parameter=Parameter(negative=()),
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)
app.command(setting_up.init)
app.command(setting_up.apply)
app.command(setting_up.export)
app.command(setting_up.schema)
app.command(looking.ping)
app.command(working.run)
app.command(looking.status)
app.command(looking.invoices)
app.command(looking.trail)
app.command(working.replay)
app.command(working.link)
app.command(working.reject)
app.command(looking.reconcile)
app.command(looking.verify)
app.command(keys.key)
app.command(keys.token)
app.command(serving.serve)
app.command(serving.work)
app.command(serving.sandbox)
app.command(demo.demo)


def main(tokens: Sequence[str] | None = None) -> None:
    """Carries out one command line and leaves with its exit code."""
    sys.exit(call(sys.argv[1:] if tokens is None else tokens))


def call(tokens: Sequence[str]) -> int:
    """Carries out one command line; its exit code."""
    output = Output(as_json="--json" in tokens)
    try:
        result = app(tokens, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        return fail(output, f"{error}\nSee `ml-connector --help`.", code=WRONG)
    except KeyboardInterrupt:
        return INTERRUPTED
    return result if isinstance(result, int) else 0
