"""Commands that set up: init, apply, export, schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from ml_connector.cli.output import Output
from ml_connector.cli.shell import OK, actor, carry_out, read_settings, with_process

if TYPE_CHECKING:
    from ml_connector.engine.process import Process
    from ml_connector.operations.connections import Change

Json = Annotated[bool, Parameter(name="--json", help="Machine-readable output, and nothing else.")]


def init(*, as_json: Json = False) -> int:
    """Creates the home: the database and the master key. Safe to repeat; also brings an older home up to date."""
    output = Output(as_json=as_json)

    async def work() -> int:
        from ml_connector.operations.setting_up import initialise

        home = await initialise(read_settings())
        database = "embedded PostgreSQL" if home.embedded else "the PostgreSQL of ML_CONNECTOR_DATABASE_URL"
        if as_json:
            told = {"home": str(home.folder), "embedded": home.embedded, "key": home.key, "key_id": home.key_id}
            output.json(told)
        else:
            output.text(f"Ready: {database}, home {home.folder}.")
            output.text(f"Master key: {home.key}. Keep a copy of it elsewhere: without it no secret can be read.")
            output.text("Next: ml-connector apply FILE (see docs/configuration.md)")
        return OK

    return carry_out(output, work)


def apply(file: Path, /, *, dry_run: bool = False, as_json: Json = False) -> int:
    """Creates or changes connections from a file; says what changes. Safe to repeat.

    Parameters
    ----------
    file
        The configuration file (YAML).
    dry_run
        Only says what would change.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.configuration import read_configuration
        from ml_connector.operations.setting_up import apply_configuration, remarks_on

        configuration = read_configuration(file)
        for each in configuration.advice:
            output.note(f"{each} (a remark)")
        changes = await apply_configuration(process, configuration, actor=actor(), dry_run=dry_run)
        if as_json:
            output.json({"dry_run": dry_run, "changes": [_change_as_json(each) for each in changes]})
        else:
            for each in changes:
                _tell_change(output, each, dry_run=dry_run)
        for each in await remarks_on(process.database, [each.connection for each in changes]):
            output.note(f"{each} (a remark)")
        return OK

    return with_process(output, work)


def _change_as_json(change: Change) -> dict[str, object]:
    fields = [{"path": each.path, "before": each.before, "after": each.after} for each in change.fields]
    return {"connection": change.connection, "kind": str(change.kind), "fields": fields}


def _tell_change(output: Output, change: Change, *, dry_run: bool) -> None:
    would = "would be " if dry_run and change.kind != "unchanged" else ""
    output.text(f"{change.connection}: {would}{change.kind}")
    if change.kind != "changed":
        return
    for each in change.fields:
        before = "(none)" if each.before is None else each.before
        output.text(f"  {each.path}: {before} -> {'(none)' if each.after is None else each.after}")


def export(*connections: str, as_json: Json = False) -> int:
    """Writes the configuration file back, secrets left out.

    Parameters
    ----------
    connections
        Which ones; all where none is named.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.setting_up import export_configuration

        written = await export_configuration(process, connections)
        if as_json:
            import yaml

            output.json(yaml.safe_load(written))
        else:
            output.text(written.rstrip("\n"))
        return OK

    return with_process(output, work)


def schema(*, as_json: Json = False) -> int:
    """Prints the JSON Schema of the configuration file, for your editor."""
    del as_json  # it is JSON anyway
    from ml_connector.operations.configuration import schema as described

    Output().text(json.dumps(described(), indent=2, ensure_ascii=False))
    return OK
