"""How a command is carried out: its process opened and closed, its failures turned into sentences and exit codes."""

from __future__ import annotations

import asyncio
import getpass
import os
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

from ml_connector.cli.output import Output

if TYPE_CHECKING:
    from ml_connector.engine.process import Process
    from ml_connector.store.settings import Settings

OK: Final = 0
FAILED: Final = 1
WRONG: Final = 2
INTERRUPTED: Final = 130


def actor() -> str:
    """Who asks, for the trail."""
    try:
        return f"cli:{getpass.getuser()}"
    except (KeyError, OSError):
        return f"cli:{os.getuid() if hasattr(os, 'getuid') else 'unknown'}"


def read_settings(**changed: Any) -> Settings:
    """The environment's settings. Raises pydantic's ValidationError."""
    from ml_connector.store.settings import Settings

    return Settings(**changed)


def with_process(
    output: Output, work: Callable[[Process], Awaitable[int]], *, settings: Settings | None = None,
    json_logs: bool = False,
) -> int:  # fmt: skip
    """Opens the home, does the work, closes it; the exit code."""

    async def whole() -> int:
        from ml_connector.engine.process import Process

        process = await Process.open(settings or read_settings())
        try:
            return await work(process)
        finally:
            await process.close()

    return carry_out(output, whole, json_logs=json_logs)


def carry_out(output: Output, work: Callable[[], Coroutine[Any, Any, int]], *, json_logs: bool = False) -> int:
    """Does asynchronous work; the exit code. What a person can mend is a sentence, never a trace."""
    try:
        _set_up_logs(json_logs=json_logs)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(work())
    except KeyboardInterrupt:
        output.note("Interrupted. What was under way is taken up again by the next run.")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - nobody reads on; no complaint at exit either
        return OK
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        code, sentence, more = told
        return fail(output, sentence, code=code, **more)


def fail(output: Output, sentence: str, *, code: int = FAILED, **more: Any) -> int:
    """Says what went wrong; the exit code."""
    output.note(sentence)
    if output.as_json:
        output.json({"error": sentence, **more})
    return code


def explain(error: BaseException) -> tuple[int, str, dict[str, Any]] | None:
    """Exit code, sentence and details of an error that a person can do something about; None for a fault of ours."""
    if isinstance(error, BaseExceptionGroup):
        return explain(error.exceptions[0])
    for kinds, code in _known_kinds():
        if isinstance(error, kinds):
            return code, str(error), _details(error)
    return _explain_settings(error) or _explain_database(error)


def _known_kinds() -> tuple[tuple[tuple[type[BaseException], ...], int], ...]:
    from ml_connector.connectors.errors import ConnectorError
    from ml_connector.connectors.registry import UnknownSystem
    from ml_connector.engine.sides import UnknownConnection
    from ml_connector.operations.documents import UnknownDocument
    from ml_connector.operations.faults import ConfigurationError
    from ml_connector.operations.replay import NotPossible
    from ml_connector.operations.runs import UnknownFlow
    from ml_connector.operations.tokens import UnknownToken
    from ml_connector.store.database import NotInitialised
    from ml_connector.store.keys import KeyProblem
    from ml_connector.store.vault import SecretUnreadable

    wrong = (
        ConfigurationError, NotInitialised, UnknownConnection, UnknownFlow, UnknownDocument, UnknownToken,
        UnknownSystem, KeyProblem, Usage,
    )  # fmt: skip
    return ((wrong, WRONG), ((ConnectorError, NotPossible, SecretUnreadable, Unlucky), FAILED))


def _details(error: BaseException) -> dict[str, Any]:
    from ml_connector.operations.faults import ConfigurationError

    if not isinstance(error, ConfigurationError):
        return {}
    faults = [{"file": each.file, "line": each.line, "key": each.key, "message": each.message} for each in error.faults]
    return {"faults": faults}


def _explain_settings(error: BaseException) -> tuple[int, str, dict[str, Any]] | None:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return None
    told = [
        f"The environment variable ML_CONNECTOR_{str(each['loc'][0]).upper()} is wrong: {each['msg']}."
        for each in error.errors(include_input=False, include_url=False)
    ]
    return WRONG, " ".join(told), {}


def _explain_database(error: BaseException) -> tuple[int, str, dict[str, Any]] | None:
    import psycopg
    from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError

    if isinstance(error, ArgumentError):
        return (
            WRONG,
            "ML_CONNECTOR_DATABASE_URL is no address of a PostgreSQL: postgresql://user:password@host/name.",
            {},
        )
    if isinstance(error, psycopg.OperationalError | OperationalError | InterfaceError):
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        words = " ".join(str(cause).split())
        return FAILED, f"The database cannot be used: {words}", {}
    return None


class Usage(ValueError):
    """What was asked cannot be meant; the text says why."""


class Unlucky(RuntimeError):
    """Something outside stood in the way; the text says what, and what to do."""


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        # psycopg needs a loop that watches sockets.
        return asyncio.SelectorEventLoop
    import uvloop

    return uvloop.new_event_loop


def _set_up_logs(*, json_logs: bool) -> None:
    from ml_connector.cli.logs import set_up_logs

    given = os.environ.get("ML_CONNECTOR_LOG_LEVEL")
    level = read_settings().log_level if json_logs or given else "ERROR"
    try:
        set_up_logs(level, as_json=json_logs)
    except ValueError:
        raise Usage("ML_CONNECTOR_LOG_LEVEL is one of DEBUG, INFO, WARNING and ERROR.") from None
