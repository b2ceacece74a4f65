"""What a call can raise."""


class RecoClientError(Exception):
    """Every error of this client."""


class UnavailableError(RecoClientError):
    """The API could not be reached, or asked to be left alone, until the attempts were used up.

    Args:
        message: what was tried.
        attempts: requests that were sent.
    """

    def __init__(self, message: str, attempts: int) -> None:
        """See the class."""
        super().__init__(message)
        self.attempts = attempts


class ApiError(RecoClientError):
    """The API refused a request.

    Args:
        status: HTTP status.
        code: stable name of the mistake.
        message: what was expected and what came.
        field: the parameter, if it is one.
        request_id: of the answer, for whoever reads the API's log.
    """

    def __init__(self, status: int, code: str, message: str, field: str | None, request_id: str | None) -> None:
        """See the class."""
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message, self.field, self.request_id = status, code, message, field, request_id


class CursorExpiredError(ApiError):
    """The lists that a cursor was made for are gone; ask again without it."""


class UnreadableAnswerError(RecoClientError):
    """An answer is not what the API promises; something else may stand at the address."""
