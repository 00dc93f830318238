"""What every verb of the command line shares: settings, the store, and how an answer is printed."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer
from pydantic_core import ValidationError

from app.errors import Problem, SetupError, in_a_line
from app.loading import loading

if TYPE_CHECKING:
    from pydantic import BaseModel

    from app.config import Settings
    from app.store.engine import Store

DONE, NOT_DONE, WRONG_USAGE, PUSH_FAILED, UNFIT, DIFFERS = 0, 1, 2, 3, 4, 5
"""Exit codes."""
STOPPED = 130
"""Exit code of a command that Ctrl-C ended, as shells have it."""

AsJson = Annotated[bool, typer.Option("--json", help="Answer with JSON on standard output.")]
T = TypeVar("T")
M = TypeVar("M", bound="BaseModel")


def settings() -> Settings:
    """Read the settings and send all logs to standard error: standard output is the answer's."""
    from pydantic_settings import SettingsError

    from app.config import Settings
    from app.observe import configure_logging

    try:
        found = Settings()
    except SettingsError as error:
        named = re.search(r'field "(\w+)"', str(error))
        name = f"FLYWAYS_{named[1].upper()}" if named else "A setting"
        raise SetupError(f"{name}: {error.__cause__ or error}. Give JSON.") from error
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


def checked(model: type[M], values: dict[str, Any]) -> M:
    """Hold what was typed to the rules of the API; what it would refuse is wrong usage."""
    try:
        return model.model_validate(values)
    except ValidationError as wrong:
        first = wrong.errors(include_input=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        raise typer.BadParameter(f"{name}: {_plain(first['msg'])}") from wrong


def _plain(message: str) -> str:
    """Leave out how pydantic marks a message of ours."""
    return message.removeprefix("Value error, ")


def answer(result: Any, *, as_json: bool) -> None:
    """Print a result for a program or for a person."""
    if as_json:
        print(json.dumps(result, default=_text, ensure_ascii=False))
        return
    rows = result if isinstance(result, list) else [result]
    if not rows:
        print("none")
    elif len(rows) == 1 or not _as_table(rows):
        print("\n\n".join(_block(row) for row in rows))


def _as_table(rows: list[dict[str, Any]]) -> bool:
    """Print a table if the terminal has room for all of it: a cut id is of no use."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table, console = Table(*rows[0]), Console()
    for row in rows:
        table.add_row(*(Text(_text(value)) for value in row.values()))
    uncut = console.options.update(max_width=sys.maxsize)
    if console.measure(table, options=uncut).maximum > console.width:
        return False
    console.print(table)
    return True


def _block(row: dict[str, Any]) -> str:
    return "\n".join(f"{name}: {_text(value)}" for name, value in row.items())


def _text(value: Any) -> str:
    """Write a value; a time as everywhere in the service: ISO 8601, UTC, with Z."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def say(text: str) -> None:
    """Tell progress, where anybody listens."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"flyways: {text}", file=sys.stderr, flush=True)


class _Output(io.FileIO):
    """Standard output, whose failures are told from those of all other files."""

    def write(self, piece: Any) -> Any:
        """Write a piece; raises SetupError where it can't be."""
        try:
            return super().write(piece)
        except OSError as error:
            with Path(os.devnull).open("wb") as nowhere:
                os.dup2(nowhere.fileno(), self.fileno())  # Python writes the rest when it ends
            raise SetupError(
                f"The answer can't be written to standard output: {error.strerror}. What was asked "
                "for may be done all the same: look before you ask again."
            ) from error


@contextmanager
def told_output() -> Iterator[None]:
    """Write all answers to the end, and tell where that fails; what is no text is escaped."""
    was: Any = sys.stdout
    if was is None:
        raise SetupError("Standard output is closed. Send it to a file, or to /dev/null.")
    try:
        number = was.fileno()
    except (AttributeError, OSError):  # of a test or a notebook: no file at all
        yield
        return
    was.flush()
    output = io.BufferedWriter(_Output(number, "w", closefd=False))
    sys.stdout = io.TextIOWrapper(
        output, was.encoding, "backslashreplace", line_buffering=was.line_buffering
    )
    try:
        yield
    finally:
        try:
            sys.stdout.flush()
        finally:
            sys.stdout = was


def is_no_text(error: BaseException | None) -> bool:
    """Tell whether bytes that are no UTF-8, typed as an argument, are behind an error."""
    while error is not None:
        if isinstance(error, UnicodeEncodeError):
            return True
        error = error.__cause__ or error.__context__
    return False


def not_utf8(words: list[str]) -> list[str]:
    """Return the arguments that hold bytes which are no UTF-8, made readable."""
    return [
        os.fsencode(word).decode(errors="backslashreplace")
        for word in words
        if not word.isprintable() and any("\udc80" <= sign <= "\udcff" for sign in word)
    ]


def complain(error: SetupError | Problem | ValidationError) -> None:
    """Tell what went wrong and how to mend it."""
    if isinstance(error, ValidationError):
        for each in error.errors(include_input=False):
            name = f"FLYWAYS_{'_'.join(map(str, each['loc'])).upper()}"
            say(f"{name}: {_plain(each['msg'])}. Correct it.")
    else:
        say(in_a_line(error))
