"""Elements of JSON as a table of text: of each only the paths that hold anything are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from ingest.formats.elsewhere import at


class Paths:
    """
    Reads the values at many paths of elements, most of which have few of them.

    Parameters
    ----------
    paths : sequence of str
        Keys with dots between them, a number the place in an array; see `elsewhere.at`.
    """

    def __init__(self, paths: Sequence[str]) -> None:
        self._keys: dict[str, dict[str, list[int]]] = {}
        for index, path in enumerate(paths):
            holder, _, key = path.rpartition(".")
            self._keys.setdefault(holder, {}).setdefault(key, []).append(index)

    def cells(self, element: Mapping[str, object]) -> dict[int, str] | str:
        """Return the values at the paths as text by number of the path, or a code of refusal."""
        found: dict[int, str] = {}
        for holder, keys in self._keys.items():
            for key, value in _items(at(element, holder) if holder else element, keys):
                text = _text(value)
                if text is None:
                    return "field-type" if not isinstance(value, int) else "field-out-of-range"
                if text:
                    found |= dict.fromkeys(keys[key], text)
        return found

    def table(
        self, rows: Sequence[dict[int, str]], units: Sequence[int], *, always: Sequence[int]
    ) -> pl.DataFrame:
        """
        Make a table of what `cells` gave.

        Parameters
        ----------
        rows : sequence of dict of int to str, shape (n,)
        units : sequence of int, shape (n,)
            Of each row.
        always : sequence of int
            Numbers of paths that are columns even where no row has them.

        Returns
        -------
        polars.DataFrame, shape (n, 2 + paths that hold anything)
            ``unit``, ``line`` and strings ``c<number>``, null where blank.
        """
        used = sorted(set(always).union(*rows))
        columns = {f"c{i}": pl.Series([row.get(i) for row in rows], dtype=pl.String) for i in used}
        number = pl.Series(units, dtype=pl.Int64)
        return pl.DataFrame({"unit": number, "line": number} | columns)


def _items(holder: object, keys: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    """Yield what stands at some of the keys of an object or array, but nothing that is null."""
    if isinstance(holder, Mapping):
        few, many = (keys, holder) if len(keys) < len(holder) else (holder, keys)
        for key in few:
            if key in many and holder[key] is not None:
                yield key, holder[key]
    elif isinstance(holder, list):
        for key in keys:
            if key.isdecimal() and int(key) < len(holder) and holder[int(key)] is not None:
                yield key, holder[int(key)]


def _text(value: object) -> str | None:
    """Write a value as text, None where it is an object, an array or too large a number."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if -(2**63) <= value < 2**64 else None
    return repr(value) if isinstance(value, float) else None
