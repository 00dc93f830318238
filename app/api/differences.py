"""What differs between two answers of a product, the one that was kept and the one of now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Row = dict[str, Any]


def changes(old: Any, new: Any) -> Iterator[Row]:
    """
    Yield what differs between two answers: items by their id, numbers and words by their path.

    Examples
    --------
    >>> old = {"items": [{"id": "a", "n": 1}, {"id": "b", "n": 2}]}
    >>> list(changes(old, {"items": [{"id": "a", "n": 3}]}))
    [{'path': 'items/a/n', 'was': 1, 'is': 3}, {'path': 'items/b', 'was': 'there', 'is': None}]
    """
    yield from _differ("", old, new)


def _differ(path: str, old: Any, new: Any) -> Iterator[Row]:
    if isinstance(old, list) and isinstance(new, list):
        old, new = _by_id(old), _by_id(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(k for k in new if k not in old)]:
            at = f"{path}/{key}".lstrip("/")
            if key in old and key in new:
                yield from _differ(at, old[key], new[key])
            else:
                yield {"path": at, "was": _brief(old.get(key)), "is": _brief(new.get(key))}
    elif old != new:
        yield {"path": path, "was": _brief(old), "is": _brief(new)}


def _by_id(items: list[Any]) -> dict[str, Any]:
    return {
        str(each.get("id", each.get("key", number)) if isinstance(each, dict) else number): each
        for number, each in enumerate(items)
    }


def _brief(value: Any) -> Any:
    return "there" if isinstance(value, dict | list) else value
