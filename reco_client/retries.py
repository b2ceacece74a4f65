"""When a request is sent again, and how long to wait before."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# A gateway's or our own "not now", and "not so fast".
RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Retries:
    """How often and how patiently; every call of the API may be repeated, so each is.

    The pause doubles from attempt to attempt, and is drawn between its half and its
    whole, so that many clients do not come back at once. A Retry-After is obeyed as far
    as `longest_pause_seconds` goes.

    Attributes:
        attempts: requests at most; 1 = none is repeated.
        first_pause_seconds: before the second attempt.
        longest_pause_seconds: before any.
        draw: a number between 0 and 1; tests give their own.
    """

    attempts: int = 3
    first_pause_seconds: float = 0.1
    longest_pause_seconds: float = 5.0
    draw: Callable[[], float] = random.random

    def pause(self, attempt: int, retry_after: str | None = None) -> float:
        """Seconds to wait after an attempt.

        Args:
            attempt: its number, from 1.
            retry_after: the header of that name, in seconds; a date is not waited for.
        """
        if retry_after is not None and retry_after.isdecimal():
            return min(float(retry_after), self.longest_pause_seconds)
        whole = min(self.first_pause_seconds * 2.0 ** (attempt - 1), self.longest_pause_seconds)
        return whole * (0.5 + 0.5 * self.draw())
