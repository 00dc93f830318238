"""
A watched folder: files that somebody copies or a maker drops there.

Each study has a folder of its own; nothing outside of it is read, and no link followed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import IO

from pydantic import Field

from app.pull.files import FileLeft, Files, Pieces, Seen, pages_of, unreadable
from app.pull.page import Errand, Page, Provider, PullFailed
from app.pull.web import PIECE_BYTES


class Settings(Files):
    """Which folder, and which of its files."""

    folder: str = Field(
        default=".",
        pattern=r"^[\w.-]+(/[\w.-]+)*$",
        max_length=200,
        description="below the folder of the study, FLYWAYS_INBOX_DIR/<study>",
    )


async def pages(errand: Errand, _web: None) -> AsyncGenerator[Page, None]:
    """Give each quiet file that is new or changed, oldest first."""
    left: list[str] = []
    try:
        folder = _folder(errand)
        there = _listed(folder, errand.settings.pattern, left)
    except OSError as closed:
        raise PullFailed(
            "folder-missing",
            f"The folder {errand.settings.folder} below the study's in FLYWAYS_INBOX_DIR can't be"
            f" read ({closed.strerror}).",
            remedy="Let the worker's account list and enter it, and enter each folder above it.",
        ) from closed
    async for page in pages_of(errand, there, partial(_read, folder), left=left):
        yield page


def _folder(errand: Errand) -> Path:
    if errand.root is None:
        raise PullFailed(
            "folder-unset",
            "The operator watches no folders.",
            remedy="The operator sets FLYWAYS_INBOX_DIR to the folder that holds them.",
        )
    root = errand.root.resolve()
    found: Path = (root / errand.settings.folder).resolve()
    if not found.is_relative_to(root) or not found.is_dir():
        raise PullFailed(
            "folder-missing",
            f"There is no folder {errand.settings.folder} below the study's in FLYWAYS_INBOX_DIR.",
            remedy="Make it, readable by the worker, or correct the name.",
        )
    return found


def _listed(folder: Path, pattern: str, left: list[str]) -> dict[str, Seen]:
    """
    Return the plain files; raises OSError where the folder can't be read.

    Hidden names are files in the making: rsync and others give them until a file is complete.
    """
    found = {}
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries]
    for name in names:
        if name.startswith(".") or not fnmatchcase(name, pattern):
            continue
        # A file may go between being listed and being looked at.
        try:
            state = (folder / name).lstat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(state.st_mode):
            continue
        if told := unreadable(os.fsencode(name)):
            left.append(told)
        else:
            found[name] = Seen(_mark(state), state.st_mtime_ns, state.st_size)
    return found


def _mark(state: os.stat_result) -> str:
    return f"{state.st_ino}:{state.st_size}:{state.st_mtime_ns}"


@asynccontextmanager
async def _read(folder: Path, name: str, seen: Seen) -> AsyncIterator[Pieces]:
    try:
        # Opened once: what is read is what was looked at, and never what a link points to.
        file = open(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW), "rb")  # noqa: PTH123, ASYNC230, SIM115 - a local disk
    except OSError as error:
        raise FileLeft(f"can't be read ({error.strerror})") from error
    with file:
        yield partial(_pieces, file, seen.mark)


def _pieces(file: IO[bytes], mark: str) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
    if _mark(os.fstat(file.fileno())) != mark:
        raise PullFailed(
            "file-changing",
            "A file changed while it was read.",
            remedy="Nothing is to do: it is taken when it is quiet.",
        )


PROVIDER = Provider(
    pages=pages,
    settings=Settings,
    format=None,
    base=None,
    signs_in=False,
    interval_s=60,
    overlap_s=0,
    settle_s=60,
)
