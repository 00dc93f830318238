"""Bodies of requests that commands hold what is typed to as well: no web framework is needed."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, Strict, StringConstraints

from app.api.schemas import Body, Instant, Terms, Text, example
from app.store.audience import Scope

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]

DELAY_MAX_S = 10 * 366 * 86_400
"""Longest release delay [s]: ten years, beyond any embargo partners agreed on."""
Delay = Annotated[int, Strict(), Field(ge=0, le=DELAY_MAX_S)]
Grid = Annotated[float, Strict(), Field(ge=0.001, le=10.0)]

Aliases = Annotated[
    list[Text],
    Field(
        max_length=50, examples=[["861230040006118"]],
        description="other names in pushes: the maker's serial, the PTT, a name from before",
    ),
]  # fmt: skip

EndType = Literal[
    "captured", "dead", "equipment-failure", "fall-off", "other", "released", "removal", "unknown"
]
"""Movebank's terms of `deployment-end-type`."""


class InstituteIn(Body):
    """An institute to add."""

    model_config = example(name="Institute of the Amur", country="RU")

    name: Text
    country: Country | None = None


class StudyIn(Body):
    """A study to add; it starts private."""

    model_config = example(name="Cranes of the Amur", taxon="Antigone vipio")

    name: Text
    institute: UUID | None = Field(None, description="the operator names it; others have their own")
    taxon: Text | None = None
    licence: Text | None = None
    citation: Text | None = None
    release_delay_s: Delay | None = None
    public_grid_deg: Grid | None = None


class KeyIn(Body):
    """A key to make."""

    model_config = example(label="field laptop", scopes=["read", "push"])

    label: Text
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3)]
    institute: UUID | None = Field(None, description="the operator names it; others have their own")
    expires_at: Instant | None = None


class TagEdit(Body):
    """The terms of a transmitter or its aliases, each replaced whole; what is left out stays."""

    model_config = example(terms={"tag-manufacturer-name": "Druid"})

    terms: Terms | None = None
    aliases: Aliases | None = None


class LifelessVerdictIn(Body):
    """What a data manager says of a suspicion."""

    model_config = example(
        verdict="confirm", end_type="dead", reviewer="Kim J.", note="ring found at the reservoir"
    )

    verdict: Literal["confirm", "dismiss"]
    reviewer: Text
    note: Text | None = None
    end_type: EndType | None = Field(None, description="of a confirmed one: dead, fall-off …")
    ended_time: Instant | None = Field(
        None, description="of a confirmed one: end of the deployment; else the first still fix"
    )
