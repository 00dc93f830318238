from __future__ import annotations

import ast
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.admission import LINE_MAX_BYTES, NAME_MAX_CHARS
from ingest.reasons import REASONS, printable, refuse
from ingest.refusal import EXCERPT_MAX_CHARS
from tests.tidy.parsing import parsed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("code", REASONS)
def test_each_remedy_is_one_sentence(code: str) -> None:
    remedy = REASONS[code]
    assert remedy[0].isupper() and remedy.endswith((".", ")."))
    assert remedy.isascii() and remedy == remedy.strip() and "\n" not in remedy


def test_each_reason_is_given_by_some_decoder() -> None:
    """A reason nobody gives is dead; one that is not here would be a KeyError."""
    words = {
        node.value
        for path in (ROOT / "ingest").rglob("*.py")
        if path.name != "reasons.py"
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert words >= REASONS.keys()


def test_remedies_name_the_limits_that_hold() -> None:
    assert f" {NAME_MAX_CHARS} characters" in REASONS["name-too-long"]
    assert f" {LINE_MAX_BYTES // 1024} KiB " in REASONS["line-too-long"]


def test_reasons_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        REASONS["ragged-row"] = "?"


def test_a_refusal_bears_its_remedy() -> None:
    refusal = refuse(7, "a,b", "bad-quotes")
    assert (refusal.unit, refusal.excerpt, refusal.code) == (7, "a,b", "bad-quotes")
    assert refusal.remedy == REASONS["bad-quotes"]


def test_an_unknown_reason_is_a_fault_of_ours() -> None:
    with pytest.raises(KeyError):
        refuse(1, "", "no-such-reason")


@pytest.mark.parametrize(
    "text", ["丹顶鹤\u3000Ada", "a\u00a0b", "a\u2009b", "Кулик, 12°30'", "a\tb", "Ærø", "🦩"]
)
def test_what_people_write_is_shown_as_they_wrote_it(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    "sign",
    ["\0", "\x1b", "\n", "\r", "\x7f", "\x85", "\u200b", "\u202e", "\u2028", "\ufeff", "\ud800",
     "\ue000", "\U000e0001"],
)  # fmt: skip
def test_what_could_play_tricks_on_a_reader_is_not_shown(sign: str) -> None:
    assert printable(f"a{sign}b") == "a\ufffdb"


@given(st.text(st.characters(codec=None), max_size=EXCERPT_MAX_CHARS + 50))
def test_an_excerpt_is_short_sendable_and_made_once(text: str) -> None:
    shown = printable(text)
    assert len(shown) == min(len(text), EXCERPT_MAX_CHARS)
    shown.encode("utf-8")
    assert printable(shown) == shown
    assert all(c == "\t" or unicodedata.category(c)[0] != "C" for c in shown)
    changed = [a for a, b in zip(text, shown, strict=False) if a != b]
    assert all(unicodedata.category(c)[0] == "C" or c in "\u2028\u2029" for c in changed)
