"""Rows as CSV, for callers that ask for it by `format=csv` or by Accept."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request, Response

CSV = "text/csv"
_RISKY = ("=", "+", "-", "@", "\t", "\r")


async def _wants_csv(
    request: Request,
    format: Annotated[  # noqa: A002 - the word of the contract
        Literal["json", "csv"] | None, Query(description="else by Accept: text/csv, or JSON")
    ] = None,
) -> bool:
    if format is not None:
        return format == "csv"
    told = request.headers.get("accept", "").lower()
    return CSV in told and "application/json" not in told


WantsCsv = Annotated[bool, Depends(_wants_csv)]
"""Whether the caller wants CSV."""


def csv_answer(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    name: str,
    *,
    link: str | None = None,
) -> Response:
    """Answer rows as CSV (RFC 4180, UTF-8), whole or as a page with its Link."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Vary": "Accept",
        "Cache-Control": "no-store",
    }
    if link is not None:
        headers["Link"] = f'<{link}>; rel="next"'
    return Response(out.getvalue(), media_type=f"{CSV}; charset=utf-8", headers=headers)


def _cell(value: Any) -> str:
    """Return a cell; text that a spreadsheet would take for a formula is marked as text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return _cell("; ".join(map(str, value)))
    if hasattr(value, "isoformat"):
        return str(value.isoformat().replace("+00:00", "Z"))
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_RISKY) else value
    return repr(value) if isinstance(value, int | float) else str(value)
