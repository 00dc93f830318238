"""Every error a caller can meet: a stable code, an HTTP status and a remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """
    An error that a caller is told about as it is.

    `code` never changes once released; `remedy` says how to mend the request.
    """

    status = 400
    code = "bad-request"
    title = "The request can't be carried out"

    def __init__(self, detail: str, *, remedy: str, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.remedy = remedy
        if code is not None:
            self.code = code

    @property
    def remedy_here(self) -> str:
        """The remedy for who works at the database itself, and has sent no request."""
        return self.remedy


class BadInput(Problem):
    """A value of the request can't be used."""

    status = 422
    code = "invalid-value"
    title = "A value can't be used"


class NotSignedIn(Problem):
    """No key, or one that is unknown, expired or revoked."""

    status = 401
    code = "key-required"
    title = "A valid key is needed"


class NotAllowed(Problem):
    """The key is valid and lacks the scope."""

    status = 403
    code = "scope-missing"
    title = "The key does not allow this"


class NotFound(Problem):
    """No such thing, or none that this caller may know of."""

    status = 404
    code = "not-found"
    title = "Nothing here for this caller"


class Gone(Problem):
    """A thing that was and is no more; `successors` say where it went, if anywhere."""

    status = 410
    code = "site-gone"
    title = "This is no more"

    def __init__(
        self,
        detail: str,
        *,
        remedy: str,
        code: str | None = None,
        successors: Sequence[Mapping[str, object]] | None = None,
    ) -> None:
        super().__init__(detail, remedy=remedy, code=code)
        self.successors = successors


class Conflict(Problem):
    """The request contradicts what is stored."""

    status = 409
    code = "conflict"
    title = "The request contradicts what is stored"


class TooLarge(Problem):
    """A body, file or answer is over its limit."""

    status = 413
    code = "too-large"
    title = "Over the limit"


class TooMany(Problem):
    """A rate limit was reached."""

    status = 429
    code = "rate-limited"
    title = "Too many requests"


class Unavailable(Problem):
    """The database does not answer; the same request may be sent again."""

    status = 503
    code = "unavailable"
    title = "Not available for the moment"

    def __init__(self, detail: str = "The database does not answer.") -> None:
        super().__init__(
            detail, remedy="Send the same request again after the time in Retry-After."
        )

    @property
    def remedy_here(self) -> str:
        """Say what to look at: nothing comes back by itself."""
        return "Start it, or name one that runs with FLYWAYS_DATABASE_URL."


class Overrun(Problem):
    """A statement ran into its time limit: load, or work that can't be done in that time."""

    status = Unavailable.status
    code = Unavailable.code
    title = Unavailable.title

    def __init__(self) -> None:
        super().__init__(
            "The database did not finish in time.",
            remedy="Ask for less, or send the same request again after the time in Retry-After.",
        )

    @property
    def remedy_here(self) -> str:
        """Say the same without a request."""
        return "Ask for less, or try again when less is being done."


class SetupError(Exception):
    """The service can't start or a command can't go on; the text says how to mend it."""


def in_a_line(error: SetupError | Problem) -> str:
    """Return what went wrong and how to mend it, for who works at the database itself."""
    return f"{error.detail} {error.remedy_here}" if isinstance(error, Problem) else str(error)
