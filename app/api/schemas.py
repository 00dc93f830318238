"""What every noun's models share: strict bodies, instants, birds and places."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)

INSTANT_MIN = datetime(1970, 1, 1, tzinfo=UTC)
INSTANT_MAX = datetime(2100, 1, 1, tzinfo=UTC)
"""Instants a caller may name: the age of satellite telemetry, with room ahead."""
TERMS_MAX = 200
"""Most further terms of one row; Movebank's vocabulary of reference data has about 100."""


def _clean(text: str) -> str:
    if not text.isprintable():
        raise ValueError("no control signs or line breaks may stand in it")
    return text


Text = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=300),
    AfterValidator(_clean),
]
"""One line of text of a caller."""


def example(**values: JsonValue) -> ConfigDict:
    """Return the configuration that shows a model's example in /docs."""
    return ConfigDict(json_schema_extra={"examples": [values]})


class Body(BaseModel):
    """A body of a request: unknown names are refused, so that a typo is never ignored."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Shown(BaseModel):
    """A thing as the service answers it."""

    # Of two hundred such models a process uses a few: each is built when it is used first.
    model_config = ConfigDict(from_attributes=False, extra="ignore", defer_build=True)


STATISTICS: dict[str, JsonValue] = {
    "interval_usual_s": 7200.0, "silence_usual_s": 21600.0, "silence_s": 9000.0, "silent": False,
    "lag_median_s": 60.0, "lag_p95_s": 5400.0,
}  # fmt: skip


class Statistics(Shown):
    """How something sends; null where too little has come to tell."""

    interval_usual_s: float | None = Field(description="median time between two")
    silence_usual_s: float | None = Field(description="99 of 100 intervals are shorter")
    silence_s: float | None = Field(description="time since the newest")
    silent: bool | None = Field(
        description="silence_s is more than silence_usual_s and lag_p95_s together"
    )
    lag_median_s: float | None = Field(description="from a fix's time to its arrival here")
    lag_p95_s: float | None


class BirdOut(Shown):
    """A bird, as a row names it."""

    id: UUID
    local_identifier: str


class CentreOut(Shown):
    """A place in degrees."""

    lon: float
    lat: float


def _as_text(value: Any) -> Any:
    if value is not None and not isinstance(value, str | datetime):
        raise ValueError("an instant is text such as 2018-07-05T10:48:10Z")
    return value


def _in_window(value: datetime) -> datetime:
    if not INSTANT_MIN <= value < INSTANT_MAX:
        raise ValueError("an instant lies between 1970 and 2100")
    return value.astimezone(UTC)


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_as_text),
    AfterValidator(_in_window),
    Field(examples=["2018-07-05T10:48:10Z"]),
]
"""A moment with its zone; a time without one is refused, never guessed."""

TermName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,79}$")]
Terms = Annotated[dict[TermName, Text], Field(max_length=TERMS_MAX)]
"""Further terms of the Movebank vocabulary, by name with hyphens."""
