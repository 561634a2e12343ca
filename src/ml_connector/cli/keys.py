"""Commands about keys: the master key, and the API's tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from cyclopts import App, Parameter

from ml_connector.cli.output import Output
from ml_connector.cli.setting_up import Json
from ml_connector.cli.shell import OK, Usage, with_process

if TYPE_CHECKING:
    from ml_connector.engine.process import Process

key = App(
    name="key", help="The master key that all secrets are encrypted with.", default_parameter=Parameter(negative=())
)
token = App(name="token", help="Tokens for the REST API and the status page.", default_parameter=Parameter(negative=()))


@key.command
def rotate(*, as_json: Json = False) -> int:
    """Makes a new master key and encrypts every secret again, while everything keeps running."""
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.store.rotation import rotate as rotate_keys

        done = await rotate_keys(process.database, process.settings, process.clock())
        if as_json:
            output.json({
                "key_id": done.key_id, "resealed": done.resealed, "dropped": list(done.dropped),
                "resumed": done.resumed, "advice": done.advice,
            })  # fmt: skip
        else:
            begun = " (a rotation that had begun was finished)" if done.resumed else ""
            output.text(f"{done.resealed} secrets are now encrypted with the master key {done.key_id}{begun}.")
            if done.advice:
                output.text(done.advice)
        return OK

    return with_process(output, work)


@token.command
def create(name: str, /, *, role: Literal["operator", "viewer"] = "viewer", as_json: Json = False) -> int:
    """Makes a token and shows it, this once.

    Parameters
    ----------
    name
        Who or what it is for.
    role
        viewer reads, operator may do everything.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.tokens import Role, create_token

        try:
            made = await create_token(process.database, name, role=Role(role), now=process.clock())
        except ValueError as error:
            raise Usage(str(error)) from None
        if as_json:
            output.json({**made.token.as_json(), "token": made.secret})
        else:
            output.text(made.secret)
            output.note(f"The {role} token {made.token.id} for {name}. It is not shown again.")
        return OK

    return with_process(output, work)


@token.command(name="list")
def list_(*, as_json: Json = False) -> int:
    """The tokens there are, without themselves."""
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.tokens import list_tokens

        tokens = await list_tokens(process.database)
        if as_json:
            output.json([each.as_json() for each in tokens])
        else:
            output.table(
                ("ID", "NAME", "ROLE", "CREATED", "LAST USED", "REVOKED"),
                [
                    (
                        each.id,
                        each.name,
                        each.role,
                        _day(each.created_at),
                        _day(each.last_used_at),
                        _day(each.revoked_at),
                    )
                    for each in tokens
                ],
            )
        return OK

    return with_process(output, work)


@token.command
def revoke(name: str, /, *, as_json: Json = False) -> int:
    """Takes a token back at once.

    Parameters
    ----------
    name
        Its id, or its name where only one has it.
    """
    output = Output(as_json=as_json)

    async def work(process: Process) -> int:
        from ml_connector.operations.tokens import revoke_token

        revoked = await revoke_token(process.database, name, now=process.clock())
        if as_json:
            output.json(revoked.as_json())
        else:
            output.text(f"The token {revoked.id} ({revoked.name}) is worthless from now on.")
        return OK

    return with_process(output, work)


def _day(moment: object) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"
