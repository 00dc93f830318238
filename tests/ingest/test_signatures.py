from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from ingest.signatures import (
    SignatureRefused,
    check_basic,
    check_github,
    check_token,
    check_webhook,
)

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()
NOW_S = 1_700_000_000
BODY = b'{"fixes": []}'


def signed(body: bytes = BODY, secret: str = SECRET, at: int = NOW_S, sent_id: str = "m1") -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return Webhook(secret).sign(sent_id, moment, body.decode())


def code(**change: object) -> str | None:
    sent: dict[str, object] = {
        "body": BODY,
        "message_id": "m1",
        "timestamp": str(NOW_S),
        "signature": signed(),
        "secrets": [SECRET],
        "now_s": NOW_S,
    } | change
    body = sent.pop("body")
    try:
        check_webhook(body, **sent)  # type: ignore[arg-type]  # the cases break types on purpose
    except SignatureRefused as refused:
        return refused.code if refused.remedy else "without remedy"
    return None


def test_what_the_library_signs_is_accepted() -> None:
    assert code() is None
    assert code(signature=f"v1,AAAA v2,xyz {signed()}") is None
    assert code(secrets=[OTHER, SECRET]) is None
    assert code(now_s=NOW_S + 300) is None
    assert code(now_s=NOW_S - 300) is None


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"body": BODY + b" "}, "signature-mismatch"),
        ({"message_id": "m2"}, "signature-mismatch"),
        ({"secrets": [OTHER]}, "signature-mismatch"),
        ({"secrets": []}, "signature-mismatch"),
        ({"signature": signed(secret=OTHER)}, "signature-mismatch"),
        ({"signature": signed().replace("v1,", "v2,")}, "signature-mismatch"),
        ({"signature": "v1,"}, "signature-mismatch"),
        ({"signature": "no comma"}, "signature-mismatch"),
        ({"signature": "v1,é"}, "signature-mismatch"),
        ({"signature": "v1,%%%"}, "signature-mismatch"),
        ({"timestamp": str(NOW_S + 1)}, "signature-mismatch"),
        ({"now_s": NOW_S + 301}, "signature-time"),
        ({"now_s": NOW_S - 301}, "signature-time"),
        ({"timestamp": "soon"}, "signature-malformed"),
        ({"timestamp": "\u0661\u0667"}, "signature-malformed"),
        ({"timestamp": "9" * 5000}, "signature-malformed"),
        ({"timestamp": "-1"}, "signature-malformed"),
        ({"signature": "v1," + "A" * 9000}, "signature-malformed"),
        ({"message_id": None}, "signature-missing"),
        ({"timestamp": ""}, "signature-missing"),
        ({"signature": None}, "signature-missing"),
        ({"secrets": ["whsec_"]}, "secret-malformed"),
        ({"secrets": ["whsec_é"]}, "secret-malformed"),
    ],
)
def test_each_fault_has_its_code(change: dict[str, object], expected: str) -> None:
    assert code(**change) == expected


def test_only_the_first_signatures_are_looked_at() -> None:
    assert code(signature="v1,AAAA " * 20 + signed()) == "signature-mismatch"


@given(st.binary(max_size=100))
def test_bodies_that_are_no_text_are_signed_all_the_same(body: bytes) -> None:
    digest = hmac.new(b"k" * 24, b"m1.%d." % NOW_S + body, hashlib.sha256).digest()
    assert code(body=body, signature="v1," + base64.b64encode(digest).decode()) is None


@given(st.dictionaries(st.text(max_size=5), st.integers()), st.integers(0, 10**9))
def test_agrees_with_the_library_on_any_json(content: dict[str, int], at: int) -> None:
    body = json.dumps(content).encode()
    assert code(body=body, signature=signed(body, at=at), timestamp=str(at), now_s=at) is None


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50))
def test_garbage_headers_are_refused_and_never_raise(a: str, b: str, c: str) -> None:
    assert code(message_id=a, timestamp=b, signature=c) is not None


def digests(*tokens: str) -> list[bytes]:
    return [hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest() for token in tokens]


def test_tokens() -> None:
    check_token("new", digests("old", "new"))
    for sent, valid in ((None, ["a"]), ("", ["a"]), ("b", ["a"]), ("", [""]), ("a", [])):
        with pytest.raises(SignatureRefused) as caught:
            check_token(sent, digests(*valid))
        assert caught.value.code == "token-mismatch"


@given(st.text())
def test_any_token_is_compared(sent: str) -> None:
    check_token(sent + "\ud800", digests(sent + "\ud800"))
    with pytest.raises(SignatureRefused):
        check_token(sent, digests(sent + "x"))


def refused(check, *args, **named) -> str | None:
    try:
        check(*args, **named)
    except SignatureRefused as told:
        return told.code if told.remedy else "without remedy"
    return None


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@given(st.text(alphabet=st.characters(exclude_characters=":", codec="utf-8")), st.text(min_size=1))
def test_any_user_name_goes_with_the_password(user: str, password: str) -> None:
    digests = [hashlib.sha256(each.encode()).digest() for each in ("other", password)]
    assert refused(check_basic, basic(f"{user}:{password}"), digests) is None
    assert refused(check_basic, basic(f"{user}:{password}x"), digests) == "password-mismatch"


@pytest.mark.parametrize(
    "header",
    [None, "", "Basic", "Basic ", "Basic !!!!", "Basic c2VjcmV0", basic("secret"), basic("u:"),
     "Bearer secret", "Basic u:secret", basic("u:secret")[:-1], "Basic \xe9"],
)  # fmt: skip
def test_other_credentials_are_refused(header: str | None) -> None:
    digests = [hashlib.sha256(each).digest() for each in (b"secret", b"")]
    assert refused(check_basic, header, digests) == "password-mismatch"


@given(st.binary(max_size=99), st.lists(st.binary(min_size=1), min_size=1, max_size=2))
def test_a_body_signed_as_github_does_is_accepted(body: bytes, keys: list[bytes]) -> None:
    sent = "sha256=" + hmac.new(keys[-1], body, hashlib.sha256).hexdigest()
    assert refused(check_github, body, signature=sent, keys=keys) is None
    assert refused(check_github, body + b"x", signature=sent, keys=keys) == "signature-mismatch"


@pytest.mark.parametrize(
    ("signature", "expected"),
    [
        (None, "signature-missing"),
        ("", "signature-missing"),
        ("sha1=" + "0" * 64, "signature-malformed"),
        ("0" * 64, "signature-malformed"),
        ("sha256=" + "0" * 63, "signature-malformed"),
        ("sha256=" + "g" * 64, "signature-malformed"),
        ("sha256=\xe9", "signature-malformed"),
        ("sha256=" + "0" * 64, "signature-mismatch"),
    ],
)
def test_other_signatures_are_refused(signature: str | None, expected: str) -> None:
    assert refused(check_github, BODY, signature=signature, keys=[b"k"]) == expected


def test_the_example_of_github_is_accepted() -> None:
    # From its documentation of validating webhook deliveries.
    sent = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    keys = [b"It's a Secret to Everybody"]
    assert refused(check_github, b"Hello, World!", signature=sent, keys=keys) is None
