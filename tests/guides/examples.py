"""
How a guide is carried out.

A fenced block is an example. Its language says what becomes of it:

- `sh` runs in one bash for the whole guide, top to bottom, so that variables, functions and files
  stay; a command that fails ends it. `python` runs as a program in the same folder.
- `html` is opened in a browser, from a web server of its own, and must not complain.
- `json`, `http` and `text` straight after one of these are what it must answer: its standard
  output, or the text of the page. `json` is compared as data, the others line by line.
- any other block, and any block with `untested: reason` after its language, must have that reason.

`…` stands for what changes: within a line or a JSON string for any text; alone on a line for any
lines; as a JSON value for any value; as a JSON key (`"…": "…"`) for any further keys; as the last
element of a JSON array for any further elements.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from app.api.guides import UNTESTED

RUN = {"sh", "python", "html"}
ANSWERS = {"json", "http", "text"}
ANY = "…"
EXAMPLE_S = 180
"""Longest time of one example [s]; the slowest waits for processes to start."""


@dataclass(frozen=True)
class Example:
    """One block to carry out, with what it must answer."""

    line: int
    language: str
    code: str
    answer: tuple[str, str] | None = None
    reason: str = ""


class MalformedError(ValueError):
    """A guide with a block that nobody would carry out."""


def examples(text: str) -> list[Example]:
    """Read the examples of a guide; raises MalformedError."""
    found: list[Example] = []
    answerable = False
    for token in MarkdownIt("commonmark").parse(text):
        if token.type in {"heading_open", "code_block"}:
            answerable = False
        if token.type == "code_block":
            raise MalformedError(f"line {token.map[0] + 1}: an indented block; fence it")
        if token.type != "fence":
            continue
        line = token.map[0] + 1
        language, _, reason = (part.strip() for part in f"{token.info} ".partition(f" {UNTESTED}"))
        if UNTESTED in token.info:
            if len(reason) < len("no machine"):
                raise MalformedError(f"line {line}: say why no test runs it, after `{UNTESTED}`")
            found.append(Example(line, language, token.content, reason=reason))
            answerable = False
        elif language in RUN:
            found.append(Example(line, language, token.content))
            answerable = True
        elif language in ANSWERS and answerable:
            last = found.pop()
            found.append(Example(last.line, last.language, last.code, (language, token.content)))
            answerable = False
        else:
            raise MalformedError(f"line {line}: nothing runs or compares this `{language}` block")
    return found


def differs(kind: str, wanted: str, got: str) -> str | None:
    """Return where an answer is not the one that was promised, or None."""
    if kind == "json":
        try:
            return _data_differs(json.loads(wanted), json.loads(got), "answer")
        except json.JSONDecodeError as error:
            return f"no JSON ({error}): {got[:500]}"
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == ANY else f"{_pattern(line.rstrip())}[ \t\r]*\n"
        for line in wanted.rstrip().splitlines()
    )
    return None if re.fullmatch(f"{pattern}\\s*", f"{got.rstrip()}\n") else f"got:\n{got}"


def _pattern(text: str) -> str:
    return ".*?".join(re.escape(part) for part in text.split(ANY))


def _data_differs(wanted: Any, got: Any, where: str) -> str | None:
    if wanted == ANY:
        return None
    if isinstance(wanted, dict) and isinstance(got, dict):
        return _object_differs(wanted, got, where)
    if isinstance(wanted, list) and isinstance(got, list):
        more = wanted[-1:] == [ANY]
        known = wanted[:-1] if more else wanted
        if len(got) < len(known) or (len(got) > len(known) and not more):
            return f"{where}: {len(got)} elements: {got}"
        pairs = enumerate(zip(known, got, strict=False))
        found = (_data_differs(a, b, f"{where}[{n}]") for n, (a, b) in pairs)
        return next(filter(None, found), None)
    if isinstance(wanted, str) and isinstance(got, str):
        same = re.fullmatch(_pattern(wanted), got, re.DOTALL) is not None
    else:
        same = type(wanted) is type(got) and wanted == got
    return None if same else f"{where}: {got!r}, not {wanted!r}"


def _object_differs(wanted: dict[str, Any], got: dict[str, Any], where: str) -> str | None:
    missing = wanted.keys() - got.keys() - {ANY}
    further = got.keys() - wanted.keys() if ANY not in wanted else set()
    if missing or further:
        return f"{where}: lacks {sorted(missing)}, tells {sorted(further)} besides"
    found = (_data_differs(wanted[k], got[k], f"{where}.{k}") for k in wanted.keys() - {ANY})
    return next(filter(None, found), None)


class Shell:
    """One bash for a whole guide, in a folder of its own."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folder, self._scripts, self._number = folder / "work", folder / "scripts", 0
        self.folder.mkdir()
        self._scripts.mkdir()
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-euo", "pipefail"],
            cwd=self.folder,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def run(self, code: str) -> str:
        """Run one block; give its standard output. Raises AssertionError where it fails."""
        self._number += 1
        at = self._scripts / f"{self._number}"
        script, out, err, done = (at.with_suffix(s) for s in (".sh", ".out", ".err", ".done"))
        script.write_text(code)
        assert self._process.stdin is not None
        line = f". '{script}' >'{out}' 2>'{err}' </dev/null; : >'{done}'\n"
        self._process.stdin.write(line.encode())
        self._process.stdin.flush()
        end = time.monotonic() + EXAMPLE_S
        while not done.exists():
            said = err.read_text() if err.exists() else ""
            ended = self._process.poll() is not None
            assert not ended or done.exists(), f"it failed:\n{said}{out.read_text()}"
            assert time.monotonic() < end, f"no end in {EXAMPLE_S} s:\n{said}"
            time.sleep(0.01)
        return out.read_text()

    def close(self) -> None:
        """End bash and whatever it started and left."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            end = time.monotonic() + 20
            while number == signal.SIGTERM and _alive(self._process) and time.monotonic() < end:
                time.sleep(0.05)
        self._process.wait(timeout=20)


def _alive(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether anybody of the group of a process is left."""
    process.poll()
    try:
        os.killpg(process.pid, 0)
    except ProcessLookupError:
        return False
    return True


@contextmanager
def shell(folder: Path, environ: Mapping[str, str]) -> Iterator[Shell]:
    """Give a shell until the block ends."""
    opened = Shell(folder, environ)
    try:
        yield opened
    finally:
        opened.close()
