"""Which old encodings make words of text that is not UTF-8: told to people, never taken as true."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType

from ingest.reasons import printable
from ingest.record import Warning_

PARTS_MAX = 10_000
"""Different cells that are remembered; a name comes again and again, a remark does not."""

SHOWN_MAX_CHARS = 30
"""Characters of a cell that are shown in each of its readings."""

SHOWN_MAX = 3
"""Encodings that are named, the likeliest first."""

_PARTED = re.compile(rb'[,;\t"\r]')
"""What parts cells, and is no byte of a longer character in any of the encodings."""

_SIGNS = (
    "\x00-\x7f\xa0\xb7\xd7\xb0\u2116\xab\xbb\u2010-\u2026\u3001-\u3003\u3008-\u301f\uff01-\uff5e"
)


@dataclass(frozen=True, slots=True)
class _Alphabet:
    """
    How text of one script looks in one encoding.

    `words` matches text of its letters and common signs with one letter at least; `odd` finds
    letters that seldom stand so: rare characters, a capital within a word.
    """

    codec: str
    words: re.Pattern[str]
    odd: re.Pattern[str]

    def oddness(self, cell: bytes) -> int | None:
        """Count the odd letters of a cell; None where it is no text of this script."""
        try:
            text = cell.decode(self.codec)
        except UnicodeDecodeError:
            return None
        return len(self.odd.findall(text)) if self.words.fullmatch(text) else None


def _alphabet(codec: str, letters: str, odd: str) -> _Alphabet:
    words = f"[{_SIGNS}]*[{letters}][{_SIGNS}{letters}]*"
    return _Alphabet(codec, re.compile(words), re.compile(odd))


def _common(codec: str, first: int, last: int) -> str:
    """Give the characters in rows of a national standard: those of daily use have their own."""
    rows = (bytes((high, low)) for high in range(first, last + 1) for low in range(0xA1, 0xFF))
    return "".join(pair.decode(codec, errors="ignore") for pair in rows)


@cache
def _alphabets() -> Mapping[str, _Alphabet]:
    """
    Name of an encoding to its script; of those that fit equally well the earlier is likelier.

    What fits the 2,350 syllables of KS X 1001 by chance is rarer than what fits the Chinese
    characters of GB 2312, level 1, whose bytes reach further.
    """
    cyrillic, capitals = "\u0400-\u04ff", "\u0410-\u042f\u0401"
    strange = (
        rf"(?<=[^\W\d_])[{capitals}]|(?![{capitals}])[\u0400-\u040f\u0450\u0452-\u04ff]"
        rf"|(?<=[A-Za-z])[{cyrillic}]|[{cyrillic}](?=[A-Za-z])"
    )
    return MappingProxyType(
        {
            "cp949": _alphabet(
                "cp949", "가-힣ㄱ-ㆎ", f"[^\x00-\x7f{_common('euc_kr', 0xB0, 0xC8)}]"
            ),
            "shift-jis": _alphabet(
                "cp932", "ぁ-ヿ㐀-鿿々〆ｦ-ﾟ",
                f"[^\x00-\x7fぁ-ヿ{_common('euc_jp', 0xB0, 0xCF)}]",
            ),
            "koi8-r": _alphabet("koi8-r", cyrillic, strange),
            "windows-1251": _alphabet("cp1251", cyrillic, strange),
            "gb18030": _alphabet(
                "gb18030", "㐀-鿿𠀀-𯿿々", f"[^\x00-\x7f{_common('gb2312', 0xB0, 0xD7)}]"
            ),
            "latin-1": _alphabet("latin-1", "À-ÖØ-öø-ÿªº", "(?<=[À-ÿ])[À-ÿ]"),
        }
    )  # fmt: skip


@dataclass(slots=True)
class Foreign:
    """
    Lines of a text that are not UTF-8, one part of the text after another.

    Attributes
    ----------
    lines : int
        How many there are.
    alike : int
        How many others have letters that are UTF-8: by chance, it may be, as a letter of Cyrillic
        has the bytes of ``小`` in GBK.
    """

    lines: int = 0
    alike: int = 0
    _passed: int = 0
    _first: tuple[int, bytes] = (0, b"")
    _first_alike: tuple[int, bytes] = (0, b"")
    _odd: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_alphabets(), 0))
    _known: set[bytes] = field(default_factory=set)

    def add(self, text: bytes) -> None:
        """Look at the next lines, the mark of a UTF-8 text left out."""
        text = text if self._passed else text.removeprefix(codecs.BOM_UTF8)
        for number, line in enumerate(text.split(b"\n"), start=self._passed + 1):
            if line.isascii():
                continue
            cells = [cell for cell in _PARTED.split(line) if not cell.isascii()]
            if is_utf8(line):
                self._first_alike = self._first_alike if self.alike else (number, cells[0])
                self.alike += 1
                continue
            self._first = self._first if self.lines else (number, cells[0])
            self.lines += 1
            for cell in cells:
                self._judge(cell)
        self._passed += text.count(b"\n")

    def _judge(self, cell: bytes) -> None:
        if cell in self._known:
            return
        if len(self._known) < PARTS_MAX:
            self._known.add(cell)
        odd = {name: _alphabets()[name].oddness(cell) for name in self._odd}
        self._odd = {
            name: self._odd[name] + count for name, count in odd.items() if count is not None
        }

    def told(self) -> list[Warning_]:
        """Tell how the lines were read, and how else they may be."""
        if not self.lines:
            return []
        number, cell = self._first
        detail = (
            f"{self.lines} line(s) are not UTF-8 and were read as Latin-1, the first of them line "
            f"{number}: {_shown(cell, 'latin-1')}. "
        )
        fitting = ", ".join(self._fitting(cell))
        if fitting:
            detail += f"All of them are letters of one script in: {fitting}. Declare which it is"
        else:
            detail += f"They are letters of one script in none of {', '.join(_alphabets())}. Say"
        detail += " as the encoding of the push, and have it decoded again; or send UTF-8."
        if self.alike:
            number, cell = self._first_alike
            detail += (
                f" {self.alike} other line(s) have letters that are UTF-8 and were read so, the "
                f"first of them line {number}: {_shown(cell, 'utf-8')}; they may be so by chance."
            )
        return [Warning_("encoding-assumed", detail)]

    def _fitting(self, cell: bytes) -> Iterator[str]:
        best = sorted(self._odd, key=lambda name: self._odd[name])  # equals keep their order
        for name in best[:SHOWN_MAX]:
            yield f"{name} ({_shown(cell, _alphabets()[name].codec)})"


def _shown(cell: bytes, codec: str) -> str:
    return repr(printable(cell.decode(codec, errors="replace").strip()[:SHOWN_MAX_CHARS]))


def is_utf8(text: bytes) -> bool:
    """Whether bytes are whole characters of UTF-8."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
