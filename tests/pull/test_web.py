"""Requests to providers: what came in full is an answer, everything else a failure with words."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import SetupError
from app.pull import web
from app.pull.page import PullFailed
from app.pull.web import Answer, Signed, checked_base, opened, records_of, text_of
from tests.pull.stub import FAULTS, Asked, Reply, Service, serving

BODIES = st.binary(max_size=40)


class Echo(Service):
    """Answers with what it was told to answer, whatever is asked."""

    said = Reply(b"")

    def answer(self, asked: Asked) -> Reply:
        return self.said


class Guarded(Service):
    """Lets in the newest token only; each login makes one."""

    logins = 0
    lets_in = True

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/login":
            self.logins += 1
            return Reply.of(f"t{self.logins}")
        if self.lets_in and asked.headers.get("x-token") == f"t{self.logins}":
            return Reply.of({"lang": asked.headers.get("x-lang")})
        return Reply(b"who?", 401)


@pytest.fixture
def echo():
    with serving(Echo()) as service:
        yield service


def answer_of(body: bytes) -> Answer:
    return Answer(200, {}, len(body), BytesIO(body))


async def failure(service: Service, path: str = "/data?token=secret-9") -> PullFailed:
    async with opened(service.base) as provider:
        with pytest.raises(PullFailed) as failed:
            await provider.ask("GET", path)
    assert "secret-9" not in str(failed.value) + failed.value.remedy
    return failed.value


async def test_an_answer_is_the_bytes_as_they_were_sent(echo) -> None:
    echo.said = Reply(bytes(range(256)) * 9, 200, {"X-Next": "2"})
    async with opened(echo.base) as provider:
        answer = await provider.ask("GET", "/a", params={"q": "ж ?&"})
        assert (answer.status, answer.size_bytes) == (200, 256 * 9)
        assert answer.headers["x-next"] == "2"
        assert b"".join(answer.pieces()) == echo.said.body
        assert b"".join(answer.pieces()) == echo.said.body  # again from the start
    assert (echo.asked[0].path, echo.asked[0].query) == ("/a", {"q": "ж ?&"})


async def test_an_answer_lasts_until_the_next_question(echo) -> None:
    async with opened(echo.base) as provider:
        first = await provider.ask("GET", "/a")
        await provider.ask("GET", "/b")
        assert first.body.closed
    assert provider.body is None


@pytest.mark.parametrize(
    ("fault", "code", "retry_after_s"),
    [("busy", "provider-busy", 7.0), ("broken", "provider-failed", None),
     ("moved", "provider-moved", None), ("cut", "provider-unreachable", None),
     ("hangs up", "provider-unreachable", None)],
)  # fmt: skip
async def test_what_is_no_answer_says_why(echo, fault, code, retry_after_s) -> None:
    echo.said, echo.faults = Reply(b"12345678"), [fault]
    failed = await failure(echo)
    assert (failed.code, failed.retry_after_s) == (code, retry_after_s)
    assert "127.0.0.1" in str(failed)
    assert len(echo.asked) == 1  # a redirect is not followed
    assert fault in FAULTS


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_what_providers_mean_something_by_is_handed_back(echo, status) -> None:
    echo.said = Reply(b"no", status)
    async with opened(echo.base) as provider:
        assert (await provider.ask("GET", "/a")).status == status


@pytest.mark.parametrize(("size", "ok"), [(1000, True), (1001, False)])
async def test_an_answer_over_the_limit_is_not_taken(echo, monkeypatch, size, ok) -> None:
    monkeypatch.setattr(web, "ANSWER_MAX_BYTES", 1000)
    echo.said = Reply(b"x" * size)
    if ok:
        async with opened(echo.base) as provider:
            assert (await provider.ask("GET", "/a")).size_bytes == size
    else:
        assert (await failure(echo)).code == "answer-too-large"


@given(BODIES, st.binary(min_size=1, max_size=4))
def test_the_end_and_the_head_of_a_body(body: bytes, mark: bytes) -> None:
    answer = answer_of(body)
    assert answer.ends_with(mark) == body.endswith(mark)
    assert answer_of(body + mark).ends_with(mark)
    assert answer.head() == body[: web.HEAD_BYTES]
    assert b"".join(answer.pieces()) == body


@settings(max_examples=25)
@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5), st.data())
def test_json_is_read_whole_or_refused(value: object, data: st.DataObject) -> None:
    text = json.dumps([value]).encode()
    assert answer_of(text).json() == [value]
    cut = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(PullFailed) as failed:
        answer_of(text[:cut]).json()
    assert failed.value.code == "answer-unreadable"


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a": "\xff"}', b"[" * 100_000, b"9" * 5_000])
def test_no_body_is_worse_than_unreadable(body: bytes) -> None:
    with pytest.raises(PullFailed) as failed:
        answer_of(body).json()
    assert failed.value.code == "answer-unreadable"


def test_json_that_is_too_large_is_not_read(monkeypatch) -> None:
    monkeypatch.setattr(web, "JSON_MAX_BYTES", 4)
    assert answer_of(b"[10]").json() == [10]
    with pytest.raises(PullFailed) as failed:
        answer_of(b"[100]").json()
    assert failed.value.code == "answer-too-large"


def test_records_are_a_list_of_objects() -> None:
    assert records_of([{"a": 1}, {}]) == [{"a": 1}, {}]
    assert records_of({"rows": [{"a": 1}]}, "rows") == [{"a": 1}]
    assert records_of([], "rows") == []
    for wrong in ({"rows": 1}, {"lines": []}, [{"a": 1}, 2], None, "x", {"rows": [[]]}):
        with pytest.raises(PullFailed) as failed:
            records_of(wrong, "rows")
        assert failed.value.code == "answer-unreadable"


def test_a_value_is_told_as_text_and_its_absence_by_its_name() -> None:
    record = {"id": 300434, "name": "鶴", "zero": 0}
    assert [text_of(record, name) for name in record] == ["300434", "鶴", "0"]
    for wrong in (None, "", True, 1.5, [], {}):
        with pytest.raises(PullFailed, match="lacks id"):
            text_of({"id": wrong}, "id")
    with pytest.raises(PullFailed, match="lacks id"):
        text_of({}, "id")


@given(st.text(max_size=30) | st.from_regex(r"[A-Z][a-z]{2}, \d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+.*"))
def test_whatever_a_provider_says_of_when_is_seconds_or_nothing(text: str) -> None:
    found = web._retry_after(text)
    assert found is None or 0 <= found <= web.RETRY_AFTER_MAX_S


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, None), ("7", 7.0), (" 120 ", 120.0), ("9" * 400, web.RETRY_AFTER_MAX_S), ("-5", None),
     ("1.5", None), ("soon", None), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
     ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0), ("Wed, 21 Oct 2015 07:28:00", 0.0),
     ("Fri, 31 Dec 9999 23:59:59 GMT", web.RETRY_AFTER_MAX_S),
     ("Fri, 31 Dec 99999999999999999999 23:59:59 GMT", None)],
)  # fmt: skip
def test_both_forms_of_retry_after(text, seconds) -> None:
    assert web._retry_after(text) == seconds


def test_a_moment_of_retry_after_is_told_from_now() -> None:
    at = datetime.now(UTC) + timedelta(seconds=600)
    found = web._retry_after(format_datetime(at, usegmt=True))
    assert found is not None
    assert 500 < found <= 600


@pytest.mark.parametrize(
    "base",
    ["https://www.movebank.org/", "http://localhost:8", "http://127.0.0.9", "http://[::1]:80/x/"],
)
def test_credentials_go_over_https_or_stay_here(base: str) -> None:
    assert checked_base(base) == re.sub("/$", "", base)


@pytest.mark.parametrize(
    "base",
    ["http://www.movebank.org", "https://", "ftp://localhost", "//localhost", "", "http://10.0.0.1",
     "http://localhost.example.org", "http://[::1", "https://[oops]/"],
)  # fmt: skip
def test_other_addresses_are_refused_with_the_setting_that_names_them(base: str) -> None:
    with pytest.raises(SetupError, match="FLYWAYS_PULL_BASES"):
        checked_base(base)


async def signed(service: Guarded, questions: int, between=None) -> list[object]:
    async with opened(service.base) as provider:

        async def login() -> dict[str, str]:
            return {"X-Token": (await provider.ask("POST", "/login")).json()}

        guarded, told = Signed(login, provider), []
        for n in range(questions):
            if n and between is not None:
                between()
            answer = await guarded.ask("GET", "/data", headers={"X-Lang": "ko"})
            told.append(answer.json()["lang"])
        return told


async def test_one_login_serves_many_questions_and_a_lost_token_is_replaced() -> None:
    with serving(Guarded()) as service:
        assert await signed(service, 3) == ["ko"] * 3
        assert service.logins == 1

        def elsewhere() -> None:
            service.logins += 1  # another login ended ours

        assert await signed(service, 3, elsewhere) == ["ko"] * 3
        assert service.logins == 1 + 1 + 2 * 2


async def test_a_fresh_token_that_is_refused_is_not_tried_again() -> None:
    """An account is locked by whoever logs in again and again."""
    with serving(Guarded()) as service:
        service.lets_in = False
        with pytest.raises(PullFailed) as failed:
            await signed(service, 1)
        assert (failed.value.code, service.logins) == ("credentials-refused", 1)
        assert "127.0.0.1" in str(failed.value)
