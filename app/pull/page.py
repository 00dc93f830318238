"""What every provider gives: pages with cursors, and failures with what mends them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, JsonValue, StringConstraints

Cursor = dict[str, JsonValue]
Identifier = Annotated[str, StringConstraints(pattern=r"^[\w .:-]{1,120}$")]
"""A name of a device: it goes into an address or a query, always quoted."""

EPOCH = datetime(1990, 1, 1, tzinfo=UTC)
"""Where a first pull begins that is told no other moment: before any archive of GPS tags."""


class Options(BaseModel):
    """Settings of a connector, which the API shows; credentials are not among them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)


class Since(Options):
    """Settings of a provider that is asked for a span of time."""

    since: AwareDatetime = EPOCH


@dataclass(frozen=True, slots=True)
class Page:
    """Bytes to keep, of a file with this name, and where the next pull goes on once they are."""

    cursor: Cursor
    pieces: Callable[[], Iterator[bytes]] | None = None
    content_type: str | None = None
    file_name: str | None = None


@dataclass(frozen=True, slots=True)
class Errand:
    """
    One pull: what to ask for, from where on, and at what moment it began.

    The cursor never passes `settled`: what the provider shows late, but within the settle time,
    is asked for again. `overlap` steps back further, for clocks that differ. `base` is the address
    that the operator sets, if any.
    """

    settings: Any
    cursor: Cursor
    now: datetime
    overlap: timedelta = timedelta(0)
    settle: timedelta = timedelta(0)
    username: str = ""
    password: str = field(default="", repr=False)
    root: Path | None = None
    base: str | None = None

    @property
    def settled(self) -> datetime:
        """Before this moment the provider shows all it will show."""
        return self.now - self.settle

    def begin(self, passed: JsonValue, since: datetime) -> datetime:
        """Return where to ask from: the moment that was passed, less the overlap."""
        if not isinstance(passed, str):
            return since
        return max(since, datetime.fromisoformat(passed) - self.overlap)

    def end(self, passed: JsonValue, reached: datetime) -> str:
        """Return the moment that is passed when everything until `reached` was fetched."""
        known = datetime.fromisoformat(passed) if isinstance(passed, str) else EPOCH
        return max(known, min(reached, self.settled)).isoformat()


class PullFailed(Exception):  # noqa: N818 - what happened, told to managers
    """
    A pull that could not go on; what was kept before stays and is not asked for again.

    `detail` and `remedy` are shown to managers: they never hold credentials, queries or bodies.
    """

    def __init__(
        self, code: str, detail: str, *, remedy: str, retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail)
        self.code, self.detail, self.remedy = code, detail, remedy
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Provider:
    """
    How one provider is asked.

    `base` is where it answers HTTP; None: it speaks none, and its pages get no `Web`.
    `alone`: the provider allows one request at a time, so that all its connectors take turns.
    """

    pages: Callable[[Errand, Any], AsyncGenerator[Page, None]]
    settings: type[Options]
    format: str | None
    base: str | None
    signs_in: bool = True
    alone: bool = False
    interval_s: int = 3600
    overlap_s: int = 7200
    settle_s: int = 3600
