"""Vectronic Aerospace: positions as CSV, with the names of its web service."""

from __future__ import annotations

from functools import partial

from ingest.formats import vectronic_json
from ingest.formats.layout import Layout, decode_sheet

NAME = "vectronic-csv"

LAYOUT = Layout(
    name=NAME,
    marks=frozenset({"idcollar", "acquisitiontime"}),
    fields=vectronic_json.LAYOUT.fields,
    times=vectronic_json.LAYOUT.times,
)

fits = LAYOUT.fits
decode = partial(decode_sheet, LAYOUT)
