"""What the documentation of the package promises."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import ingest
from ingest import FORMATS, UnreadablePush, decode, sniff
from ingest.reasons import REASONS, printable, refuse

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(ingest.__path__, "ingest.")
    if not module.name.endswith("__main__")
)
SOURCES = {path: path.read_text() for path in Path(ingest.__file__).parent.rglob("*.py")}


@pytest.mark.parametrize("name", ["ingest", *MODULES])
def test_examples_in_docstrings_run(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_format_is_described_and_its_name_is_its_key() -> None:
    assert set(FORMATS) == {
        *(
            module.rpartition(".")[2].replace("_", "-")
            for module in MODULES
            if hasattr(importlib.import_module(module), "NAME")
        )
    }
    for name, form in FORMATS.items():
        assert form.name == name
        assert form.description.endswith(".")
        assert "\n" not in form.description
        assert all("/" in media for media in form.media_types)


def test_every_reason_is_used_and_tells_how_to_mend() -> None:
    used = "\n".join(text for path, text in SOURCES.items() if path.name != "reasons.py")
    for code, remedy in REASONS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert f'"{code}"' in used, f"no decoder refuses with {code}"
        assert remedy.endswith(".")


def test_no_clock_file_or_network_but_in_the_command() -> None:
    outside = re.compile(r"\b(time\.time|datetime\.now|utcnow|open\(|read_bytes|requests|socket)\b")
    for path, text in SOURCES.items():
        if path.name != "__main__.py":
            assert not outside.search(
                re.sub(r"(file|archive)\.open\(", "", text).replace("_open(", "")
            ), path


def test_excerpts_are_short_and_printable() -> None:
    refusal = refuse(1, "a\x1b[31m\n" + "x" * 500, "ragged-row")
    assert len(refusal.excerpt) == 200
    assert refusal.excerpt.startswith("a\ufffd[31m\ufffd")
    assert printable("a\tb é 丹") == "a\tb é 丹"


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        (b"", None),
        (b"hello", None),
        (b"a,b,c\n1,2,3\n", None),
        (b"  [ ]", "flyways-json"),
        (b"\xef\xbb\xbf{", "flyways-json"),
        ("timestamp\tlon\tlat\ttag-id\n".encode("utf-16"), "movebank-csv"),
    ],
)
def test_sniffing(payload: bytes, name: str | None) -> None:
    assert sniff(payload) == name


@pytest.mark.parametrize(("payload", "form"), [(b"hello", None), (b"[]", "movebank-xlsx")])
def test_unknown_formats_are_told_with_those_that_are_known(
    payload: bytes, form: str | None
) -> None:
    with pytest.raises(UnreadablePush) as caught:
        decode(payload, format=form, now_us=0)
    assert caught.value.code == "format-unknown"
    assert "argos-diag" in caught.value.remedy
