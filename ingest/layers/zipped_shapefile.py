"""
Habitat polygons as a Shapefile (Esri 1998) in a zip: .shp, .dbf and .prj, with or without .cpg.

Names in the zip only pair its members; none is ever a path. Decode untrusted ones through
`ingest.layers.isolated`.
"""

from __future__ import annotations

import codecs
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import PurePosixPath

import numpy as np
import shapefile
import shapely
import shapely.errors
from numpy.typing import NDArray

from ingest.archive import RATIO_FLOOR_BYTES, RATIO_MAX
from ingest.directory import ZIP_MAGIC
from ingest.layers.polygons import PolygonLayer, ShapedFeature, build_layer
from ingest.layers.projection import Shaper, to_wgs84, unsupported
from ingest.layers.wanted import Wanted, only_table
from ingest.refusal import UnreadablePush

MAGIC = ZIP_MAGIC

MEMBERS_MAX = 1_000
"""Most members of a zip that are looked at."""

UNPACKED_MAX_BYTES = 536_870_912
"""Most bytes of the members that are read, unpacked: 512 MiB hold more than a layer may."""

UNREADABLE = "\ufffd"
"""Stands for bytes that are no character of the encoding."""

PARTS = (".shp", ".dbf", ".prj", ".cpg")
_POLYGONS = {shapefile.POLYGON, shapefile.POLYGONZ, shapefile.POLYGONM}
_ENCRYPTED = 0x1
_LANGUAGE_AT = 29  # byte of a .dbf header that names its code page
_LANGUAGES = {
    0x03: "cp1252", 0x13: "cp932", 0x26: "cp866", 0x4D: "gbk", 0x4E: "cp949", 0x4F: "cp950",
    0x57: "cp1252", 0x65: "cp866", 0x78: "cp950", 0x79: "cp949", 0x7A: "gbk", 0x7B: "cp932",
    0xC9: "cp1251",
}  # fmt: skip
_ISO_8859 = "8859"
_DAMAGE = (
    shapefile.ShapefileException, shapefile.PossiblyCorruptFileHeader, struct.error, ValueError,
    LookupError, OverflowError, OSError, TypeError, EOFError, MemoryError,
)  # fmt: skip
"""What pyshp raises at bytes that are no Shapefile."""


def decode_shapefile(payload: bytes, wanted: Wanted) -> PolygonLayer:
    """
    Decode the polygons of one Shapefile in a zip.

    Parameters
    ----------
    payload : bytes
        The zip, with the members in any folder of it.
    wanted : Wanted
        The Shapefile, where there are several, by its name without end; and its columns.

    Returns
    -------
    PolygonLayer
        Units are records, in the order of the file; deleted ones are none.

    Raises
    ------
    UnreadablePush
        Codes ``archive-damaged``, ``archive-method``, ``archive-ratio``, ``too-large``,
        ``shapefile-incomplete``, ``shapefile-unreadable``, ``layer-ambiguous``,
        ``encoding-unknown``, ``crs-unsupported``, ``too-many-features``, ``too-many-vertices``.
    """
    parts = _parts(payload, wanted)
    if ".prj" not in parts:
        raise unsupported("is not stated: the zip has no .prj")
    shaper = to_wgs84(parts[".prj"].decode("utf-8", "replace").strip("\0\ufeff \r\n"))
    encoding = _encoding(parts)
    try:
        # What pyshp suspects of a header is certain here: nothing else wrote these bytes.
        with warnings.catch_warnings(action="error", category=shapefile.PossiblyCorruptFileHeader):
            return _layer(parts, encoding, shaper, wanted)
    except _DAMAGE as error:
        raise _unreadable() from error


def _layer(parts: dict[str, bytes], encoding: str, shaper: Shaper, wanted: Wanted) -> PolygonLayer:
    with shapefile.Reader(
        shp=BytesIO(parts[".shp"]),
        dbf=BytesIO(parts[".dbf"]),
        encoding=encoding,
        encodingErrors="replace",
    ) as file:
        return build_layer(
            _features(file, shaper, encoding), wanted.class_property, wanted.date_property
        )


def _unreadable() -> UnreadablePush:
    return UnreadablePush(
        "shapefile-unreadable",
        "The Shapefile is damaged, or its .shp and .dbf do not belong together.",
        "Write it again and zip all of its files together.",
    )


def _parts(payload: bytes, wanted: Wanted) -> dict[str, bytes]:
    """Return the members of the wanted Shapefile by their ends, unpacked within bounds."""
    try:
        with zipfile.ZipFile(BytesIO(payload)) as archive:
            members = archive.infolist()
            if len(members) > MEMBERS_MAX:
                raise _incomplete(f"holds more than {MEMBERS_MAX:,} files")
            chosen = _chosen(members, wanted)
            return _unpacked(archive, chosen, len(payload))
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, struct.error, ValueError) as error:
        raise UnreadablePush(
            "archive-damaged",
            "The archive is damaged or ends too early.",
            "Make the archive again and send the whole of it.",
        ) from error
    except (NotImplementedError, RuntimeError) as error:
        raise _packed_otherwise() from error


def _packed_otherwise() -> UnreadablePush:
    return UnreadablePush(
        "archive-method",
        "The archive is encrypted or packed by a method that is not read.",
        "Make a plain zip.",
    )


def _incomplete(why: str) -> UnreadablePush:
    return UnreadablePush(
        "shapefile-incomplete",
        f"The zip {why}.",
        "Zip the .shp, .dbf, .prj and .cpg of one Shapefile together.",
    )


def _chosen(members: list[zipfile.ZipInfo], wanted: Wanted) -> dict[str, zipfile.ZipInfo]:
    by_stem: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for member in members:
        path = PurePosixPath(member.filename)
        end = path.suffix.lower()
        # Files that a Macintosh adds to a zip bear the names of the others.
        if end in PARTS and not path.name.startswith("._"):
            by_stem.setdefault(str(path.with_suffix("")), {}).setdefault(end, member)
    shapes = {PurePosixPath(stem).name: found for stem, found in by_stem.items() if ".shp" in found}
    if not shapes:
        raise _incomplete("holds no .shp")
    found = shapes[only_table(list(shapes), wanted.table)]
    if ".dbf" not in found:
        raise _incomplete("holds no .dbf beside the .shp")
    return found


def _unpacked(
    archive: zipfile.ZipFile, chosen: dict[str, zipfile.ZipInfo], packed_size: int
) -> dict[str, bytes]:
    allowed = min(UNPACKED_MAX_BYTES, max(RATIO_FLOOR_BYTES, RATIO_MAX * packed_size))
    out: dict[str, bytes] = {}
    for end, member in chosen.items():
        if member.flag_bits & _ENCRYPTED:
            raise _packed_otherwise()
        left = allowed - sum(map(len, out.values()))
        with archive.open(member) as file:
            out[end] = file.read(left + 1)
        if len(out[end]) > left:
            if allowed == UNPACKED_MAX_BYTES:
                raise UnreadablePush(
                    "too-large",
                    f"The Shapefile holds more than {UNPACKED_MAX_BYTES:,} bytes.",
                    "Simplify the polygons, or send the layer in parts.",
                )
            raise UnreadablePush(
                "archive-ratio",
                f"The archive grows more than {RATIO_MAX}-fold.",
                "Pack the Shapefile with a lower compression.",
            )
    return out


def _encoding(parts: dict[str, bytes]) -> str:
    """
    Return the encoding of the texts: as the .cpg says, else as the .dbf, else UTF-8.

    Code pages have numbers: ``936``, ``ANSI 1251``, ``88591`` (ISO 8859-1), ``65001`` (UTF-8).
    """
    said = parts.get(".cpg", b"")[:100].decode("ascii", "replace").strip("\0\ufeff \r\n")
    if not said:
        header = parts[".dbf"][_LANGUAGE_AT : _LANGUAGE_AT + 1]
        return _LANGUAGES.get(header[0] if header else 0, "utf-8")
    number = said.upper().removeprefix("ANSI").removeprefix("OEM").strip(" -_")
    name = said
    if number.isascii() and number.isdigit():
        name = {"65001": "utf-8"}.get(number, f"cp{number}")
        if number.startswith(_ISO_8859):
            name = f"iso8859-{number.removeprefix(_ISO_8859)}"
    try:
        found = codecs.lookup(name)
    except (LookupError, ValueError) as error:
        raise _encoding_unknown(said) from error
    if not getattr(found, "_is_text_encoding", True):
        raise _encoding_unknown(said)
    return found.name


def _encoding_unknown(said: str) -> UnreadablePush:
    return UnreadablePush(
        "encoding-unknown",
        f"The texts of the Shapefile are not {said[:40]!r}, or that is no encoding.",
        "Put a .cpg into the zip that names the encoding, such as UTF-8 or GBK.",
    )


def _features(file: shapefile.Reader, shaper: Shaper, encoding: str) -> Iterator[ShapedFeature]:
    records = file.iterRecords(deleted_as_None=True)
    for shape, record in zip(file.iterShapes(), records, strict=True):
        if record is None:
            continue
        found = _shape(shape)
        properties = {name: _whole(value, encoding) for name, value in record.as_dict().items()}
        yield ShapedFeature(found if isinstance(found, str) else shaper(found), properties)


def _whole(value: object, encoding: str) -> object:
    """Return a value; a text that the width of its column cut within a character loses that."""
    if not isinstance(value, str):
        return value
    text = value.rstrip(UNREADABLE)
    if UNREADABLE in text or (value and not text):
        raise _encoding_unknown(encoding)
    return text


def _shape(shape: shapefile.Shape) -> shapely.Geometry | str:
    """Put the rings of a record together, or give the code of its refusal."""
    if shape.shapeType not in _POLYGONS:
        return "geometry-type"
    points = np.array(shape.points, dtype=np.float64)[:, :2] if shape.points else np.empty((0, 2))
    starts = np.array(shape.parts, dtype=np.int64)
    if not points.size or not starts.size:
        return "geometry-empty"
    if not np.isfinite(points).all():
        return "coordinate-not-a-number"
    lengths = np.diff(np.append(starts, points.shape[0]))
    if starts[0] != 0 or (lengths < 4).any():
        return "geometry-malformed"
    ring = np.repeat(np.arange(starts.shape[0]), lengths)
    try:
        return _polygons(shapely.linearrings(points, indices=ring))
    except shapely.errors.ShapelyError:
        return "geometry-malformed"


def _polygons(rings: NDArray[np.object_]) -> shapely.MultiPolygon:
    """
    Give each hole to the smallest shell around it.

    Shells run clockwise and holes the other way (Esri 1998, p. 8); a hole that lies in no shell
    is taken for a shell that was written the wrong way round.
    """
    areas = shapely.polygons(rings)
    hole = shapely.is_ccw(rings)
    shells, holes = np.flatnonzero(~hole), np.flatnonzero(hole)
    tree = shapely.STRtree(areas[shells])
    inner, outer = tree.query(shapely.point_on_surface(areas[holes]), predicate="within")
    order = np.lexsort((shapely.area(areas[shells])[outer], inner))
    owned: dict[int, int] = {}
    for k in order.tolist():
        owned.setdefault(int(holes[inner[k]]), int(shells[outer[k]]))
    inside: dict[int, list[shapely.LinearRing]] = {int(k): [] for k in shells}
    for k in holes.tolist():
        if k in owned:
            inside[owned[k]].append(rings[k])
        else:
            inside[k] = []
    return shapely.MultiPolygon([shapely.Polygon(rings[k], inside[k]) for k in sorted(inside)])
