"""Protection: which designations hold at a place on a day, each second counted once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

Basis = Literal["at_time", "today"]
"""`at_time`: what was designated by the day of the stay; `today`: all that the layer holds."""

DESIGNATIONS_MAX = 31
"""Most designations of one layer: a state of each fits into a class of 62 bits."""

UNPROTECTED = "unprotected"
UNDATED = "date unknown"
BETWEEN = " + "

_RAMSAR = re.compile("ramsar|拉姆萨尔|ラムサール|람사르|рамсар", re.IGNORECASE)


class State(IntEnum):
    """What a designation is to a place on a day."""

    OUT = 0
    IN_FORCE = 1
    LATER = 2  # designated after that day
    UNDATED = 3  # since when is not known


@dataclass(frozen=True, slots=True)
class Cover:
    """The designations that hold, and those of which nobody said since when; both may be empty."""

    holding: tuple[str, ...]
    undated: tuple[str, ...]

    @property
    def legal(self) -> bool:
        """Whether a designation other than a Ramsar listing holds."""
        return any(not is_ramsar(name) for name in self.holding)

    @property
    def ramsar(self) -> bool:
        """Whether a Ramsar listing holds, which protects by no law of its own."""
        return any(is_ramsar(name) for name in self.holding)

    @property
    def label(self) -> str:
        """Name of exactly these designations, legal ones first."""
        names = sorted(self.holding, key=lambda name: (is_ramsar(name), name))
        return BETWEEN.join(names) or (UNDATED if self.undated else UNPROTECTED)

    @classmethod
    def joint(cls, covers: Iterable[Cover]) -> Cover:
        """Return what several layers hold at one place: a designation of two counts once."""
        each = tuple(covers)
        holding = {name for one in each for name in one.holding}
        undated = {name for one in each for name in one.undated}
        return cls(tuple(sorted(holding)), tuple(sorted(undated)))


def is_ramsar(designation: str) -> bool:
    """
    Tell a listing under the Ramsar Convention from legal protection, by its name.

    Examples
    --------
    >>> is_ramsar("Ramsar Site, Wetland of International Importance"), is_ramsar("Nature reserve")
    (True, False)
    """
    return _RAMSAR.search(designation) is not None


def class_of(states: Mapping[int, State]) -> int:
    """
    Return the class that stands for the states of all designations: two bits of each.

    Examples
    --------
    >>> class_of({0: State.IN_FORCE, 2: State.LATER}), class_of({})
    (33, -1)
    """
    return sum(int(state) << 2 * k for k, state in states.items()) or -1


def states_of(class_id: int) -> dict[int, State]:
    """
    Return the designations that a class holds, and the state of each.

    Examples
    --------
    >>> {k: state.name for k, state in states_of(33).items()}
    {0: 'IN_FORCE', 2: 'LATER'}
    """
    if class_id < 0:
        return {}
    states = ((k, State(class_id >> 2 * k & 3)) for k in range(DESIGNATIONS_MAX))
    return {k: state for k, state in states if state}


def cover(class_id: int, names: Mapping[int, str], basis: Basis) -> Cover:
    """
    Return what protects a place of this class.

    Parameters
    ----------
    class_id : int
        As `class_of` makes it.
    names : mapping of int to str
        Designations by number.
    basis : str
        At the time of the stay, or today.

    Examples
    --------
    >>> names = {0: "Ramsar site", 2: "Nature reserve"}
    >>> cover(33, names, "at_time").label, cover(33, names, "today").label
    ('Ramsar site', 'Nature reserve + Ramsar site')
    """
    states = states_of(class_id)
    today = basis == "today"
    holding = [names[k] for k, state in states.items() if today or state is State.IN_FORCE]
    undated = [names[k] for k, state in states.items() if not today and state is State.UNDATED]
    return Cover(tuple(sorted(holding)), tuple(sorted(undated)))
