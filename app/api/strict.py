"""JSON without its traps: no repeated key, no NaN, no number or depth beyond reason."""

from __future__ import annotations

import json
from typing import Any, NoReturn

INTEGER_DIGITS_MAX = 19
"""Most digits of an integer: a signed 64-bit one has 19."""


def strict_json(body: bytes) -> Any:
    """Return the document, or raise ValueError when it is not strictly one."""
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(_: str) -> NoReturn:
    raise ValueError("a number must be finite")


def _integer(digits: str) -> int:
    if len(digits.lstrip("-")) > INTEGER_DIGITS_MAX:
        raise ValueError("an integer is too long")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number must be finite")
    return number
