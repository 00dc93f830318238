"""Answers kept as bytes while what they were made from stands: feeds and tiles share them."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from fastapi import Request, Response

from app.api.conditional import accepts_gzip, cache_headers, not_modified, unchanged
from app.store.audience import Audience

KEPT_BYTES = 64 * 1024 * 1024
"""Memory for answers kept in this process [bytes]: some 100 feeds of the default size."""
GZIP_LEVEL = 6
"""Kept answers are compressed once, so a slower level than for passing ones pays."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, ready to send."""

    body: bytes
    encoding: Literal["gzip"] | None
    etag: str
    link: str | None


class Kept:
    """Answers of late, least recently used first out; bounded by their bytes."""

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def get(self, key: Hashable) -> Answer | None:
        """Return the answer made for this key."""
        if key in self._answers:
            self._answers.move_to_end(key)
        return self._answers.get(key)

    def put(self, key: Hashable, answer: Answer) -> None:
        """Keep an answer, letting the longest unused go."""
        if key in self._answers:
            return
        self._answers[key] = answer
        self.held_bytes += len(answer.body)
        while self.held_bytes > self.most_bytes:
            _, old = self._answers.popitem(last=False)
            self.held_bytes -= len(old.body)


def kept_of(request: Request) -> Kept:
    """Return what this process keeps."""
    state = request.app.state
    if not hasattr(state, "kept"):
        state.kept = Kept()
    kept: Kept = state.kept
    return kept


def seen_by(audience: Audience) -> Hashable:
    """Return what changes whenever this audience may see something else of its studies."""
    return (audience.scope, audience.exact, audience.open, audience.seen)


def takes_gzip(request: Request) -> bool:
    """Tell whether the caller takes compressed answers: those are kept apart from plain ones."""
    return accepts_gzip(request.headers)


def sealed(
    body: bytes, link: str | None = None, *, zipped: bool, told: bytes | None = None
) -> Answer:
    """
    Make an answer of a body, compressed or plain, with the ETag of the plain bytes.

    `told` stands for a long body: what it is written from, nothing less and nothing more.
    """
    # The ETag is of the answer alone: it can tell nobody more than the answer does.
    etag = f'W/"{sha256(body if told is None else told).hexdigest()[:32]}"'
    if zipped and body:
        return Answer(gzip.compress(body, GZIP_LEVEL, mtime=0), "gzip", etag, link)
    return Answer(body, None, etag, link)


def answer_with(
    request: Request, audience: Audience, answer: Answer, *, media_type: str
) -> Response:
    """Send an answer, or 304 to a current copy."""
    if not_modified(request, answer.etag):
        return unchanged(audience, answer.etag)
    headers = cache_headers(audience, answer.etag)
    if answer.link:
        headers["Link"] = f'<{answer.link}>; rel="next"'
    if answer.encoding:
        headers["Content-Encoding"] = answer.encoding
    return Response(answer.body, media_type=media_type, headers=headers)
