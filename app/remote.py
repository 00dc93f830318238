"""Push a file to a service elsewhere, over HTTP, and wait for its receipt."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urljoin, urlsplit
from urllib.request import Request, urlopen

from app.errors import SetupError

POLL_S = 0.5
ANSWER_S = 300


def push(
    url: str, file: Path, study: str, *, key: str, options: dict[str, str | None]
) -> dict[str, Any]:
    """Send a file as one push; give its receipt once it is processed or failed."""
    if urlsplit(url).scheme not in {"http", "https"}:
        raise SetupError(f"{url} is no web address. Give one such as http://127.0.0.1:8000")
    query = urlencode({name: value for name, value in options.items() if value is not None})
    address = f"{url.rstrip('/')}/api/v1/studies/{quote(study)}/pushes?{query}"
    headers = {"Authorization": f"Bearer {key}"}
    size = {"Content-Length": str(file.stat().st_size), "Content-Type": "application/octet-stream"}
    with file.open("rb") as body:
        # A file object is streamed; its length is given, so nothing is read ahead.
        first = Request(address, data=body, headers=headers | size, method="POST")  # noqa: S310 - checked
        receipt, location = _answer(first)
    while receipt["state"] not in {"processed", "failed"}:
        time.sleep(POLL_S)
        receipt, _ = _answer(Request(urljoin(address, location), headers=headers))  # noqa: S310 - same
    return receipt


def _answer(request: Request) -> tuple[dict[str, Any], str]:
    """Give the JSON of an answer and its Location; an error becomes its own words."""
    try:
        with urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310 - the scheme is checked
            return json.load(answer), answer.headers.get("Location") or request.full_url
    except HTTPError as refusal:
        said = refusal.read().decode(errors="replace")
        try:
            problem = json.loads(said)
            said = f"{problem['detail']} {problem.get('remedy', '')}"
        except (ValueError, KeyError, TypeError):
            said = said[:200]
        raise SetupError(f"{refusal.code}: {said}") from refusal
    except URLError as lost:
        raise SetupError(f"{request.host} does not answer ({lost.reason}). Is it up?") from lost
