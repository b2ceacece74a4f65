"""Readers of an API while things break: each answer with its time, and when the lists came back."""

import http.client
import json
import re
import threading
import time
from collections import Counter
from types import TracebackType
from typing import NamedTuple, Self

_SOURCE = re.compile(rb'"source":"(\w+)"')
_THREADS = 4
_PAUSE_SECONDS = 0.004
_NO_ANSWER = 0
_ACCEPTED = 202


class Answered(NamedTuple):
    """One question to the API.

    Attributes:
        at: monotonic time of its end.
        seconds: it took.
        status: HTTP status; 0 = no connection, or it broke.
        source: of the list.
    """

    at: float
    seconds: float
    status: int
    source: str


class Readers:
    """A few clients that ask for lists without end.

    Args:
        port: of the API on loopback.
        users: ids are user-0 to user-(users - 1).
    """

    def __init__(self, port: int, users: int) -> None:
        """Prepare; entering the block begins."""
        self.answers: list[Answered] = []
        self._port, self._users = port, users
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(_THREADS)]

    def __enter__(self) -> Self:
        """Begin to ask."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop asking."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def wait_for(self, sources: set[str], since: float, seconds: float = 30.0) -> float:
        """Seconds from a time until the first list of such a source.

        Raises:
            TimeoutError: it does not come.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = [one.at for one in self.answers[-2_000:] if one.at > since and one.source in sources]
            if found:
                return min(found) - since
            time.sleep(0.005)
        raise TimeoutError(f"no list from {sources} within {seconds} s; statuses {self.statuses(since)}")

    def statuses(self, since: float = 0.0) -> dict[str, int]:
        """How often each status came, and each source."""
        return dict(Counter(f"{one.status} {one.source}".strip() for one in self.answers if one.at > since))

    def failed(self) -> int:
        """Answers with 5xx."""
        return sum(one.status >= 500 for one in self.answers)

    def unanswered(self) -> int:
        """Questions that found nobody."""
        return sum(one.status == _NO_ANSWER for one in self.answers)

    def slowest(self) -> float:
        """Of those that were answered, seconds."""
        return max((one.seconds for one in self.answers if one.status), default=0.0)

    def _read(self, number: int) -> None:
        connection: http.client.HTTPConnection | None = None
        user = number
        while not self._stop.is_set():
            user = (user + 7) % self._users
            began = time.monotonic()
            status, source = _NO_ANSWER, ""
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
                connection.request("GET", f"/v1/users/user-{user}/recommendations")
                response = connection.getresponse()
                body = response.read()
                status = response.status
                found = _SOURCE.search(body)
                source = found[1].decode() if found and status == 200 else ""
            except (OSError, http.client.HTTPException):
                if connection:
                    connection.close()
                connection = None
            now = time.monotonic()
            self.answers.append(Answered(now, now - began, status, source))
            time.sleep(_PAUSE_SECONDS)
        if connection:
            connection.close()


class Posters:
    """A client that posts clicks without end, and remembers which the API has accepted.

    Args:
        port: of the API on loopback.
    """

    def __init__(self, port: int) -> None:
        """Prepare; entering the block begins."""
        self.accepted: list[str] = []
        self.statuses: Counter[int] = Counter()
        self._port = port
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._post)

    def __enter__(self) -> Self:
        """Begin to post."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop posting."""
        self._stop.set()
        self._thread.join()

    def wait_for_more(self, number: int, seconds: float = 30.0) -> None:
        """Wait until so many more events were accepted.

        Raises:
            TimeoutError: they are not.
        """
        wanted, deadline = len(self.accepted) + number, time.monotonic() + seconds
        while len(self.accepted) < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"events are not accepted within {seconds} s; {dict(self.statuses)}")
            time.sleep(0.01)

    def _post(self) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            event = {"event_id": f"event-{number}", "user_id": "user-1", "item_id": "item-2", "event_type": "click"}
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            status = _NO_ANSWER
            try:
                connection.request("POST", "/v1/events", json.dumps(event))
                status = connection.getresponse().status
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
            self.statuses[status] += 1
            if status == _ACCEPTED:
                self.accepted.append(event["event_id"])
            time.sleep(_PAUSE_SECONDS)
