"""
What folders share, wherever they are: quiet files once, changed ones again as a whole.

A file is taken when its size and time of change have not moved for the settle time; a file that
grows or is replaced is taken again, and fixes that are known count as duplicates. Within the
overlap a file is read again though its mark is the same: times of some places are coarse.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from pydantic import Field

from app.pull.page import Errand, Options, Page, PullFailed
from app.pull.web import ANSWER_MAX_BYTES

FILES_MAX = 2000
"""Most files of a folder: the cursor remembers each."""
LEFT_TOLD = 5

Pieces = Callable[[], Iterator[bytes]]


class Files(Options):
    """Which files of a folder."""

    pattern: str = Field(default="*", pattern=r"^[^/\x00]+$", max_length=100, description="*.csv")


@dataclass(frozen=True, slots=True)
class Seen:
    """A plain file as it is listed: `mark` changes when it does."""

    mark: str
    changed_ns: int
    size_bytes: int


class FileLeft(Exception):  # noqa: N818 - what happened, told to managers
    """One file that could not be taken; the others can."""


def unreadable(name: bytes) -> str | None:
    """Tell of a name that is none in UTF-8, as a Windows machine in East Asia may have given it."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return f"{name!r:.80} is no name in UTF-8: rename it"
    return None


Read = Callable[[str, Seen], AbstractAsyncContextManager[Pieces]]


async def pages_of(
    errand: Errand, there: Mapping[str, Seen], read: Read, *, left: list[str]
) -> AsyncGenerator[Page, None]:
    """Give each quiet file that is new or changed, oldest first; `left` tells what was not read."""
    if len(there) > FILES_MAX:
        raise PullFailed(
            "folder-too-full",
            f"The folder holds more than {FILES_MAX} files.",
            remedy="Move away what was taken: its bytes are kept as pushes.",
        )
    known = {name: mark for name, mark in errand.cursor.items() if name in there}
    quiet_ns = int(errand.settled.timestamp() * 1e9)
    again_ns = quiet_ns - int(errand.overlap.total_seconds() * 1e9)
    for name, file in sorted(there.items(), key=lambda item: (item[1].changed_ns, item[0])):
        taken = known.get(name) == file.mark and file.changed_ns <= again_ns
        if taken or file.changed_ns > quiet_ns or file.size_bytes == 0:
            continue
        if file.size_bytes > ANSWER_MAX_BYTES:
            left.append(f"{name} is larger than {ANSWER_MAX_BYTES} bytes: divide it")
            continue
        try:
            async with read(name, file) as pieces:
                known[name] = file.mark
                yield Page(dict(known), pieces, file_name=name)
        except FileLeft as reason:
            left.append(f"{name} {reason}")
    if known != errand.cursor:
        yield Page(dict(known))
    if left:
        raise PullFailed(
            "files-left",
            f"Files were left in the folder: {'; '.join(left[:LEFT_TOLD])}.",
            remedy="Mend what is said of each; all others were taken.",
        )
