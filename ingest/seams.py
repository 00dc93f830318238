"""Where the text of a push may be cut, so that each piece is read as it would be in the whole."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.encoding import UTF8_BOM
from ingest.formats.delimited import from_header, logical_rows, open_sheet
from ingest.formats.elements import begins_json
from ingest.formats.quotes import QUOTED_LINES_MAX
from ingest.formats.xml import looks_like_xml
from ingest.refusal import UnreadablePush


@dataclass(frozen=True, slots=True)
class Head:
    """
    What stands above every piece: the first lines of the text, or something in place of them.

    Attributes
    ----------
    lines : int
        How many lines; 0 for none of them.
    text : bytes
        What stands there then.
    units : int
        How many units it makes by itself.
    """

    lines: int
    text: bytes = b""
    units: int = 0


class Seams(Protocol):
    """How the text of a format is cut."""

    def head(self, text: bytes) -> Head | None:
        """Find the head in the first lines of a text; None where it can't be cut."""

    def fit(self, head: bytes, text: bytes, lines: int) -> int:
        """
        Return how many of the lines below a head make a piece, while more of them follow.

        `lines` complete lines are in `text`; 0 asks for more of them.
        """


@dataclass(frozen=True, slots=True)
class Rows:
    """
    Seams of a table: between rows, each piece below the header line.

    Attributes
    ----------
    bare : callable
        Gives the text with nothing but blank lines above its header line.
    """

    bare: Callable[[bytes], bytes]

    def head(self, text: bytes) -> Head | None:
        """Take everything through the header line."""
        if begins_json(text) or looks_like_xml(text):
            return None
        bare = self.bare(text).replace(b"\r\n", b"\n")
        below = from_header(bare)
        if b"\n" not in below:
            return None
        return Head(bare[: len(bare) - len(below)].count(b"\n") + 1)

    def fit(self, head: bytes, text: bytes, lines: int) -> int:
        """
        Cut before a row that no quoted field runs into.

        A row may run over `QUOTED_LINES_MAX` lines, and what does not close in so many is no
        such row: so many lines are looked at beyond the cut, and as many before it.
        """
        most = lines - QUOTED_LINES_MAX
        if most <= 0:
            return 0
        starts = line_starts(text)
        near = text[starts[max(0, most - QUOTED_LINES_MAX)] : starts[most]]
        if not any(line.count(b'"') % 2 for line in near.split(b"\n")):
            return most
        rows = logical_rows(open_sheet(head + text))
        return max((first for first, _ in rows if first <= most), default=0)


@dataclass(frozen=True, slots=True)
class Lines:
    """
    Seams of JSON with one object a line.

    An object without keys stands above each piece, so that none of them looks like a document.

    Attributes
    ----------
    lists : tuple of str
        Keys under which a document holds its elements.
    """

    lists: tuple[str, ...]

    def head(self, text: bytes) -> Head | None:
        """See whether the first line is an object of its own, and others follow."""
        first, _, rest = text.replace(b"\x1e", b" ").lstrip().partition(b"\n")
        if text.startswith(UTF8_BOM) or not rest.strip():
            return None
        try:
            element = msgspec.json.decode(first)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        if not isinstance(element, dict) or set(self.lists) & element.keys():
            return None
        return Head(0, b"{}\n", 1)

    def fit(self, head: bytes, text: bytes, lines: int) -> int:
        """Cut after any line."""
        del head, text
        return lines


@dataclass(frozen=True, slots=True)
class Blocks:
    """
    Seams of text in blocks of lines: before a line that begins one.

    Attributes
    ----------
    first : re.Pattern of str
        What the first line of a block holds.
    line_max_chars : int
        Characters of a line that are read.
    """

    first: re.Pattern[str]
    line_max_chars: int

    def head(self, text: bytes) -> Head | None:
        """Nothing stands above blocks."""
        return None if begins_json(text) or looks_like_xml(text) else Head(0)

    def fit(self, head: bytes, text: bytes, lines: int) -> int:
        """Cut before the last block, if another is before it."""
        del head
        each = text.split(b"\n")[:lines]
        begun = next((n for n, line in enumerate(each) if self._begins(line)), lines)
        return next((n for n in range(lines - 1, begun, -1) if self._begins(each[n])), 0)

    def _begins(self, line: bytes) -> bool:
        seen = line.split(b"\r", 1)[0].decode("latin-1")[: self.line_max_chars]
        return self.first.search(seen) is not None


def line_starts(text: bytes) -> NDArray[np.int64]:
    """Offset of each line, and of what follows the last line end [bytes]."""
    breaks = np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n"))
    return np.concatenate([[0], breaks + 1]).astype(np.int64)


def undivided(limit_bytes: int) -> UnreadablePush:
    """Refuse what has no seam for too long."""
    return UnreadablePush(
        "document-too-large",
        f"More than {limit_bytes:,} bytes can only be read together: a document, UTF-16, or lines "
        "without an end.",
        "Send it in parts, or as what is read piece by piece: a delimited table, JSON with one "
        "object a line, or Argos DIAG text.",
    )
