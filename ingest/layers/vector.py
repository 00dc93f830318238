"""
Polygons in binary files: the first bytes tell which decoder reads them.

Decode untrusted ones through `ingest.layers.isolated`, which runs this module as a child process
with limits (``python -m ingest.layers.vector WANTED`` < file > layer).
"""

from __future__ import annotations

import sys
from typing import NoReturn

import msgspec

from ingest.layers import geopackage, zipped_shapefile
from ingest.layers.limits import PAYLOAD_MAX_BYTES, answer
from ingest.layers.polygons import PolygonLayer
from ingest.layers.wanted import Wanted
from ingest.refusal import UnreadablePush

DECODERS = {
    geopackage.MAGIC: geopackage.decode_geopackage,
    zipped_shapefile.MAGIC: zipped_shapefile.decode_shapefile,
}
MARKS = tuple(DECODERS)


def decode_vector(payload: bytes, wanted: Wanted) -> PolygonLayer:
    """
    Decode a GeoPackage or a zipped Shapefile, whichever the first bytes say.

    Raises
    ------
    UnreadablePush
        Code ``too-large``, and the codes of `geopackage.decode_geopackage` and
        `zipped_shapefile.decode_shapefile`.
    """
    if len(payload) > PAYLOAD_MAX_BYTES:
        raise UnreadablePush(
            "too-large",
            f"The layer holds more than {PAYLOAD_MAX_BYTES:,} bytes.",
            "Simplify the polygons, or send the layer in parts.",
        )
    decode = next(decode for mark, decode in DECODERS.items() if payload.startswith(mark))
    return decode(payload, wanted)


def main() -> int:
    """Decode stdin to a layer on stdout; a refusal goes to stderr as JSON, with exit code 1."""

    def decoded(payload: bytes) -> bytes:
        wanted = msgspec.json.decode(sys.argv[1], type=Wanted)
        return msgspec.msgpack.encode(decode_vector(payload, wanted))

    return answer(decoded)


def _run() -> NoReturn:
    sys.exit(main())


if __name__ == "__main__":
    _run()
