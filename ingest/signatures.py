"""How senders prove a push is theirs: a token, a password, or a signature of two kinds."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

TOLERANCE_S = 300
"""How far the time of a signature may lie from the present [s] (Standard Webhooks: 5 minutes)."""

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix that marks a secret, not one
SIGNATURES_MAX = 20
"""Signatures looked at in one header: rotation needs two; more would be work for nothing."""

_HEADER_MAX_CHARS = 8_192


class SignatureRefused(Exception):  # noqa: N818 - it names what happened to the push
    """
    The push is not proven to come from its sender.

    ``code`` is one of ``token-mismatch``, ``password-mismatch``, ``signature-missing``,
    ``signature-malformed``, ``signature-time``, ``signature-mismatch``, ``secret-malformed``.
    """

    def __init__(self, code: str, remedy: str) -> None:
        super().__init__(remedy)
        self.code = code
        self.remedy = remedy


def check_token(sent: str | None, digests: Sequence[bytes]) -> None:
    """
    Check a static token, in a time that tells nothing of it.

    Parameters
    ----------
    sent : str or None
        As it came in the header.
    digests : sequence of bytes
        SHA-256 of the tokens that are valid now; two while one is being replaced. The tokens
        themselves are not kept anywhere.

    Raises
    ------
    SignatureRefused
        Code ``token-mismatch``.

    Examples
    --------
    >>> check_token("b", [hashlib.sha256(b"b").digest()])
    """
    digest = hashlib.sha256((sent or "").encode("utf-8", errors="surrogatepass")).digest()
    # Every token is compared, and digests are equally long: neither place nor length shows.
    matches = [hmac.compare_digest(digest, known) for known in digests]
    matches = [match and bool(sent) for match in matches]
    if not any(matches):
        raise SignatureRefused("token-mismatch", "Send the token of this source.")


def check_basic(authorization: str | None, digests: Sequence[bytes]) -> None:
    """
    Check the password of HTTP basic authentication (RFC 7617).

    The secret of the source is the password; the user name tells nothing and may be any.

    Parameters
    ----------
    authorization : str or None
        The header ``Authorization``.
    digests : sequence of bytes
        SHA-256 of the passwords that are valid now.

    Raises
    ------
    SignatureRefused
        Code ``password-mismatch``.

    Examples
    --------
    >>> check_basic("Basic dGFnOmI=", [hashlib.sha256(b"b").digest()])  # tag:b
    """
    try:
        check_token(basic_password(authorization), digests)
    except SignatureRefused as refused:
        raise SignatureRefused(
            "password-mismatch",
            "Send the secret of this source as the password of HTTP basic authentication.",
        ) from refused


def basic_password(authorization: str | None) -> str | None:
    """Return the password of a header ``Authorization``; None where it holds none."""
    scheme, _, credentials = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(credentials.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    return pair.decode("utf-8", "replace").partition(":")[2] or None


def check_github(body: bytes, *, signature: str | None, keys: Sequence[bytes]) -> None:
    """
    Check a signature as GitHub makes it: HMAC-SHA256 over the raw body, in hexadecimal.

    It holds no time: who has seen a delivery can repeat it, which has no further effect.

    Parameters
    ----------
    body : bytes
        As received, not parsed.
    signature : str or None
        Header ``X-Hub-Signature-256``: ``sha256=<hex>``.
    keys : sequence of bytes
        Secrets that are valid now.

    Raises
    ------
    SignatureRefused
        Codes ``signature-missing``, ``signature-malformed``, ``signature-mismatch``.

    References
    ----------
    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    """
    if not signature:
        raise SignatureRefused("signature-missing", "Send the header X-Hub-Signature-256.")
    name, _, digits = signature.partition("=")
    try:
        sent = bytes.fromhex(digits)
    except ValueError:
        sent = b""
    if name != "sha256" or len(sent) != hashlib.sha256().digest_size:
        raise SignatureRefused(
            "signature-malformed", "Write X-Hub-Signature-256 as sha256= and 64 hex digits."
        )
    matches = [hmac.compare_digest(hmac.digest(key, body, "sha256"), sent) for key in keys]
    if not any(matches):
        raise SignatureRefused(
            "signature-mismatch",
            "Sign the bytes of the body as sent with the secret of this source.",
        )


def check_webhook(
    body: bytes,
    *,
    message_id: str | None,
    timestamp: str | None,
    signature: str | None,
    secrets: Sequence[str],
    now_s: int,
) -> None:
    """
    Check a Standard Webhooks signature (HMAC-SHA256) over the raw body.

    Parameters
    ----------
    body : bytes
        As received, not parsed.
    message_id, timestamp, signature : str or None
        Headers ``webhook-id``, ``webhook-timestamp`` [s since 1970-01-01 UTC] and
        ``webhook-signature`` (``v1,<base64>``, several parted by blanks).
    secrets : sequence of str
        Secrets that are valid now, ``whsec_<base64>``.
    now_s : int
        The present [s since 1970-01-01 UTC].

    Raises
    ------
    SignatureRefused
        Its code tells why.

    References
    ----------
    Standard Webhooks 1.0.0, https://www.standardwebhooks.com
    """
    if not (message_id and timestamp and signature):
        raise SignatureRefused(
            "signature-missing",
            "Send the headers webhook-id, webhook-timestamp and webhook-signature.",
        )
    if len(message_id) + len(signature) > _HEADER_MAX_CHARS:
        raise SignatureRefused("signature-malformed", "Keep the headers under 8 KiB.")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        raise SignatureRefused(
            "signature-malformed", "Write webhook-timestamp as whole seconds since 1970."
        )
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        raise SignatureRefused(
            "signature-time", "Sign within five minutes of sending, by a clock set to UTC."
        )
    signed = f"{message_id}.{timestamp}.".encode("utf-8", errors="surrogatepass") + body
    expected = [hmac.digest(_secret_key(secret), signed, "sha256") for secret in secrets]
    sent = [_signature(part) for part in signature.split(" ")[:SIGNATURES_MAX]]
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in sent]
    if not any(matches):
        raise SignatureRefused(
            "signature-mismatch",
            "Sign 'id.timestamp.body' of the bytes as sent with the secret of this source.",
        )


def _signature(part: str) -> bytes:
    """Bytes of one ``v1,<base64>``; empty, so that it matches nothing, where it is none."""
    version, _, encoded = part.partition(",")
    if version != "v1":
        return b""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _secret_key(secret: str) -> bytes:
    """Key of a secret as it is stored."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise SignatureRefused("secret-malformed", "Store the secret as whsec_<base64>.")
    return key
