"""The arithmetic of the ledger: nothing is lost, families are what their names say."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from app.movement.ledger import tally

tables = st.integers(1, 4).flatmap(
    lambda rows: st.lists(
        st.tuples(st.integers(0, 4), *[st.integers(0, 10**11)] * rows), min_size=1, max_size=20
    )
)


@settings(max_examples=50)
@given(tables)
def test_rows_are_plain_sums_over_birds(birds) -> None:
    numbers = list(dict.fromkeys(bird[0] for bird in birds))
    family = np.array([numbers.index(bird[0]) for bird in birds])
    spent = np.array([bird[1:] for bird in birds], dtype=np.int64)
    found = tally(spent, family)
    for row in range(spent.shape[1]):
        here = [k for k, bird in enumerate(birds) if bird[1 + row] > 0]
        assert found.time_us[row] == sum(birds[k][1 + row] for k in here)
        assert found.n_birds[row] == len(here)
        assert found.n_families[row] == len({birds[k][0] for k in here})
        assert found.present[:, row].nonzero()[0].tolist() == here
        if len(here) < 10:
            assert np.isnan(found.low[row]) and np.isnan(found.high[row])
    assert found.time_us.sum() == spent.sum()
