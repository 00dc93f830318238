"""What every verb of the command line shares: settings, the store, and how an answer is printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic_core import ValidationError

from app.errors import Problem, SetupError
from app.loading import loading

if TYPE_CHECKING:
    from app.config import Settings
    from app.store.engine import Store

DONE, NOT_DONE, PUSH_FAILED, UNFIT, DIFFERS = 0, 1, 3, 4, 5
"""Exit codes; 2 is wrong usage."""

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON on standard output.")]
T = TypeVar("T")


def settings() -> Settings:
    """Read the settings and send all logs to standard error: standard output is the answer's."""
    from app.config import Settings
    from app.observe import configure_logging

    found = Settings()
    configure_logging(found.log_level, found.log_format)
    return found


def with_store(act: Callable[[Store], Awaitable[T]]) -> T:
    """Run one act at the database."""
    with loading():
        from app.operate import opened

    async def run(dsn: str) -> T:
        async with opened(dsn) as store:
            return await act(store)

    return with_database(run)


def with_database(act: Callable[[str], Coroutine[Any, Any, T]]) -> T:
    """Run one act at the URL of the database."""
    with loading():
        import uvloop

        from app.operate import database

    with database(settings()) as dsn:
        return uvloop.run(act(dsn))


def uuid(text: str) -> UUID:
    """Read an id; a text that is none is wrong usage."""
    try:
        return UUID(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text} is no id: `flyways study add` prints it") from error


def answer(result: Any, *, as_json: bool) -> None:
    """Print a result for a program or for a person."""
    if as_json:
        print(json.dumps(result, default=str, ensure_ascii=False))
        return
    rows = result if isinstance(result, list) else [result]
    if len(rows) == 1:
        for name, value in rows[0].items():
            print(f"{name}: {value}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*rows[0] if rows else ())
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


def say(text: str) -> None:
    """Tell progress."""
    print(f"flyways: {text}", file=sys.stderr, flush=True)


def complain(error: SetupError | Problem | ValidationError) -> None:
    """Tell what went wrong and how to mend it."""
    if isinstance(error, ValidationError):
        for each in error.errors(include_input=False):
            say(f"FLYWAYS_{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}. Correct it.")
    elif isinstance(error, Problem):
        say(f"{error.detail} {error.remedy}")
    else:
        say(str(error))
