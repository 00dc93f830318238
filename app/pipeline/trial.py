"""What other parameters would flag of a bird: screening tried by a worker, nothing changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from app.errors import Unavailable
from app.movement.lifeless import Lifeless
from app.movement.profile import Profile
from app.movement.screening import CODES, LIFELESS, SAME_PASS, Screening
from app.movement.screening import screen as screen_track
from app.pipeline.lifeless import suspicions
from app.pipeline.segment import parameters_of
from app.store import derived, screening
from app.store.audience import PIPELINE
from app.store.engine import Connection, Store
from app.store.parameters import profile_for, with_parameters
from app.store.windows import Fixes, instant, load_fixes

LISTED_MAX = 100
"""Fixes that are listed one by one; the counts are of all."""

log = structlog.get_logger()


async def try_parameters(store: Store, trial_id: int) -> None:
    """Compute one trial; one that fails says so, as nobody would look for it elsewhere."""
    try:
        async with store.write() as conn:
            asked = await screening.take(conn, trial_id)
            if asked is not None:
                await screening.answer(conn, trial_id, await _tried(conn, asked))
    except Unavailable:
        raise
    except Exception as error:
        log.exception("trial_failed", trial=trial_id)
        async with store.write() as conn:
            reason = f"{type(error).__name__}: {error}"
            await screening.answer(conn, trial_id, {"failed": reason[:500]})


async def _tried(conn: Connection, asked: dict[str, Any]) -> dict[str, Any]:
    bird = await derived.bird(conn, asked["individual_id"])
    now = await profile_for(conn, bird.study_id, bird.species_key)
    then = with_parameters(now, asked["said"])
    fixes = await load_fixes(conn, PIPELINE, bird.individual_id)
    before = await asyncio.to_thread(_codes, fixes, fixes.lifeless, now)
    still = [each for each in await suspicions(conn, bird, then) if not each[1]]
    after = await asyncio.to_thread(_codes, fixes, _lifeless(fixes, still), then)
    return {
        "parameters": parameters_of(now),
        "parameters_tried": parameters_of(then),
        "fixes": len(fixes),
        "flagged": _counts(before.code),
        "flagged_tried": _counts(after.code),
        **_differences(fixes, before, after),
    }


def _codes(fixes: Fixes, lifeless: NDArray[np.bool_], profile: Profile) -> Screening:
    by_record = fixes.hidden & ~fixes.lifeless
    found = screen_track(fixes.track, profile, by_record | lifeless, fixes.verdict > 0)
    found.code[fixes.outdone] = SAME_PASS
    found.code[lifeless] = LIFELESS
    return found


def _lifeless(fixes: Fixes, still: list[tuple[int, bool, Lifeless]]) -> NDArray[np.bool_]:
    out = np.zeros(len(fixes), dtype=np.bool_)
    for tag_id, _, found in still:
        within = (fixes.time_us >= found.start_us) & (fixes.time_us <= found.end_us)
        out |= within & (fixes.tag_id == tag_id)
    return out & (fixes.verdict <= 0)


def _counts(code: NDArray[np.int8]) -> dict[str, int]:
    return {CODES[k]: n for k, n in sorted(Counter(code[code > 0].tolist()).items())}


def _differences(fixes: Fixes, before: Screening, after: Screening) -> dict[str, Any]:
    differ = np.flatnonzero(before.code != after.code)
    hidden, shown = after.code[differ] > 0, before.code[differ] > 0
    return {
        "newly_flagged": int((hidden & ~shown).sum()),
        "no_longer_flagged": int((shown & ~hidden).sum()),
        "flagged_otherwise": int((shown & hidden).sum()),
        "changes": [
            {
                "time": instant(fixes.time_us[i]),
                "lon": float(fixes.track.lon[i]),
                "lat": float(fixes.track.lat[i]),
                "code_before": CODES[before.code[i]] if before.code[i] else None,
                "code_after": CODES[after.code[i]] if after.code[i] else None,
                "speed_m_s": _finite(after.speed_m_s[i]) or _finite(before.speed_m_s[i]),
            }
            for i in differ[:LISTED_MAX].tolist()
        ],
    }


def _finite(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None
