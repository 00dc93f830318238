"""Push a file to a service elsewhere, over HTTP, and wait for its receipt."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from app.errors import SetupError
from ingest import tag_of_file

POLL_S = 0.5
ANSWER_S = 300
BUSY = {429, 503}
"""Statuses that ask for the same request again, after the time in Retry-After."""
TRIES_MAX = 5
PAUSE_MAX_S = 60


class _Stay(HTTPRedirectHandler):
    """Follow no redirect: it would hand the key to whoever it names, and drop the file."""

    def redirect_request(self, *_: object) -> None:
        """Leave the answer as it is."""


_opener = build_opener(_Stay)


def push(
    url: str, file: Path, study: str, *, key: str, options: dict[str, str | None]
) -> dict[str, Any]:
    """Send a file as one push, with the tag in its name; give its receipt once it is final."""
    _check(url, key)
    told = options | {"tag": options.get("tag") or tag_of_file(file.name)}
    query = urlencode({name: value for name, value in told.items() if value is not None})
    address = f"{url.rstrip('/')}/api/v1/studies/{quote(study, safe='')}/pushes?{query}"
    headers = {"Authorization": f"Bearer {key}"}
    size = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}
    size["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(os.fsencode(file.name))}"

    def send() -> tuple[dict[str, Any], str]:
        with file.open("rb") as body:
            # A file object is streamed; its length is given, so nothing is read ahead.
            return _answer(Request(address, data=body, headers=headers | size, method="POST"))  # noqa: S310 - checked

    receipt, location = _patiently(send)
    where = urljoin(address, location)
    if urlsplit(where)[:2] != urlsplit(address)[:2]:
        raise SetupError(f"{url} names a receipt elsewhere ({where}). Give that address as --url.")
    while receipt["state"] not in {"processed", "failed"}:
        time.sleep(POLL_S)
        receipt, _ = _patiently(lambda: _answer(Request(where, headers=headers)))  # noqa: S310 - same
    return receipt


def _check(url: str, key: str) -> None:
    try:
        parts = urlsplit(url)
        fits = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # [ without ], or a port that is no number
        fits = False
    if not fits:
        raise SetupError(f"{url} is no web address. Give one such as http://127.0.0.1:8000")
    if not (key.isascii() and key.isprintable()):
        raise SetupError(
            "The key holds a line break, or another sign that no key has. "
            "Copy it again: flw_ and what follows, in one line."
        )


def _patiently(
    ask: Callable[[], tuple[dict[str, Any], str]],
) -> tuple[dict[str, Any], str]:
    """Ask again while the service is busy: a push that comes twice has its effect once."""
    for _ in range(TRIES_MAX - 1):
        try:
            return ask()
        except HTTPError as busy:
            told = busy.headers.get("Retry-After", "")
            if busy.code not in BUSY:
                raise _said(busy) from busy
            time.sleep(min(int(told) if told.isdecimal() else POLL_S, PAUSE_MAX_S))
    try:
        return ask()
    except HTTPError as refusal:
        raise _said(refusal) from refusal


def _answer(request: Request) -> tuple[dict[str, Any], str]:
    """Give the receipt of an answer and its Location."""
    try:
        with _opener.open(request, timeout=ANSWER_S) as answer:
            receipt = json.load(answer)
            location = answer.headers.get("Location") or request.full_url
    except HTTPError:
        raise
    except (OSError, HTTPException) as lost:
        reason = getattr(lost, "reason", lost)
        raise SetupError(f"{request.host} does not answer ({reason}). Is it up?") from lost
    except ValueError as error:
        receipt = error
    if not isinstance(receipt, dict) or "state" not in receipt:
        raise SetupError(f"{request.host} answers with no receipt. Is --url that of Flyways?")
    return receipt, location


def _said(refusal: HTTPError) -> SetupError:
    """Put a refusal in its own words."""
    said = refusal.read().decode(errors="replace")
    moved = refusal.headers.get("Location")
    try:
        problem = json.loads(said)
        said = f"{problem['detail']} {problem.get('remedy', '')}"
    except (ValueError, KeyError, TypeError):
        said = f"It has moved to {moved}: give that as --url." if moved else said[:200]
    return SetupError(f"{refusal.code}: {said}")
