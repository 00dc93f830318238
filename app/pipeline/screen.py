"""fix, fix_verdict -> fix_flag, fix.visible: checks of the track, within the touched window."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from app.movement.profile import Profile
from app.movement.screening import CODES, LIFELESS, SAME_PASS, WITHDRAWN, Screening
from app.movement.screening import screen as screen_track
from app.movement.solutions import Reach, reach, second_is_true
from app.movement.track import Track
from app.movement.windows import window as window_of
from app.pipeline.aside import aside
from app.pipeline.known import Known
from app.pipeline.lifeless import judge
from app.store import derived, flags
from app.store.audience import PIPELINE
from app.store.engine import Connection
from app.store.parameters import profile_for
from app.store.windows import FAR_FUTURE, FAR_PAST, Fixes, instant, life, load_fixes, micros
from app.store.work import Span

MARGIN = timedelta(days=45)
"""First try of how much more than the change to load; doubled until cuts are found around it."""

JOURNEY = timedelta(days=10)
"""How much more than the stopover of a change to load at first: the journeys hold the cuts."""


@dataclass(frozen=True, slots=True)
class Window:
    """
    The stretch of one bird's life that a change can reach, screened.

    `from_time` and `to_time` are the cuts that bound it (far past and future where the data
    begin and end); `fixes` are all live fixes within, `visible` tells which are shown now.
    Before `changed_from` and after `changed_to` the shown fixes are what they were. `known` has
    the shown fixes, within and beyond. `smoothed` says that the bird has Argos fixes, whose places
    are told by the stage of that name.
    """

    span: Span
    bird: derived.Bird
    profile: Profile
    from_time: datetime
    to_time: datetime
    fixes: Fixes
    visible: NDArray[np.bool_]
    changed_from: datetime
    changed_to: datetime
    known: Known
    smoothed: bool = False


async def shown(
    conn: Connection, window: Window, low: datetime, high: datetime, *, beyond: bool = False
) -> Track:
    """Return the visible fixes in [low, high); `beyond` adds the next one on either side."""
    if beyond:
        low = await window.known.near(conn, low, before=True) or low
        after = await window.known.near(conn, high, before=False)
        high = after + timedelta(microseconds=1) if after else high
    return (await window.known.between(conn, low, high)).track


async def screen(conn: Connection, span: Span) -> Window:
    """Load the window of a change, screen it, and store the verdicts that differ."""
    bird = await derived.bird(conn, span.individual_id)
    profile = await profile_for(conn, bird.study_id, bird.species_key)
    span = await judge(conn, bird, span, profile)
    loaded = await _bounded(conn, span, profile)
    between = loaded.from_time, loaded.to_time
    fixes, turned = loaded.fixes.take(loaded.own), loaded.turned[loaded.own]
    await flags.turn(conn, fixes, turned)
    verdicts = await aside(
        len(fixes), screen_track, fixes.track, profile, fixes.hidden, fixes.verdict > 0
    )
    verdicts.code[fixes.outdone] = SAME_PASS
    verdicts.code[fixes.lifeless] = LIFELESS
    if fixes.withdrawn:
        verdicts.code[:] = WITHDRAWN
    visible = ~fixes.hidden & (verdicts.code == 0)
    await _store(conn, span, fixes, verdicts, between)
    await flags.show(conn, fixes, visible)
    flipped = fixes.time_us[(visible != fixes.visible) | turned]
    changed_from = min([_clamped(span.from_time), *map(instant, flipped[:1])])
    changed_to = max([_clamped(span.to_time), *map(instant, flipped[-1:])])
    everywhere = loaded.fixes.visible.copy()
    everywhere[loaded.own] = visible
    known = Known(span.individual_id, *loaded.between, loaded.fixes.take(everywhere))
    return Window(span, bird, profile, *between, fixes, visible, changed_from, changed_to, known)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """
    Fixes around a change, all live ones between two times, and `own`, those within its window.

    The solutions of Argos passes are chosen; `turned` tells which changed by that.
    """

    fixes: Fixes
    turned: NDArray[np.bool_]
    between: tuple[datetime, datetime]
    own: slice
    from_time: datetime
    to_time: datetime


async def _bounded(conn: Connection, span: Span, profile: Profile) -> _Loaded:
    """Load fixes around a change until cuts, or the ends of the data, bound it on both sides."""
    changed = (_us(span.from_time), _us(span.to_time))
    first, last = await life(conn, span.individual_id) or (FAR_FUTURE, FAR_PAST)
    before, after = await _margins(conn, span)
    while True:
        low, high = shift(span.from_time, -before), shift(span.to_time, after)
        low, high = FAR_PAST if low <= first else low, FAR_FUTURE if high > last else high
        loaded = await load_fixes(conn, PIPELINE, span.individual_id, low, high)
        fixes, turned, ends = await aside(len(loaded), _chosen, loaded, changed)
        found = await aside(
            len(fixes), window_of, fixes.track, profile, (ends.first_us, ends.last_us), fixes.hidden
        )
        if (found.head or ends.head) and low > FAR_PAST:
            before = wider(before)
        elif (found.tail or ends.tail) and high < FAR_FUTURE:
            after = wider(after)
        else:
            break
    return _Loaded(
        fixes, turned, (low, high), slice(found.start, found.stop),
        FAR_PAST if found.head else instant(fixes.time_us[found.start]),
        FAR_FUTURE if found.tail else instant(fixes.time_us[found.stop]),
    )  # fmt: skip


async def _margins(conn: Connection, span: Span) -> tuple[timedelta, timedelta]:
    """Return how much more to load at first: as far as a known stopover reaches, and a bit."""
    low, high = _clamped(span.from_time), _clamped(span.to_time)
    # A fix that comes next lies beyond the end of a stopover that goes on.
    beside = shift(low, -JOURNEY), shift(high, JOURNEY)
    known = await derived.staying(conn, span.individual_id, *beside)
    if known is None:
        return MARGIN, MARGIN
    first, last = min(known[0], low), max(known[1], high)
    return low - first + JOURNEY, last - high + JOURNEY


def _chosen(fixes: Fixes, changed: tuple[int, int]) -> tuple[Fixes, NDArray[np.bool_], Reach]:
    """Choose between the solutions of every pass that a change can reach."""
    sent = fixes.turned(fixes.second)
    witness = ~fixes.hidden
    ends = reach(fixes.time_us, witness, changed)
    within = (fixes.time_us >= ends.first_us) & (fixes.time_us <= ends.last_us)
    second = second_is_true(sent.track, sent.lon2, sent.lat2, witness)
    turned = within & (second != fixes.second)
    return fixes.turned(turned), turned, ends


def wider(margin: timedelta) -> timedelta:
    """Return the next margin to try: twice as much, and after some years everything."""
    return margin * 2 if margin < timedelta(days=700) else timedelta(days=100_000)


def _us(time: datetime) -> int:
    return micros(_clamped(time))


def _clamped(time: datetime) -> datetime:
    return min(max(time, FAR_PAST), FAR_FUTURE)


def shift(time: datetime, by: timedelta) -> datetime:
    """Return a time later by so much, within the times there are."""
    time = _clamped(time)
    if by < timedelta(0):
        return FAR_PAST if time - FAR_PAST <= -by else time + by
    return FAR_FUTURE if FAR_FUTURE - time <= by else time + by


async def _store(
    conn: Connection,
    span: Span,
    fixes: Fixes,
    verdicts: Screening,
    between: tuple[datetime, datetime],
) -> None:
    found = np.flatnonzero(verdicts.code)
    details = [
        f"takes {verdicts.speed_m_s[i]:.1f} m/s" if np.isfinite(verdicts.speed_m_s[i]) else ""
        for i in found
    ]
    codes = [CODES[verdicts.code[i]] for i in found]
    await flags.replace_track_flags(
        conn, span, fixes, found, between=between, codes=codes, details=details
    )
