"""
The decoders: bytes in, records and refusals out.

This is the only door: whoever decodes calls the names below and nothing deeper. All of it is
pure (no file, clock, setting or network) and total: any bytes give records and refusals, or
`UnreadablePush`, and never another exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from ingest.archive import unpack
from ingest.formats import argos_diag, flyways_json, movebank_csv, movebank_reference_csv
from ingest.formats.delimited import open_sheet
from ingest.formats.movebank_reference_csv import (
    DecodedReference,
    Deployment,
    decode_reference,
)
from ingest.record import RECORD_SCHEMA, SENSORS, Decoded, Warning_
from ingest.refusal import Refusal, UnreadablePush

__all__ = [
    "FORMATS",
    "RECORD_SCHEMA",
    "SENSORS",
    "Decoded",
    "DecodedReference",
    "Deployment",
    "Format",
    "Refusal",
    "UnreadablePush",
    "Warning_",
    "decode",
    "decode_many",
    "decode_reference",
    "sniff",
    "unpack",
]


class Decoder(Protocol):
    """How every decoder is called."""

    def __call__(self, payload: bytes, *, tz: str, now_us: int) -> Decoded:
        """Decode one push."""


class ManyDecoder(Protocol):
    """How a decoder is called that reads several pushes at little more than the cost of one."""

    def __call__(
        self, payloads: Sequence[bytes], *, tz: str, now_us: Sequence[int]
    ) -> list[Decoded | UnreadablePush]:
        """Decode each push."""


@dataclass(frozen=True, slots=True)
class Format:
    """
    One wire format.

    Attributes
    ----------
    name : str
        Stable name, as in ``format=``.
    description : str
        One line for people.
    media_types : tuple of str
        What senders label it.
    decode : Decoder
        Its decoder.
    decode_many : ManyDecoder or None
        The same for many pushes at once, where small ones are common.
    """

    name: str
    description: str
    media_types: tuple[str, ...]
    decode: Decoder
    decode_many: ManyDecoder | None = None


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            Format(
                movebank_csv.NAME,
                "Movebank event data: GPS and Argos fixes, one a row.",
                ("text/csv", "text/tab-separated-values"),
                movebank_csv.decode,
            ),
            Format(
                movebank_reference_csv.NAME,
                "Movebank reference data: which tag was on which animal, from when to when.",
                ("text/csv",),
                movebank_reference_csv.decode,
            ),
            Format(
                argos_diag.NAME,
                "Argos DIAG text (.DIA): one block for each satellite pass.",
                ("text/plain",),
                argos_diag.decode,
            ),
            Format(
                flyways_json.NAME,
                "Generic JSON: an object with fixes, an array, or one object a line.",
                ("application/json", "application/x-ndjson"),
                flyways_json.decode,
                flyways_json.decode_many,
            ),
        )
    }
)
"""Every format by name."""


def sniff(payload: bytes) -> str | None:
    r"""
    Name the format of a payload by its first bytes.

    Parameters
    ----------
    payload : bytes
        Not compressed, see `unpack`.

    Returns
    -------
    str or None
        A key of `FORMATS`, None where none fits.

    Examples
    --------
    >>> sniff(b"tag-id,animal-id,deploy-on-date\n")
    'movebank-reference-csv'
    """
    if flyways_json.accepts(payload):
        return flyways_json.NAME
    if argos_diag.accepts(payload):
        return argos_diag.NAME
    return _sniff_sheet(payload)


def _sniff_sheet(payload: bytes) -> str | None:
    """Name the format of a delimited file by its header line."""
    try:
        header = open_sheet(payload[:_SNIFF_BYTES]).header
    except UnreadablePush:
        return None
    candidates: tuple[tuple[str, Callable[[list[str]], bool]], ...] = (
        (movebank_csv.NAME, movebank_csv.accepts),
        (movebank_reference_csv.NAME, movebank_reference_csv.accepts),
    )
    return next((name for name, accepts in candidates if accepts(header)), None)


_SNIFF_BYTES = 131_072  # twice the longest header line accepted [bytes]


def decode(
    payload: bytes,
    *,
    format: str | None = None,
    tz: str = "UTC",
    now_us: int,
) -> Decoded:
    """
    Decode one push.

    Parameters
    ----------
    payload : bytes
        Not compressed, see `unpack`.
    format : str or None
        A key of `FORMATS`; None to sniff it.
    tz : str
        Zone of times that carry none: ``UTC``, ``UTC+8``, ``+08:00``, ``Asia/Seoul``.
    now_us : int
        The present [us since 1970-01-01 UTC]. Times over a day ahead of it, or before 1978, are
        refused.

    Returns
    -------
    Decoded
        ``units == records.height + len(refusals)``.

    Raises
    ------
    UnreadablePush
        The push as a whole can't be read; its code tells why.

    Examples
    --------
    >>> text = b'{"tag":"6118","time":"2018-07-05T10:48:10Z","lon":82.1,"lat":95}'
    >>> decode(text, now_us=1_700_000_000_000_000).refusals[0].code
    'latitude-out-of-range'
    """
    name = sniff(payload) if format is None else format
    if name is None:
        raise UnreadablePush(
            "format-unknown",
            "The push looks like no known format.",
            f"Name its format: one of {', '.join(FORMATS)}.",
        )
    if name not in FORMATS:
        raise UnreadablePush(
            "format-unknown",
            f"There is no format {name[:60]!r}.",
            f"Name one of {', '.join(FORMATS)}.",
        )
    return FORMATS[name].decode(payload, tz=tz, now_us=now_us)


def decode_many(
    payloads: Sequence[bytes],
    *,
    format: str | None = None,
    tz: str = "UTC",
    now_us: Sequence[int],
) -> list[Decoded | UnreadablePush]:
    """
    Decode pushes of one format and zone: each as `decode` does it alone.

    Parameters
    ----------
    payloads : sequence of bytes
        Not compressed, see `unpack`.
    format : str or None
        A key of `FORMATS`; None to sniff it, push by push.
    tz : str
        Zone of times that carry none.
    now_us : sequence of int
        The present of each push [us since 1970-01-01 UTC].

    Returns
    -------
    list of Decoded or UnreadablePush
        What `decode` gives or raises, in the order of the pushes.

    Examples
    --------
    >>> text = b'{"tag":"6118","time":"2018-07-05T10:48:10Z","lon":82.1,"lat":46.1}'
    >>> now = 1_700_000_000_000_000
    >>> first, second = decode_many([text, b"?"], now_us=[now, now])
    >>> first.units, second.code
    (1, 'format-unknown')
    """
    known = FORMATS.get(format or "")
    if len(payloads) > 1 and known is not None and known.decode_many is not None:
        return known.decode_many(payloads, tz=tz, now_us=now_us)
    found: list[Decoded | UnreadablePush] = []
    for payload, now in zip(payloads, now_us, strict=True):
        try:
            found.append(decode(payload, format=format, tz=tz, now_us=now))
        except UnreadablePush as unreadable:
            found.append(unreadable)
    return found
