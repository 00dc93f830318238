"""A JSON push to its elements, each as its own bytes: what is wrong with one touches no other."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import msgspec

from ingest.admission import LINE_MAX_BYTES, UNITS_MAX
from ingest.refusal import EXCERPT_MAX_CHARS, UnreadablePush

SPACE = b" \t\r\n"

_SPACED_COLON = re.compile(rb'"\s+:')
# Strings, brackets and commas; a string that never closes matches no alternative but the last.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|"', re.DOTALL)
_KEY = re.compile(rb'"([^"\\]{1,64})"\s*:')
_CUT = "json-cut"
_GOES_ON = "The push goes on after its array."
BROKEN = (_CUT, "json-tail")
"""Codes of what a push holds from its break on."""

_HEAD_BYTES = 16_384  # enough for the keys of the first element of any maker


@dataclass(frozen=True)
class Elements:
    """
    The elements of a push, in its order; unit n is ``raws[n - 1]``.

    Attributes
    ----------
    raws : list of bytes
        Each element as sent.
    payload : bytes
        The push.
    broken : str
        The code of the refusal of the last element, where it is what a push holds from its break
        on: see `cut`.
    unread : dict of str to int
        Other top-level keys with arrays that hold objects, and how many: they are no elements.
    """

    raws: list[bytes]
    payload: bytes
    broken: str = ""
    unread: dict[str, int] = field(default_factory=dict)

    def read(self, unit: int, limit_bytes: int = LINE_MAX_BYTES) -> dict[str, object] | str:
        """Give an element as `parse` does."""
        if self.broken and unit == len(self.raws):
            return self.broken
        return parse(self.raws[unit - 1], limit_bytes)

    @cached_property
    def _offsets(self) -> list[int]:
        """Where each element begins: between two stand blanks, a comma and a key at most."""
        found, at = [], 0
        for raw in self.raws:
            at = max(self.payload.find(raw, at), at)
            found.append(at)
            at += len(raw)
        return found

    def origin(self, unit: int) -> tuple[str, int]:
        """Start of an element as text, and where it begins in the push [bytes]."""
        raw = self.raws[unit - 1][: 4 * EXCERPT_MAX_CHARS]
        return raw.decode("utf-8", errors="replace"), self._offsets[unit - 1]


def refuse_wrapped(raw: bytes, known: Collection[str]) -> None:
    """
    Refuse a push whose one element has none of the known keys, but holds arrays of objects.

    Raises
    ------
    UnreadablePush
        Code ``json-unreadable``: it names the keys under which they stand.
    """
    found: list[str] = []
    try:
        whole = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        for key, inner in whole.items() if whole.keys().isdisjoint(known) else ():
            held = {key: inner}
            if bytes(inner)[:1] == b"{":
                below = msgspec.json.decode(inner, type=dict[str, msgspec.Raw])
                held = {f"{key}.{each}": value for each, value in below.items()}
            found += [each for each, value in held.items() if _objects(bytes(value), 0)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    if found:
        raise _unreadable(f"The push has no element, but objects under {ascii(found)[:200]}.")


def begins_json(payload: bytes) -> bool:
    """Whether the first character can begin the JSON of a push."""
    head = payload[:4_096].removeprefix(b"\xef\xbb\xbf").lstrip(SPACE + b"\x1e")
    return head[:1] in (b"{", b"[")


def first_keys(payload: bytes) -> frozenset[str]:
    """Return the keys that stand in the first bytes of a JSON push, at any depth."""
    found = _KEY.findall(payload[:_HEAD_BYTES])
    return frozenset(key.decode("utf-8", errors="replace") for key in found)


def cut(payload: bytes, lists: Sequence[str]) -> Elements:
    r"""
    Cut a push into its elements.

    The push is an object with one of `lists` as a key, a bare array, one object, or one object
    a line (NDJSON, or GeoJSON text sequences with their record separators).

    Where an array does not close (it was cut, or lacks a bracket or quote) or the push goes on
    after it, the elements before are what they are, and the rest is one element more, which may
    be empty.

    Parameters
    ----------
    payload : bytes
        UTF-8.
    lists : sequence of str
        Keys under which an object may hold the array of elements.

    Returns
    -------
    Elements

    Raises
    ------
    UnreadablePush
        Codes ``json-truncated`` and ``json-unreadable`` of a push with no element before its
        break, or none but in arrays that are not read; ``too-many-units``.

    Examples
    --------
    >>> cut(b'{"fixes": [{"a": 1}, 2]}', ["fixes"]).raws
    [b'{"a": 1}', b'2']
    >>> found = cut(b'[{"a": 1}, {"b', [])
    >>> found.raws, found.broken
    ([b'{"a": 1}', b'{"b'], 'json-cut')
    """
    text = payload.removeprefix(b"\xef\xbb\xbf").replace(b"\x1e", b" ").strip(SPACE)
    if text[:1] not in (b"{", b"["):
        raise _unreadable("The push is neither an object nor an array.")
    broken = ""
    try:
        raws, unread = _of_valid(text, lists)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raws, broken, unread = _of_any(text, lists)
    if unread and not raws:
        raise _unreadable(f"The push has no element, but objects under {ascii([*unread])[:200]}.")
    if len(raws) > UNITS_MAX:
        raise UnreadablePush(
            "too-many-units",
            f"The push holds more than {UNITS_MAX:,} elements.",
            "Send the fixes in parts.",
        )
    return Elements(raws, payload, broken, unread)


def parse(raw: bytes, limit_bytes: int = LINE_MAX_BYTES) -> dict[str, object] | str:
    """
    Read one element.

    Parameters
    ----------
    raw : bytes
        The element.
    limit_bytes : int
        Most bytes it may have.

    Returns
    -------
    dict or str
        The object, or the code of its refusal: ``line-too-long``, ``not-an-object``,
        ``duplicate-key``, ``nesting-too-deep`` or ``json-malformed``.
    """
    if len(raw) > limit_bytes:
        return "line-too-long"
    try:
        element = msgspec.json.decode(raw)
        if not isinstance(element, dict):
            return "not-an-object"
        if _may_repeat_key(raw, len(element)) and _repeats_key(raw):
            return "duplicate-key"
    except RecursionError:
        return "nesting-too-deep"
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "json-malformed"
    return element


def _may_repeat_key(raw: bytes, keys: int) -> bool:
    """Whether the text may hold more keys than were kept; a cheap test that never misses one."""
    return raw.count(b'":') != keys or _SPACED_COLON.search(raw) is not None


def _repeats_key(raw: bytes) -> bool:
    """Whether an object names a key twice (exact; called only where a count looks odd)."""
    repeated = False

    def note(pairs: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal repeated
        found = dict(pairs)
        repeated |= len(found) != len(pairs)
        return found

    # Integers stay text: Python refuses to parse one of more than 4,300 digits.
    json.loads(raw, object_pairs_hook=note, parse_int=str)
    return repeated


def _of_valid(text: bytes, lists: Sequence[str]) -> tuple[list[bytes], dict[str, int]]:
    """Elements of a push that is one valid JSON value; and its other lists, counted."""
    if text[:1] == b"[":
        return [bytes(raw) for raw in msgspec.json.decode(text, type=list[msgspec.Raw])], {}
    whole = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    name = next((name for name in lists if name in whole), None)
    if name is None:
        return [text], {}
    if text.count(f'"{name}"'.encode()) > 1 and len(_lists_at(text, [name])) > 1:
        raise _unreadable(f"The push names its key {name} twice.")
    others = {key: _objects(bytes(raw), 0) for key, raw in whole.items() if key != name}
    raws = [bytes(raw) for raw in msgspec.json.decode(whole[name], type=list[msgspec.Raw])]
    return raws, {key: count for key, count in others.items() if count}


def _of_any(text: bytes, lists: Sequence[str]) -> tuple[list[bytes], str, dict[str, int]]:
    """
    Elements of a push that is NDJSON, or holds what is no JSON.

    Also the code of its break, and its other lists, counted.
    """
    arrays = [] if text[:1] == b"[" else _arrays_at(text)
    starts = [0] if text[:1] == b"[" else _lists_at(text, lists)
    if len(starts) > 1:
        raise _unreadable("The push names the key of its elements twice.")
    if starts:
        raws, broken = _split_array(text, starts[0])
        if broken and len(raws) == 1:
            raise _truncated() if broken == _CUT else _unreadable(_GOES_ON)
        # What stands behind a list that does not close is in the rest of the push.
        others = [each for each in arrays if each[1] < starts[0] or broken != _CUT]
        counts = {key: _objects(text, start) for key, start in others if start not in starts}
        return raws, broken, {key: count for key, count in counts.items() if count}
    lines = [line.strip(SPACE) for line in text.split(b"\n") if line.strip(SPACE)]
    if len(lines) == 1 and not text.endswith(b"}"):
        raise _truncated()
    return lines, "", {}


def _objects(text: bytes, start: int) -> int:
    """Count the objects in the array that begins at `start`; none where no array does."""
    if text[start : start + 1] != b"[" or b"{" not in text[start:]:
        return 0
    return sum(raw.startswith(b"{") for raw in _split_array(text, start)[0])


def _lists_at(text: bytes, lists: Sequence[str]) -> list[int]:
    """Offsets of the arrays under the top-level keys `lists`."""
    return [start for key, start in _arrays_at(text) if key in lists]


def _arrays_at(text: bytes) -> list[tuple[str, int]]:
    """Top-level keys with an array, as they are written, and its offset."""
    found: list[tuple[str, int]] = []
    depth = 0
    key = b""
    for token in _TOKEN.finditer(text):
        part = token[0]
        if part in (b"{", b"["):
            if depth == 1 and part == b"[" and key:
                found.append((key[1:-1].decode("utf-8", errors="replace"), token.start()))
            depth += 1
        elif part in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and part not in (b":", b","):
            key = part
        if depth == 0 or part == b'"':
            break
    return found


def _split_array(text: bytes, start: int) -> tuple[list[bytes], str]:
    """
    Cut the array that begins at `start` into elements by brackets and strings alone.

    Where it does not end as it should, the last of them is the rest, and its code is told.
    """
    raws: list[bytes] = []
    opened = bytearray()
    begin = start + 1
    ended = -1  # where the element ends that is complete but for what parts it from the next
    for token in _TOKEN.finditer(text, start):
        found = token[0]
        if found in (b"{", b"["):
            opened += found
        elif found in (b"}", b"]"):
            if bytes(opened[-1:]) + found not in (b"{}", b"[]"):
                break
            opened.pop()
            ended = token.end()
        elif found == b'"':
            break
        closes = not opened
        if closes or (found == b"," and len(opened) == 1):
            element = text[begin : token.start()].strip(SPACE)
            if element or not closes or text[start + 1 : token.start()].strip(SPACE):
                raws.append(element)
            begin = token.end()
        if closes:
            rest, broken = _after(text[token.end() :], wrapped=start > 0)
            return ([*raws, rest], broken) if broken else (raws, "")
    rest = text[begin:].strip(SPACE)
    if len(opened) == 1 and ended > begin and not text[ended:].strip(SPACE):
        return [*raws, rest, b""], _CUT
    return [*raws, rest], _CUT


def _after(tail: bytes, *, wrapped: bool) -> tuple[bytes, str]:
    """Give what follows an array, and its code if that does not just close the array's object."""
    depth = int(wrapped)
    end = 0
    for token in _TOKEN.finditer(tail) if wrapped else ():
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        if depth == 0:
            end = token.end()
            break
    rest = tail.strip(SPACE) if depth else tail[end:].strip(SPACE)
    return rest, _CUT if depth else "json-tail" if rest else ""


def element_end(text: bytes, start: int) -> int:
    r"""
    Return where an element ends that begins at `start`: before its comma, bracket or line end.

    Examples
    --------
    >>> element_end(b'[{"a": [1, 2]}, 3]', 1)
    14
    """
    if text.lstrip(SPACE + b"\x1e")[:1] == b"{" and not text[:start].strip(
        SPACE + b"\x1e"
    ).endswith((b"[", b",")):
        line_end = text.find(b"\n", start)  # one object a line, or the only one
        return len(text.rstrip(SPACE)) if line_end < 0 else line_end
    depth = 0
    for token in _TOKEN.finditer(text, start):
        found = token[0]
        if depth == 0 and found in (b",", b"]", b"}"):
            return start + len(text[start : token.start()].rstrip(SPACE))
        if found in (b"{", b"["):
            depth += 1
        elif found in (b"}", b"]"):
            depth -= 1
    return len(text.rstrip(SPACE))


def _truncated() -> UnreadablePush:
    return UnreadablePush(
        "json-truncated",
        "The push ends inside a JSON value.",
        "Send the whole body; check Content-Length and time-outs on the way.",
    )


def _unreadable(detail: str) -> UnreadablePush:
    return UnreadablePush(
        "json-unreadable",
        detail,
        'Send {"fixes": [...]}, an array of objects, or one object a line (RFC 8259, UTF-8).',
    )
