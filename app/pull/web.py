"""Requests to providers: bounded, never redirected, to fixed addresses only."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from app.errors import SetupError
from app.pull.page import PullFailed

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx2

ANSWER_MAX_BYTES = 256 << 20
"""Largest answer that is taken [bytes]; providers whose answers can be larger ask for less."""
MEMORY_BYTES = 4 << 20
"""An answer up to this size [bytes] stays in memory; a larger one waits in a temporary file."""
JSON_MAX_BYTES = 64 << 20
"""Largest answer that is read as a whole [bytes]: pages of JSON hold a few thousand records."""
HEAD_BYTES = 1024
PIECE_BYTES = 1 << 20
CONNECT_S, SILENT_S = 10.0, 120.0
"""Longest wait for a connection and between two pieces [s]: large answers are long prepared."""
RETRY_AFTER_MAX_S = 86_400.0

REFUSED = {401, 403}

# It logs every address with its query, which names birds and devices.
logging.getLogger("httpx2").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer: a body that came short never becomes one."""

    status: int
    headers: Mapping[str, str]
    size_bytes: int
    body: IO[bytes]

    def head(self) -> bytes:
        """Return the first bytes, by which HTML is told from data."""
        self.body.seek(0)
        return self.body.read(HEAD_BYTES)

    def pieces(self) -> Iterator[bytes]:
        """Give the body as it was sent."""
        self.body.seek(0)
        while piece := self.body.read(PIECE_BYTES):
            yield piece

    def ends_with(self, mark: bytes) -> bool:
        """Tell whether the body ends so."""
        self.body.seek(-min(len(mark), self.size_bytes), 2)
        return self.body.read() == mark

    def json(self) -> Any:
        """Read the body as JSON; raises PullFailed where it is none or cut off."""
        if self.size_bytes > JSON_MAX_BYTES:
            raise too_large("JSON", JSON_MAX_BYTES)
        try:
            return json.loads(b"".join(self.pieces()))
        except (ValueError, RecursionError) as error:
            raise PullFailed(
                "answer-unreadable",
                "The answer is no JSON: it is cut off, or a page for people.",
                remedy="Nothing is to do if it passes; else ask the provider.",
            ) from error


def too_large(what: str, limit_bytes: int) -> PullFailed:
    """Return the failure of an answer over its limit."""
    return PullFailed(
        "answer-too-large",
        f"An answer of {what} is larger than {limit_bytes} bytes.",
        remedy="Ask for less: narrow the settings of the connector, or upload that part as files.",
    )


def checked_base(base: str) -> str:
    """Return the address of a provider: https, or this machine."""
    refused = SetupError(
        f"{base} can't be asked: credentials go to https addresses or to this machine only."
        " Correct FLYWAYS_PULL_BASES."
    )
    try:
        parts = urlsplit(base)
    except ValueError as error:
        raise refused from error
    if (parts.scheme == "https" and parts.hostname) or (parts.scheme == "http" and _here(parts)):
        return base.rstrip("/")
    raise refused


def _here(parts: Any) -> bool:
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return bool(parts.hostname == "localhost")


class Web:
    """
    One provider's service during one pull, with its cookies and nobody else's.

    An answer lasts until the next question.
    """

    def __init__(self, client: httpx2.AsyncClient, base: str) -> None:
        self.client, self.base = client, base
        self.body: IO[bytes] | None = None

    def close(self) -> None:
        """Let go of the last answer."""
        if self.body is not None:
            self.body.close()
            self.body = None

    async def ask(self, method: str, path: str, *, url: str | None = None, **how: Any) -> Answer:
        """
        Send one request; return its answer once it is complete.

        Raises PullFailed for everything that the next pull can only try again; 400, 401, 403 and
        404 are handed back, as providers give them meanings of their own.
        """
        import httpx2  # noqa: PLC0415 - as below

        place = url or self.base + path
        self.close()
        self.body = body = tempfile.SpooledTemporaryFile(MEMORY_BYTES)  # noqa: SIM115 - see close
        size = 0
        try:
            async with self.client.stream(method, place, **how) as answer:
                _refuse(answer)
                async for piece in answer.aiter_bytes(PIECE_BYTES):
                    size += len(piece)
                    if size > ANSWER_MAX_BYTES:
                        raise too_large(urlsplit(place).path, ANSWER_MAX_BYTES)
                    body.write(piece)
        except httpx2.HTTPError as lost:
            raise PullFailed(
                "provider-unreachable",
                f"{urlsplit(place).hostname} did not answer in full: {type(lost).__name__}.",
                remedy="Nothing is to do if it passes; else look at the network of the worker.",
            ) from lost
        return Answer(answer.status_code, answer.headers, size, body)


HANDED_BACK = {400, 404} | REFUSED


class Signed:
    """Requests with a token that may run out, or be ended by another login, at any moment."""

    def __init__(self, login: Callable[[], Awaitable[dict[str, str]]], web: Web) -> None:
        self.login, self.web = login, web
        self.headers: dict[str, str] | None = None

    async def ask(self, method: str, path: str, **how: Any) -> Answer:
        """Ask as `Web.ask`; a refused token is replaced once by a new login."""
        headers = how.pop("headers", {})
        fresh = self.headers is None
        for _ in range(2):
            if self.headers is None:
                self.headers = await self.login()
            answer = await self.web.ask(method, path, headers=headers | self.headers, **how)
            if answer.status != HTTPStatus.UNAUTHORIZED:
                break
            self.headers = None
            if fresh:
                break
            fresh = True
        if answer.status in REFUSED:
            raise unauthorised(urlsplit(self.web.base).hostname or "", str(answer.status))
        return answer


def records_of(found: Any, name: str | None = None) -> list[dict[str, Any]]:
    """Return the list of records in an answer; raises PullFailed where there is none."""
    listed = found.get(name) if name is not None and isinstance(found, dict) else found
    if isinstance(listed, list) and all(isinstance(each, dict) for each in listed):
        return listed
    raise PullFailed(
        "answer-unreadable",
        "The answer holds no list of records.",
        remedy="The service may have changed: tell the people of Flyways.",
    )


def text_of(record: dict[str, Any], name: str) -> str:
    """Return a value of an answer as text; raises PullFailed where it is missing."""
    value = record.get(name)
    if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
        return str(value)
    raise PullFailed(
        "answer-unreadable",
        f"The answer lacks {name}.",
        remedy="The service may have changed: tell the people of Flyways.",
    )


def _refuse(answer: httpx2.Response) -> None:
    """Raise what an answer without data means; queries of addresses are never told."""
    status, host = answer.status_code, answer.url.host
    if answer.is_redirect:
        raise PullFailed(
            "provider-moved",
            f"{host} sends us elsewhere; that is never followed, as credentials would go along.",
            remedy="If the service has moved, the operator sets FLYWAYS_PULL_BASES.",
        )
    if status == HTTPStatus.OK or status in HANDED_BACK:
        return
    raise PullFailed(
        "provider-busy" if status in {429, 503} else "provider-failed",
        f"{host} answers {status}.",
        remedy="Nothing is to do: it is asked again later.",
        retry_after_s=_retry_after(answer.headers.get("Retry-After")),
    )


def _retry_after(text: str | None) -> float | None:
    """Read Retry-After in either of its forms [s]."""
    if text is None:
        return None
    if text.strip().isdecimal():
        return min(float(text), RETRY_AFTER_MAX_S)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # A date without a zone, or with -0000, is one of UTC.
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - datetime.now(UTC)).total_seconds()), RETRY_AFTER_MAX_S)


def unauthorised(host: str, said: str) -> PullFailed:
    """Return the failure of credentials that the provider does not take."""
    return PullFailed(
        "credentials-refused",
        f"{host} refuses the name and password of the connector ({said}).",
        remedy="Give the connector the right ones: it is tried at once. Until then only daily, so"
        " that the account is not locked.",
    )


@cache
def _trust() -> SSLContext:
    """Read the certificates that this machine trusts: 40 ms of work, once in a process."""
    import httpx2  # noqa: PLC0415 - as below

    return httpx2.create_ssl_context()


@asynccontextmanager
async def opened(base: str) -> AsyncIterator[Web]:
    """Give the service at a base address."""
    import httpx2  # noqa: PLC0415 - slow to load; the web process names providers and asks none

    base = checked_base(base)
    async with httpx2.AsyncClient(
        follow_redirects=False,
        timeout=httpx2.Timeout(SILENT_S, connect=CONNECT_S),
        limits=httpx2.Limits(max_connections=1),
        headers={"User-Agent": "flyways", "Accept-Encoding": "gzip"},
        trust_env=not _here(urlsplit(base)),
        verify=_trust(),
    ) as client:
        with closing(Web(client, base)) as web:
            yield web
