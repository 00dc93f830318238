"""A table of what many elements hold equals the one made by asking each for every path."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ingest.formats.cells import Paths
from ingest.formats.elsewhere import at

PATHS = ["tag", "at.lon", "at.lat", "at.xy.0", "at.xy.1", "tag", "at.0", "a.b.c"]
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(" 7a")
keys = st.sampled_from(["tag", "at", "lon", "lat", "xy", "0", "a", "b", "c"])
elements = st.recursive(
    leaves,
    lambda inner: st.dictionaries(keys, inner, max_size=9) | st.lists(inner, max_size=3),
    max_leaves=12,
)


def asked(element: dict[str, object]) -> list[str | None] | None:
    """Ask for every path; None where one holds what is no cell."""
    cells: list[str | None] = []
    for path in PATHS:
        value = at(element, path)
        if isinstance(value, bool):
            cells.append(str(value).lower())
        elif (isinstance(value, int) and not -(2**63) <= value < 2**64) or isinstance(
            value, list | dict
        ):
            return None
        else:
            text = value if isinstance(value, str) else repr(value)
            cells.append(None if value is None else text.strip() or None)
    return cells


@given(st.lists(st.dictionaries(keys, elements, max_size=9), max_size=4))
def test_the_table_is_that_of_asking_for_every_path(sent: list[dict[str, object]]) -> None:
    reader = Paths(PATHS)
    read = [reader.cells(element) for element in sent]
    expected = [asked(element) for element in sent]
    assert [isinstance(cells, str) for cells in read] == [row is None for row in expected]
    rows = [cells for cells in read if not isinstance(cells, str)]
    table = reader.table(rows, range(len(rows)), always=range(len(PATHS)))
    assert table["unit"].to_list() == table["line"].to_list() == list(range(len(rows)))
    assert table.drop("unit", "line").rows() == [tuple(row) for row in expected if row is not None]
    few = reader.table(rows, range(len(rows)), always=[1])
    assert set(table.columns) - set(few.columns) <= {
        name for name in table.columns if table[name].null_count() == len(rows)
    }
    assert few.equals(table.select(few.columns))
