"""Text of any supported encoding to UTF-8, and places in it back to the bytes as sent."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ingest.alphabets import Foreign, is_utf8
from ingest.record import Warning_, counted
from ingest.refusal import Refusal, UnreadablePush

ENCODINGS: Mapping[str, str] = MappingProxyType(
    {
        "utf-8": "utf-8",
        "utf-16": "utf-16",
        "gb18030": "gb18030",
        "cp949": "cp949",
        "shift-jis": "cp932",
        "koi8-r": "koi8-r",
        "windows-1251": "cp1251",
        "latin-1": "latin-1",
    }
)
"""
Name of an encoding, as a source declares it, to Python's codec. GB18030 holds GBK and GB2312,
cp949 holds EUC-KR, and cp932 is what Windows calls Shift-JIS.
"""

_HEADER_WORDS = re.compile(
    "经度|纬度|时间|日期|경도|위도|시간|시각|날짜|経度|緯度|時刻|日時|日付|широта|долгота|время|дата",
    re.IGNORECASE,
)
"""Longitude, latitude, time and date, as tables name them in the languages of the flyway."""

UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")

Converter = Callable[[bytes], tuple[bytes, list[Warning_]]]
"""Turns lines into UTF-8, as many as they were."""


def to_utf8(payload: bytes, encoding: str | None = None) -> tuple[bytes, list[Warning_]]:
    r"""
    Bring text of any supported encoding to UTF-8 without BOM.

    A byte order mark settles the encoding, whatever is declared. Without one, and with none
    declared, the text is UTF-8, whose last character may be cut; failing that, the one encoding
    under which its header line becomes words that we know (``经度``, ``위도``); failing that, each
    line that is not UTF-8 is Latin-1, so that one damaged byte does not change the names in all
    other lines; which other encodings make words of these lines is told. The number of lines
    never changes.

    Parameters
    ----------
    payload : bytes
        Text as sent.
    encoding : str or None
        A key of `ENCODINGS`, as the source declares it.

    Returns
    -------
    text : bytes
        UTF-8.
    warnings : list of Warning_
        ``encoding-assumed`` or ``encoding-damaged``, if anything had to be guessed;
        ``encoding-suspect``, if the text shows another encoding than the declared one.

    Raises
    ------
    UnreadablePush
        Code ``encoding-unknown``.

    Examples
    --------
    >>> to_utf8("编号,经度\n7,116.3\n".encode("gb18030"))[0].decode()
    '编号,经度\n7,116.3\n'
    """
    not_used = overruled(payload, encoding)
    if is_utf16(payload, encoding):
        text, warnings = _converted(payload, "utf-16")
        return text, not_used + warnings
    look = Utf8()
    look.add(payload)
    convert = converter(payload, encoding, utf8=look.end())
    bare = payload.removeprefix(UTF8_BOM)
    text, warnings = convert(bare)
    if convert is by_lines:
        foreign = Foreign()
        foreign.add(bare)
        return text, foreign.told() + not_used
    return text, not_used + warnings


Utf8State = Literal["ascii", "whole", "cut", "none"]
"""Of a text: it is ASCII; UTF-8; UTF-8 but for its end within a character; none of these."""


class Utf8:
    """Looks at a text, one part after another, for whether it is UTF-8."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._whole, self._spoken = True, False

    def add(self, part: bytes) -> None:
        """Look at the next part."""
        if not self._whole:
            return
        try:
            self._spoken |= not self._decoder.decode(part).lstrip("\ufeff").isascii()
        except UnicodeDecodeError:
            self._whole = False

    def end(self) -> Utf8State:
        """
        Judge what was seen.

        A cut character shows only where others are whole: bytes of 128 and more at the end of
        nothing but ASCII may as well be the one name in Latin-1.
        """
        if not self._whole:
            return "none"
        if not self._decoder.getstate()[0]:
            return "whole" if self._spoken else "ascii"
        return "cut" if self._spoken else "none"


def is_utf16(payload: bytes, encoding: str | None) -> bool:
    """Whether text has two bytes a character: its line ends are not those of all others."""
    _check_known(encoding)
    if payload.startswith(UTF8_BOM):
        return False
    return payload.startswith(_UTF16_BOMS) or (encoding or "").lower() == "utf-16"


def overruled(payload: bytes, encoding: str | None) -> list[Warning_]:
    """Warn where a byte order mark says another encoding than the one that is declared."""
    marked = "utf-8" if payload.startswith(UTF8_BOM) else None
    marked = "utf-16" if payload.startswith(_UTF16_BOMS) else marked
    if encoding is None or marked in {None, encoding.lower()}:
        return []
    detail = (
        f"The text begins with the byte order mark of {marked} and was read so: the encoding "
        f"declared, {encoding.lower()}, was not used."
    )
    return [Warning_("encoding-suspect", detail)]


def converter(head: bytes, encoding: str | None, *, utf8: Utf8State) -> Converter:
    """
    Choose how the lines of a text come to be UTF-8: of all of them, or of any part.

    Parameters
    ----------
    head : bytes
        Its first bytes, byte order mark included, not of UTF-16.
    encoding : str or None
        As the source declares it.
    utf8 : str
        What all of the text is, see `Utf8`.

    Returns
    -------
    callable
        Turns lines into UTF-8, and tells what it had to guess; see `to_utf8`. `by_lines` leaves
        it to `Foreign` to tell that of all lines together.

    Raises
    ------
    UnreadablePush
        Code ``encoding-unknown``.
    """
    _check_known(encoding)
    if encoding is not None and encoding.lower() != "utf-8" and not head.startswith(UTF8_BOM):
        return _declared(encoding.lower(), utf8)
    if utf8 in {"ascii", "whole"}:
        return lambda lines: (lines, [])
    if utf8 == "cut":
        return partial(_converted, codec="utf-8")
    proven = _by_header(head.removeprefix(UTF8_BOM))
    if proven is None:
        return by_lines
    detail = f"The header line is {proven}, and so the file was read: declare it or send UTF-8."
    return _noting(ENCODINGS[proven], Warning_("encoding-assumed", detail))


def _declared(name: str, utf8: Utf8State) -> Converter:
    """Read as declared; text that is UTF-8 in all its letters is seldom so by chance."""
    if utf8 not in {"whole", "cut"}:
        return partial(_converted, codec=ENCODINGS[name])
    detail = (
        f"All of the text is UTF-8, and was read as {name}, as declared: if names came out wrong,"
        " have the push decoded again with the encoding utf-8."
    )
    return _noting(ENCODINGS[name], Warning_("encoding-suspect", detail))


def _noting(codec: str, note: Warning_) -> Converter:
    def read(lines: bytes) -> tuple[bytes, list[Warning_]]:
        text, warnings = _converted(lines, codec)
        return text, [note, *warnings]

    return read


def _check_known(encoding: str | None) -> None:
    if encoding is not None and encoding.lower() not in ENCODINGS:
        raise UnreadablePush(
            "encoding-unknown",
            f"There is no encoding {encoding[:60]!r}.",
            f"Declare one of {', '.join(ENCODINGS)}.",
        )


def by_lines(payload: bytes) -> tuple[bytes, list[Warning_]]:
    """Read each line that is not UTF-8 as Latin-1."""
    return b"\n".join(_line_to_utf8(line) for line in payload.split(b"\n")), []


def relocate(
    refusals: Sequence[Refusal], payload: bytes, text: bytes, encoding: str | None = None
) -> list[Refusal]:
    """
    Give refusals of a converted text the offsets of their lines in the bytes as sent.

    Parameters
    ----------
    refusals : sequence of Refusal
        With offsets in `text`.
    payload : bytes
        As sent.
    text : bytes
        What `to_utf8` made of it.
    encoding : str or None
        As it was declared to `to_utf8`.

    Returns
    -------
    list of Refusal
    """
    if text == payload or not refusals:
        return list(refusals)
    there, here = _line_starts(payload, encoding), _line_starts(text, None)
    moved = []
    for refusal in refusals:
        if refusal.offset is None:
            moved.append(refusal)
            continue
        line = int(np.searchsorted(here, refusal.offset, side="right")) - 1
        moved.append(replace(refusal, offset=int(there[min(line, there.size - 1)])))
    return moved


def _line_starts(text: bytes, encoding: str | None) -> NDArray[np.int64]:
    """Offset of each line, whatever its encoding: UTF-16 has two bytes a line end."""
    units: NDArray[np.uint16] | NDArray[np.uint8]
    if is_utf16(text, encoding):
        order = ">u2" if text.startswith(codecs.BOM_UTF16_BE) else "<u2"
        units, width = np.frombuffer(text[: len(text) // 2 * 2], dtype=order), 2
    else:
        units, width = np.frombuffer(text, dtype=np.uint8), 1
    breaks = np.flatnonzero(units == ord("\n"))
    if not breaks.size:
        breaks = np.flatnonzero(units == ord("\r"))
    return np.concatenate([[0], (breaks + 1) * width]).astype(np.int64)


def _converted(payload: bytes, codec: str) -> tuple[bytes, list[Warning_]]:
    """Text of a known encoding, and a warning where it holds bytes that are none of it."""
    if codec == "utf-16":
        text = payload.decode(codec, errors="replace")
    else:
        # Line by line, so that a character cut in two never takes the line end with it.
        text = "\n".join(line.decode(codec, errors="replace") for line in payload.split(b"\n"))
    sentence = "{total} character(s) of the text are cut or none of its encoding."
    damaged = counted("encoding-damaged", sentence, {"characters": text.count("\ufffd")})
    return text.encode("utf-8", errors="replace"), damaged


def _by_header(payload: bytes) -> str | None:
    """Name the one encoding under which the header line becomes words that we know."""
    header = payload.lstrip(b"\r\n \t").split(b"\n", 1)[0][:4_096]
    found = []
    for name, codec in ENCODINGS.items():
        if codec in {"utf-8", "utf-16", "latin-1"}:
            continue
        if _HEADER_WORDS.search(header.decode(codec, errors="replace")):
            found.append(name)
    return found[0] if len(found) == 1 else None


def _line_to_utf8(line: bytes) -> bytes:
    return line if is_utf8(line) else line.decode("latin-1").encode("utf-8")
