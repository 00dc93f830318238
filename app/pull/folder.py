"""
A watched folder: files that somebody copies or a maker's SFTP drops there.

A file is taken when its size and time of change have not moved for the settle time; a file that
grows or is replaced is taken again as a whole, and fixes that are known count as duplicates.
"""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from pydantic import Field

from app.pull.page import Errand, Options, Page, Provider, PullFailed
from app.pull.web import ANSWER_MAX_BYTES, PIECE_BYTES, Web

FILES_MAX = 2000
"""Most files of a folder: the cursor remembers each."""


class Settings(Options):
    """Which folder, and which of its files."""

    folder: str = Field(
        default=".",
        pattern=r"^[\w.-]+(/[\w.-]+)*$",
        max_length=200,
        description="below the folder of the study, FLYWAYS_INBOX_DIR/<study>",
    )
    pattern: str = Field(default="*", pattern=r"^[^/\x00]+$", max_length=100, description="*.csv")


async def pages(errand: Errand, _web: Web) -> AsyncGenerator[Page, None]:
    """Give each quiet file that is new or changed, oldest first."""
    folder = _folder(errand)
    there = _listed(folder, errand.settings.pattern)
    known = {name: mark for name, mark in errand.cursor.items() if name in there}
    refused: list[str] = []
    quiet_ns = int(errand.settled.timestamp() * 1e9)
    for name, (mark, changed_ns, size) in there.items():
        if known.get(name) == mark or changed_ns > quiet_ns or size == 0:
            continue
        if size > ANSWER_MAX_BYTES:
            refused.append(f"{name} is larger than {ANSWER_MAX_BYTES} bytes: divide it")
            continue
        try:
            # Opened once: what is read is what was looked at, and never what a link points to.
            with open(os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:  # noqa: PTH123, ASYNC230 - a local disk
                known[name] = mark
                yield Page(dict(known), partial(_pieces, file, mark))
        except OSError as error:
            refused.append(f"{name} can't be read ({error.strerror})")
    if known != errand.cursor:
        yield Page(dict(known))
    if refused:
        raise PullFailed(
            "files-left",
            f"Files were left in the folder: {'; '.join(refused[:5])}.",
            remedy="Mend what is said of each; all others were taken.",
        )


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


def _listed(folder: Path, pattern: str) -> dict[str, tuple[str, int, int]]:
    """Return the plain files, each with a mark that changes when it does, oldest first.

    Hidden names are files in the making: rsync and others give them until a file is complete.
    """
    found = {}
    for path in folder.glob(pattern):
        # A file may go between being listed and being looked at.
        try:
            state = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(state.st_mode) and not path.name.startswith("."):
            found[path.name] = (_mark(state), state.st_mtime_ns, state.st_size)
    if len(found) > FILES_MAX:
        raise PullFailed(
            "folder-too-full",
            f"The folder holds more than {FILES_MAX} files.",
            remedy="Move away what was taken: its bytes are kept as pushes.",
        )
    return dict(sorted(found.items(), key=lambda item: (item[1][1], item[0])))


def _mark(state: os.stat_result) -> str:
    return f"{state.st_ino}:{state.st_size}:{state.st_mtime_ns}"


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
    base="https://localhost",  # asks nobody
    signs_in=False,
    interval_s=60,
    overlap_s=0,
    settle_s=60,
)
