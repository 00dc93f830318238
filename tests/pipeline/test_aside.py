"""Little is computed at once, much in a thread; the outcome is the same."""

from __future__ import annotations

import threading

import pytest

from app.pipeline.aside import FEW, aside


@pytest.mark.parametrize("n", [0, FEW, FEW + 1])
async def test_few_fixes_are_worked_on_at_once_and_many_in_a_thread(n: int) -> None:
    def work(a: int, *, b: int) -> tuple[int, int]:
        return a + b, threading.get_ident()

    made, thread = await aside(n, work, 1, b=2)
    assert made == 3
    assert (thread == threading.get_ident()) == (n <= FEW)


@pytest.mark.parametrize("n", [1, FEW + 1])
async def test_an_error_comes_through(n: int) -> None:
    with pytest.raises(ZeroDivisionError):
        await aside(n, divmod, 1, 0)
