"""
A file that a command writes takes its name when it is whole; what stands in the way is told.

One that it reads has an end.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from app.errors import SetupError


@contextmanager
def whole(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """
    Open a file that replaces what bears its name only when it was written to its end.

    Devices and pipes are written as they are: nothing can take their place. SetupError names a
    file that can't be written: no place for it, no right to it, no room.
    """
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        there = path.resolve()  # a link stays one, to the new file
        if there.exists() and not there.is_file():
            with there.open(mode, **text) as file:  # type: ignore[call-overload]  # mode is not literal
                yield file
            return
        part = there.with_name(f".{there.name}.part")
        try:
            with open(part, mode, opener=_opener(there), **text) as file:  # type: ignore[call-overload]  # as above
                yield file
            part.replace(there)
        finally:
            part.unlink(missing_ok=True)
    except (ConnectionError, TimeoutError):
        raise  # of the database, whose rows are being written
    except OSError as error:
        reason = error.strerror or str(error)
        raise SetupError(f"{path} can't be written: {reason}. Name another place.") from error


def _opener(old: Path) -> Any:
    """Return what makes a file that lets in nobody whom the old one kept out."""
    rights = stat.S_IMODE(old.stat().st_mode) if old.exists() else 0o666
    return lambda name, flags: os.open(name, flags, rights)


def write(path: Path, content: bytes) -> None:
    """Write a file as a whole."""
    with whole(path, "wb") as file:
        file.write(content)


ENDLESS_MAX_BYTES = 256 << 20
"""Most that is taken of a pipe or device [bytes]: as much as one request by default."""


@contextmanager
def ended(path: Path) -> Iterator[Path]:
    """
    Give a file that has an end: of a pipe or a device, a copy of all it gives, under its name.

    Until all is there nothing else begins, so that a pipe may be waited for, and left by Ctrl-C.
    SetupError names one that can't be read, or that goes on and on.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield _at_rest(path, Path(folder))


def _at_rest(path: Path, folder: Path) -> Path:
    try:
        # The kernel's own files tell no size, and some have no end.
        if path.is_file() and path.stat().st_size:
            return path
        copy, left = folder / path.name, ENDLESS_MAX_BYTES
        with path.open("rb") as source, copy.open("wb") as kept:
            while piece := source.read(min(1 << 20, left + 1)):
                left -= len(piece)
                if left < 0:
                    raise SetupError(
                        f"{path} gives more than {ENDLESS_MAX_BYTES} bytes, and may have no end. "
                        "Save what it gives as a file, and push that."
                    )
                kept.write(piece)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SetupError(f"{path} can't be read: {reason}. Name another file.") from error
    return copy
