"""XML as events within limits: no DTD, no entity, no outside reference, bounded depth and text."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.sax import SAXException
from xml.sax.handler import ContentHandler
from xml.sax.xmlreader import AttributesImpl, Locator

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from ingest.admission import UNITS_MAX
from ingest.refusal import EXCERPT_MAX_CHARS, UnreadablePush

DEPTH_MAX = 64
"""Elements within elements; Argos data need 8, GPX 6."""

TEXT_MAX_CHARS = 65_536
"""Text of one element [characters]."""

_FEED_BYTES = 65_536
_RETURN = re.compile(rb"<(?:\w+:)?return>(.*?)(?:</(?:\w+:)?return>|\Z)", re.DOTALL)
_DECLARATION = re.compile(rb"<\?xml[^>]*\?>")


@dataclass(frozen=True, slots=True)
class Unit:
    """
    One element of the wanted name.

    Attributes
    ----------
    values : dict of str to str
        Text and attributes within, by path (``location/latitude``, ``@lat``); the first of each
        path. ``/`` is the name of the element, ``/platform`` what the element around it says.
    offset : int
        Where it begins [bytes].
    broken : bool
        Whether the XML ended or broke inside it.
    """

    values: dict[str, str]
    offset: int
    broken: bool = False


def unwrap(payload: bytes) -> bytes:
    """
    Give the data of a SOAP answer, escaped or not, each line where it was; other bytes as given.

    CLS wraps its data twice: a MIME part with a SOAP envelope, in whose ``return`` stands the
    document, escaped.
    """
    if not re.search(rb"<(?:\w+:)?Envelope\b", payload[:4_096]):
        return payload
    found = _RETURN.search(payload)
    if not found:
        return payload
    inner = found[1]
    if b"&lt;" in inner:
        inner = html.unescape(inner.decode("utf-8", errors="replace")).encode("utf-8")
    return b"\n" * payload[: found.start(1)].count(b"\n") + inner


def looks_like_xml(payload: bytes) -> bool:
    """Whether the first character can begin XML, or the MIME part of a SOAP answer."""
    head = payload[:4_096].removeprefix(b"\xef\xbb\xbf").lstrip()
    utf16 = payload[:4] in (b"\xff\xfe<\0", b"\xfe\xff\0<")
    return head[:1] == b"<" or utf16 or (head[:2] == b"--" and b"Envelope" in head)


def read_units(payload: bytes, names: frozenset[str], context: Mapping[str, str]) -> list[Unit]:
    """
    Read the elements of some names.

    Parameters
    ----------
    payload : bytes
        The document, in the encoding it declares.
    names : frozenset of str
        Elements wanted, without name space; they do not hold each other.
    context : mapping of str to str
        Elements around them, each to the child whose text is wanted too.

    Returns
    -------
    list of Unit
        Where the document breaks off or is malformed, the last is broken.

    Raises
    ------
    UnreadablePush
        Codes ``xml-unreadable``, ``xml-unsafe``, ``too-many-units``.
    """
    parser = make_parser()
    handler = _Units(names, context, parser)
    parser.forbid_dtd = True
    parser.setContentHandler(handler)
    text = payload
    if payload[:1].isspace():  # after unwrapping; a declaration may stand at the very start only
        text = _DECLARATION.sub(lambda found: b" " * len(found[0]), payload, count=1)
    if not text.strip():
        raise _unreadable()
    broken = False
    try:
        for start in range(0, len(text), _FEED_BYTES):
            parser.feed(text[start : start + _FEED_BYTES])
        parser.close()
    except DefusedXmlException as error:
        raise UnreadablePush(
            "xml-unsafe",
            "The XML declares a document type or entities.",
            "Send plain XML without DOCTYPE.",
        ) from error
    except (SAXException, ValueError, LookupError) as error:
        broken = True
        if not handler.units and not handler.inside:
            raise _unreadable() from error
    places = _offsets(payload, handler.places)
    units = [Unit(v, o) for v, o in zip(handler.units, places, strict=False)]
    if broken:
        units.append(Unit({}, places[-1] if handler.inside else len(payload), broken=True))
    return units


def _unreadable() -> UnreadablePush:
    return UnreadablePush(
        "xml-unreadable",
        "The XML is malformed before its first record.",
        "Send the whole document, well-formed.",
    )


def excerpt(payload: bytes, offset: int) -> str:
    """Start of a unit as text."""
    return payload[offset : offset + 4 * EXCERPT_MAX_CHARS].decode("utf-8", errors="replace")


def _offsets(payload: bytes, places: list[tuple[int, int]]) -> list[int]:
    """Lines and columns [characters] to offsets [bytes], which are the same in ASCII."""
    breaks = np.flatnonzero(np.frombuffer(payload, dtype=np.uint8) == ord("\n"))
    starts = np.concatenate([[0], breaks + 1])
    return [
        min(int(starts[min(line, starts.size) - 1]) + column, len(payload))
        for line, column in places
    ]


class _Units(ContentHandler):
    """Collects the wanted elements."""

    def __init__(self, names: frozenset[str], context: Mapping[str, str], locator: Locator) -> None:
        super().__init__()
        self.units: list[dict[str, str]] = []
        self.places: list[tuple[int, int]] = []
        self.inside = 0  # length of the path at the open unit, 0 outside
        self._names, self._context = names, context
        self._around: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._path: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._locator = locator

    def startElement(self, name: str, attrs: AttributesImpl) -> None:  # noqa: N802 - SAX's name
        """Begin an element."""
        bare = name.rpartition(":")[2]
        self._path.append(bare)
        if len(self._path) > DEPTH_MAX:
            raise SAXException("nested too deeply")
        self._text, self._length = [], 0
        if bare in self._context:
            self._around.pop(bare, None)
        if not self.inside and bare in self._names:
            if len(self.units) == UNITS_MAX:
                raise UnreadablePush(
                    "too-many-units",
                    f"The push holds more than {UNITS_MAX:,} records.",
                    "Send the file in parts.",
                )
            self.inside = len(self._path)
            self._values = {f"/{key}": value for key, value in self._around.items()}
            self._values["/"] = bare
            self.places.append(
                (self._locator.getLineNumber() or 1, self._locator.getColumnNumber() or 0)
            )
        if self.inside:
            for key in attrs.getNames():
                path = "/".join([*self._path[self.inside :], f"@{key}"])
                self._values.setdefault(path, attrs.getValue(key))

    def characters(self, content: str) -> None:
        """Take text."""
        self._length += len(content)
        if self._length > TEXT_MAX_CHARS:
            raise SAXException("text too long")
        self._text.append(content)

    def endElement(self, name: str) -> None:  # noqa: ARG002, N802 - SAX's name and its argument
        """End an element."""
        text = "".join(self._text).strip()
        self._text, self._length = [], 0
        bare = self._path[-1]
        around = self._path[-2] if len(self._path) > 1 else ""
        if self.inside == len(self._path):
            self.units.append(self._values)
            self.inside = 0
        elif self.inside and text:
            self._values.setdefault("/".join(self._path[self.inside :]), text)
        elif self._context.get(around) == bare and text:
            self._around[around] = text
        if bare in self._context:
            self._around.pop(bare, None)
        self._path.pop()
