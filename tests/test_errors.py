"""Errors that callers meet: each with a code that stays, a status of its kind and a remedy."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import pytest

import app.errors
from app.errors import BadInput, NotFound, Overrun, Problem, SetupError, Unavailable, in_a_line

KINDS = [
    each for each in vars(app.errors).values()
    if isinstance(each, type) and issubclass(each, Problem)
]  # fmt: skip
OURS = [each for each in KINDS if each not in {Unavailable, Overrun}]
CODES = (Path(app.errors.__file__).parent / "guides/codes.md").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_status_a_code_in_the_guide_and_a_title(kind) -> None:
    assert 400 <= HTTPStatus(kind.status) < 500 or kind.status == HTTPStatus.SERVICE_UNAVAILABLE
    if kind is not Problem:
        assert f"`{kind.code}`" in CODES
    assert kind.title[0].isupper() and not kind.title.endswith(".")


def test_no_two_kinds_share_a_code_but_those_that_mean_the_same() -> None:
    codes = [kind.code for kind in KINDS if kind is not Overrun]
    assert len(codes) == len(set(codes))
    assert (Overrun.code, Overrun.status) == (Unavailable.code, Unavailable.status)


@pytest.mark.parametrize("kind", OURS)
def test_what_is_told_is_kept_and_the_code_may_be_finer(kind) -> None:
    plain, finer = kind("It is so.", remedy="Do this."), kind("It.", remedy="Do.", code="finer")
    assert (str(plain), plain.detail, plain.remedy) == ("It is so.", "It is so.", "Do this.")
    assert (plain.code, finer.code) == (kind.code, "finer")
    assert kind.code != "finer"  # the class is left alone


@pytest.mark.parametrize("told", [Unavailable(), Unavailable("Too many wait."), Overrun()])
def test_what_passes_says_that_the_same_may_be_sent_again(told) -> None:
    assert "same request again" in told.remedy and "Retry-After" in told.remedy
    assert told.detail.endswith(".")


def test_a_command_that_cannot_go_on_is_no_answer_of_the_web() -> None:
    assert not issubclass(SetupError, Problem)
    assert issubclass(BadInput, Problem) and issubclass(NotFound, Problem)


@pytest.mark.parametrize("told", [Unavailable(), Overrun()])
def test_at_the_database_there_is_no_request_to_send_again(told) -> None:
    said = in_a_line(told)
    assert said.startswith(told.detail) and "request" not in said and "Retry-After" not in said
    assert in_a_line(NotFound("It is gone.", remedy="Look there.")) == "It is gone. Look there."
    assert in_a_line(SetupError("No disk. Free some.")) == "No disk. Free some."
