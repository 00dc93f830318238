"""
The flow, one stage a file: what it reads, what it writes, and what one run of it covers.

Every stage runs in one transaction and may run again: the same input gives the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the flow; `app.pipeline.<name>` holds its code."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    covers: Literal["push", "individual", "catalogue"]


STAGES = (
    Stage("receive", (), ("push", "push_chunk", "decoding"), "push"),
    Stage("decode", ("push_chunk",), ("refusal",), "push"),
    Stage("resolve", ("tag", "individual", "deployment"), ("fix", "reading", "dirty"), "push"),
    Stage(
        "screen",
        ("fix", "reading", "deployment", "fix_verdict", "lifeless_verdict", "study_parameters"),
        ("lifeless", "fix_flag", "fix"),
        "individual",
    ),
    Stage("smooth", ("fix",), ("smoothed_fix",), "individual"),
    Stage(
        "segment",
        ("fix", "smoothed_fix", "observation"),
        ("stay", "stopover", "stop", "leg", "season", "track_part"),
        "individual",
    ),
    Stage(
        "route",
        ("stopover", "leg", "way"),
        ("site", "connection", "corridor", "flyway_line"),
        "catalogue",
    ),
    Stage(
        "habitat",
        ("fix", "smoothed_fix", "stopover", "layer"),
        ("presence_day", "use_day", "ledger_day", "capture"),
        "individual",
    ),
    Stage(
        "publish",
        ("fix", "smoothed_fix", "stopover", "leg", "site"),
        ("public_fix", "latest_fix", "recent", "density_cell", "density_total", "way", "study"),
        "individual",
    ),
    Stage(
        "utilise",
        ("fix", "smoothed_fix", "public_fix", "season", "stopover", "layer"),
        ("utilisation", "available", "season_use", "stay_range", "stay_cover", "key_site_due"),
        "individual",
    ),
    Stage("keysites", ("season_use",), ("key_sample", "key_site", "species_use"), "catalogue"),
)
"""A push runs through the first three stages; then each bird it touched through screen, smooth,
segment, habitat and publish in one transaction; then each catalogue those birds are in through
route; and when nothing else waits, each bird through utilise, and then each catalogue through
keysites."""
