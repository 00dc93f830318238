"""One wire format per file; what every format is, and how its decoder is called."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.record import Decoded
from ingest.refusal import UnreadablePush


class Decoder(Protocol):
    """How every decoder is called."""

    def __call__(self, payload: bytes, *, tz: str, now_us: int) -> Decoded:
        """Decode one push."""


class ToldDecoder(Protocol):
    """How a decoder is called of a format whose units need not name their tag."""

    def __call__(self, payload: bytes, *, tz: str, now_us: int, tag: str | None = None) -> Decoded:
        """Decode one push; units that name neither a tag nor a bird are of the one told."""


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
    decode_told : ToldDecoder or None
        The same, told the tag of units that name none, where there can be such.
    """

    name: str
    description: str
    media_types: tuple[str, ...]
    decode: Decoder
    decode_many: ManyDecoder | None = None
    decode_told: ToldDecoder | None = None
