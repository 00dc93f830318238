"""
The decoders: bytes in, records and refusals out.

This is the only door: whoever decodes calls the names below and nothing deeper. All of it is
pure (no file but those handed in, no clock, setting or network) and total: any bytes give records
and refusals, or `UnreadablePush`, and never another exception.
"""

from __future__ import annotations

from ingest.archive import left_out, unpack
from ingest.correction import Correction, CorrectionRefused
from ingest.dates import DATE_ORDERS
from ingest.datum import DATUMS
from ingest.encoding import ENCODINGS
from ingest.formats import Format
from ingest.formats.microwave_tab import tag_of_file
from ingest.formats.movebank_reference_csv import (
    DecodedReference,
    Deployment,
    decode_reference,
)
from ingest.known import FORMATS, sniff, tag_within
from ingest.mapping import ColumnMapping, MappingRefused, read_mapping, write_mapping
from ingest.pieces import decode_pieces
from ingest.record import RECORD_SCHEMA, SENSORS, Decoded, Warning_
from ingest.refusal import Refusal, UnreadablePush
from ingest.sent import Push, open_push
from ingest.vocabulary import tag_of_name_not_used
from ingest.whole import decode, decode_many, refused_texts

__all__ = [
    "DATE_ORDERS",
    "DATUMS",
    "ENCODINGS",
    "FORMATS",
    "RECORD_SCHEMA",
    "SENSORS",
    "ColumnMapping",
    "Correction",
    "CorrectionRefused",
    "Decoded",
    "DecodedReference",
    "Deployment",
    "Format",
    "MappingRefused",
    "Push",
    "Refusal",
    "UnreadablePush",
    "Warning_",
    "decode",
    "decode_many",
    "decode_pieces",
    "decode_reference",
    "left_out",
    "open_push",
    "read_mapping",
    "refused_texts",
    "sniff",
    "tag_of_file",
    "tag_of_name_not_used",
    "tag_within",
    "unpack",
    "write_mapping",
]
