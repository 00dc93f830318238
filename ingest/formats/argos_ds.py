"""Argos DS text (``.DAT``, dispose, PRV): a header line for each pass, then its messages."""

from __future__ import annotations

import re

import polars as pl

from ingest.admission import admit
from ingest.clock import parse_times
from ingest.formats.lines import LINE_MAX_CHARS, text_lines
from ingest.reasons import refuse
from ingest.record import Decoded, Warning_
from ingest.refusal import UnreadablePush

NAME = "argos-ds"

_TIME = "[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}"
_HEADER = (
    "^ ?[0-9]{1,6} +(?P<tag>[0-9]{1,8}) +(?P<lines>[0-9]{1,3}) +(?P<sensors>[0-9]{1,3})"
    f" +[0-9A-Z]{{1,2}}(?: +(?P<argos_class>[3210ABZG]) +(?P<time>{_TIME})"
    " +(?P<lat>[^ ]+) +(?P<lon>[^ ]+)(?P<rest>(?: +[^ ]+){0,2}))?$"
)
"""
Program, PTT, lines, sensors, satellite; then of a located pass class, time, place, the altitude
it was computed with [km], which is not the bird's, and the frequency [Hz].
"""

_BEGINS = r"^ {0,2}[^ ]"
_NEXT = re.compile(rb"[\r\n][ \t]{0,2}[^ \t\r\n]")
_MESSAGE = f"^ +({_TIME}) +[0-9]+"
_BEFORE_SENSORS = 3  # date, time and compression index stand before the sensors of a message


def accepts(payload: bytes) -> bool:
    """Whether one of the first lines is the header of a pass with its first message below."""
    lines = text_lines(payload[:4_096])
    heads = lines.select(
        pl.col("text").str.contains(_HEADER)
        & pl.col("text").shift(-1).str.contains(_MESSAGE).fill_null(value=False)
    )
    return bool(heads.to_series().any())


def decode(payload: bytes, *, tz: str = "UTC", now_us: int) -> Decoded:
    """
    Decode Argos DS text.

    A unit is a pass: a header line and all up to the next. A pass without location is a record
    without position at the time of its middle message, which is most often the one that DIAG
    dates the pass by. The header counts its lines and the sensors of a message; a pass whose
    messages fall short keeps its location, which stands in the header alone, and is refused
    where it has none, or where the text ends with the longitude: it may be cut. Longitudes run to
    360. The PTT is the tag, without leading zeros. Sensor values are left to the raw bytes.

    ``tz`` is not used: Argos times are UTC.

    Raises
    ------
    UnreadablePush
        Codes ``no-passes`` and ``too-many-units``.

    References
    ----------
    CLS, Argos User's Manual, section 5 (DS and PRV commands).
    """
    del tz
    lines = text_lines(payload).with_columns(
        pl.col("text").str.contains(_BEGINS).cum_sum().cast(pl.Int64).alias("unit")
    )
    outside = lines.filter(pl.col("unit") == 0).height
    lines = lines.filter(pl.col("unit") > 0)
    heads = lines.group_by("unit", maintain_order=True).first()
    heads = heads.with_columns(pl.col("text").str.extract_groups(_HEADER).alias("found"))
    heads = heads.unnest("found")
    if heads["tag"].null_count() == heads.height:
        raise UnreadablePush(
            "no-passes",
            "No line reads 'program PTT lines sensors satellite'.",
            "Send the DS text as CLS delivers it, or name another format.",
        )
    long = lines.filter(pl.col("text").str.len_chars() >= LINE_MAX_CHARS)["unit"].unique()
    bodies = _bodies(lines, heads)
    passes = heads.join(bodies, on="unit", how="left", maintain_order="left")
    located = pl.col("argos_class").is_not_null()
    is_open = pl.lit(bool(payload[-1:].strip())) & (pl.col("offset") == lines["offset"].max())
    candidates = passes.select(
        "unit",
        "text",
        "offset",
        "argos_class",
        pl.col("fault").alias("body_fault"),
        pl.lit("argos").alias("sensor"),
        tag=pl.col("tag").str.replace("^0+([0-9])", "${1}"),
        lon=pl.when(located).then(_degrees("lon")),
        lat=pl.when(located).then(_degrees("lat")),
        time_us=parse_times(passes.select(pl.coalesce("time", "middle")).to_series(), None),
        code=pl.when(pl.col("unit").is_in(long.implode()))
        .then(pl.lit("line-too-long"))
        .when(pl.col("tag").is_null())
        .then(pl.lit("pass-header-unreadable"))
        .when(~located | (is_open & (pl.col("rest") == "")))
        .then(pl.col("fault")),
    )
    refused = [
        refuse(unit, text, code, offset)
        for unit, text, offset, code in candidates.filter(pl.col("code").is_not_null())
        .select("unit", "text", "offset", "code")
        .iter_rows()
    ]
    good = candidates.filter(pl.col("code").is_null())
    return admit(
        good.drop("code"),
        format=NAME,
        now_us=now_us,
        origin=lambda bad: list(bad.select("text", "offset").iter_rows()),
        refused=refused,
        warnings=_warnings(outside, good["body_fault"].count()),
    )


def pass_end(payload: bytes, start: int) -> int:
    r"""
    Return where the pass that begins at `start` ends: before the line end above the next header.

    Examples
    --------
    >>> pass_end(b"09660 7 2 1 K\n      2018-07-05 10:49:10  1\n\n09660 8 1 1 K\n", 0)
    42
    """
    found = _NEXT.search(payload, start)
    return start + len(payload[start : found.start() if found else None].rstrip())


def _degrees(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False).fill_null(float("nan"))


def _bodies(lines: pl.DataFrame, heads: pl.DataFrame) -> pl.DataFrame:
    """
    Look through the messages of each pass.

    Returns
    -------
    polars.DataFrame, shape (passes, 3)
        ``unit``; ``middle``, time of the middle message as text; ``fault``, a code or null.
    """
    counts = heads.select("unit", pl.col("lines", "sensors").cast(pl.Int64).name.prefix("stated_"))
    body = lines.filter(pl.col("unit") == pl.col("unit").shift(1)).with_columns(
        time=pl.col("text").str.extract(_MESSAGE),
        words=pl.col("text").str.count_matches(r"[^ ]+").cast(pl.Int64),
    )
    body = body.with_columns(number=pl.col("time").is_not_null().cum_sum().over("unit"))
    messages = body.group_by("unit", "number", maintain_order=True).agg(
        time=pl.col("time").first(),
        lines=pl.len().cast(pl.Int64),
        sensors=pl.col("words").sum() - _BEFORE_SENSORS,
    )
    messages = messages.join(counts, on="unit", how="left", maintain_order="left")
    # Longer messages than stated are real: some tags send several sensor formats in one pass.
    fits = (pl.col("sensors") >= pl.col("stated_sensors")) & (pl.col("number") > 0)
    passes = messages.group_by("unit", maintain_order=True).agg(
        middle=pl.col("time")
        .drop_nulls()
        .get(pl.col("time").drop_nulls().len() // 2, null_on_oob=True),
        lines=pl.col("lines").sum() + 1,
        fits=fits.all(),
    )
    passes = counts.join(passes, on="unit", how="left", maintain_order="left")
    fault = (
        pl.when(pl.col("lines").is_null() | (pl.col("lines") != pl.col("stated_lines")))
        .then(pl.lit("pass-truncated"))
        .when(~pl.col("fits"))
        .then(pl.lit("sensor-count-mismatch"))
    )
    return passes.select("unit", "middle", fault.alias("fault"))


def _warnings(outside: int, damaged: int) -> list[Warning_]:
    """Tell what was left out without a refusal."""
    found = []
    if outside:
        detail = f"{outside} line(s) stand before the first pass and were not read."
        found.append(Warning_("lines-outside-blocks", detail))
    if damaged:
        detail = f"The messages of {damaged} located pass(es) do not fit their header."
        found.append(Warning_("messages-damaged", detail))
    return found
