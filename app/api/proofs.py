"""How a request proves that its push comes from a source, whatever the scheme of the source."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

from ingest.signatures import (
    SECRET_PREFIX,
    check_basic,
    check_github,
    check_token,
    check_webhook,
)

Row = dict[str, Any]
Prover = Callable[[Row], None]
"""Checks a push against its sender's row; raises SignatureRefused."""

SIGNED = frozenset({"standard-webhooks", "github"})
"""Schemes that sign the body: it must be there before its sender is known."""

TOKEN_HEADERS = ("x-webhook-token", "x-api-key")
TOKEN_PARAMETER = "token"  # noqa: S105 - its name, not one
"""Where makers of tags put a static token, besides `Authorization: Bearer`."""


NOTHING: Mapping[str, str] = {}


def prover(
    headers: Mapping[str, str], parameters: Mapping[str, str] = NOTHING, body: bytes = b""
) -> Prover:
    """
    Return what checks a push against its sender's secrets; `SIGNED` schemes need the body.

    Names of headers are in lower case.
    """

    def prove(sender: Row) -> None:
        scheme, secrets = sender["scheme"], sender["secrets"]
        if scheme == "token":
            check_token(token_of(headers, parameters), secrets)
        elif scheme == "basic":
            check_basic(headers.get("authorization"), secrets)
        elif scheme == "github":
            check_github(body, signature=headers.get("x-hub-signature-256"), keys=secrets)
        else:
            check_webhook(
                body,
                message_id=headers.get("webhook-id"),
                timestamp=headers.get("webhook-timestamp"),
                signature=headers.get("webhook-signature"),
                secrets=[SECRET_PREFIX + b64encode(key).decode() for key in secrets],
                now_s=int(time.time()),
            )

    return prove


def token_of(headers: Mapping[str, str], parameters: Mapping[str, str] = NOTHING) -> str | None:
    """Return the static token of a request: of its headers first, then of its address."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    named = (headers.get(name) for name in TOKEN_HEADERS)
    return next((found for found in named if found), None) or parameters.get(TOKEN_PARAMETER)
