"""Bytes of a push to what the decoders take."""

from __future__ import annotations

from ingest.encoding import to_utf8
from ingest.formats.elements import begins_json
from ingest.formats.xml import looks_like_xml
from ingest.record import Warning_


def as_text(payload: bytes, encoding: str | None) -> tuple[bytes, list[Warning_]]:
    r"""
    Give UTF-8, or the bytes themselves where they say how they are to be read.

    Those are XML, workbooks, and JSON for which no encoding is declared. Parameters, warnings
    and errors are those of `encoding.to_utf8`.

    Examples
    --------
    >>> as_text(b"caf\xe9", "latin-1")[0].decode()
    'café'
    """
    if looks_like_xml(payload) or payload.startswith(b"PK"):
        return payload, []
    if begins_json(payload) and encoding is None:
        return payload, []
    return to_utf8(payload, encoding)
