"""Plain text to lines, each with its place in the bytes."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.admission import UNITS_MAX
from ingest.refusal import UnreadablePush

LINE_MAX_CHARS = 1_024
"""Length of a line of Argos text [characters]: CLS pads lines to 80. A longer one is cut."""

LINES_MAX = 20 * UNITS_MAX
"""Lines in one push: the longest pass seen has 24."""


def text_lines(payload: bytes) -> pl.DataFrame:
    r"""
    Cut text into the lines that hold anything.

    Parameters
    ----------
    payload : bytes
        Text with one byte a character where it matters (ASCII, Latin-1 or UTF-8); lines ended
        by LF, CRLF or CR.

    Returns
    -------
    polars.DataFrame, shape (n, 2)
        ``text`` without line end and trailing blanks; ``offset`` in the payload [bytes].

    Raises
    ------
    UnreadablePush
        Code ``too-many-units``.

    Examples
    --------
    >>> text_lines(b"ab \r\n\r\ncd").rows()
    [('ab', 0), ('cd', 7)]
    """
    plain = (
        payload.replace(b"\xef\xbb\xbf", b"   ", 1) if payload[:3] == b"\xef\xbb\xbf" else payload
    )
    plain = plain.replace(b"\r", b"\n").replace(b"\0", b"?").replace(b"\t", b" ")
    if plain.count(b"\n") > LINES_MAX:
        raise UnreadablePush(
            "too-many-units",
            f"The push holds more than {LINES_MAX:,} lines.",
            "Send the file in parts.",
        )
    breaks = np.flatnonzero(np.frombuffer(plain, dtype=np.uint8) == ord("\n"))
    offsets = np.concatenate([[0], breaks + 1]).astype(np.int64)
    text = pl.Series(plain.decode("latin-1").split("\n"), dtype=pl.String)
    return pl.DataFrame(
        {"text": text.str.strip_chars_end().str.slice(0, LINE_MAX_CHARS), "offset": offsets}
    ).filter(pl.col("text") != "")
