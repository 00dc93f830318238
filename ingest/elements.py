"""A JSON push cut into its elements: ``{"fixes": [...]}``, an array, or one object a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from ingest.refusal import UnreadablePush

SPACE = b" \t\r\n"

# Strings, brackets and commas; a string that never closes matches no alternative but the last.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]|"', re.DOTALL)


def elements_of(payload: bytes) -> list[bytes]:
    """
    Cut a push into its elements, each as its own bytes.

    An element that is no JSON is one element still, so that it spoils no other.

    Raises
    ------
    UnreadablePush
        Codes ``json-truncated``, ``json-unreadable``.

    Examples
    --------
    >>> elements_of(b'{"fixes": [{"a": 1}, {broken}]}')
    [b'{"a": 1}', b'{broken}']
    """
    text = payload.removeprefix(b"\xef\xbb\xbf").strip(SPACE)
    if text[:1] not in (b"{", b"["):
        raise _unreadable("The push is neither an object nor an array.")
    try:
        return _elements_of_valid(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _elements_of_any(text)


def _elements_of_valid(text: bytes) -> list[bytes]:
    """Elements of a push that is one valid JSON value."""
    if text[:1] == b"[":
        return [bytes(raw) for raw in msgspec.json.decode(text, type=list[msgspec.Raw])]
    whole = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    if "fixes" not in whole:
        return [text]
    if text.count(b'"fixes"') > 1 and len(_fixes_at(text)) > 1:
        raise _unreadable("The push names its key fixes twice.")
    return [bytes(raw) for raw in msgspec.json.decode(whole["fixes"], type=list[msgspec.Raw])]


def _elements_of_any(text: bytes) -> list[bytes]:
    """Elements of a push that is NDJSON, or that holds an element which is no JSON."""
    if text[:1] == b"[":
        return list(_split_array(text, 0))
    starts = _fixes_at(text)
    if starts:
        return list(_split_array(text, starts[0]))
    lines = [line for line in text.split(b"\n") if line.strip(SPACE)]
    if len(lines) == 1 and not text.endswith(b"}"):
        raise _truncated()
    return lines


def _fixes_at(text: bytes) -> list[int]:
    """Offsets of the arrays under the top-level key ``fixes``."""
    starts: list[int] = []
    depth = 0
    key = b""
    for token in _TOKEN.finditer(text):
        found = token[0]
        if found in (b"{", b"["):
            if depth == 1 and found == b"[" and key == b'"fixes"':
                starts.append(token.start())
            depth += 1
        elif found in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and found not in (b":", b","):
            key = found
        if depth == 0 or found == b'"':
            break
    return starts


def _split_array(text: bytes, start: int) -> Iterator[bytes]:
    """Cut the array that begins at `start` into elements by brackets and strings alone."""
    depth = 0
    begin = start + 1
    for token in _TOKEN.finditer(text, start):
        found = token[0]
        if found == b'"':
            break
        if found in (b"{", b"["):
            depth += 1
        elif found in (b"}", b"]"):
            depth -= 1
        closes = depth == 0
        if closes or (found == b"," and depth == 1):
            element = text[begin : token.start()].strip(SPACE)
            if element or not closes or text[start + 1 : token.start()].strip(SPACE):
                yield element
            begin = token.end()
        if closes:
            _check_tail(text[token.end() :], wrapped=start > 0)
            return
    raise _truncated()


def _check_tail(tail: bytes, *, wrapped: bool) -> None:
    """Refuse a push that goes on after its array, other than to close its object."""
    rest = tail.strip(SPACE)
    if wrapped and not rest.endswith(b"}"):
        raise _truncated()
    if not wrapped and rest:
        raise _unreadable("The push goes on after its array.")


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
