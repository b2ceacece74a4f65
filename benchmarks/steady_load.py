"""Load at a constant arrival rate, in a process of its own: requests come when they are due, not when one is answered.

A request's time counts from the moment at which it was due, also if it had to wait for
a free connection: a server that stands still for a second is late for all that came in
that second (no coordinated omission). Run by the serving benchmark as
`python -m benchmarks.steady_load`; prints one JSON line.
"""

import select
import socket
import sys
from collections import deque
from time import perf_counter

import msgspec

from benchmarks.http_target import LoadResult, Target, answer_length, is_failed, make_requests, target_arguments

# How long answers that are still to come are waited for.
_LAST_SECONDS = 5.0


class _Steady:
    """The connections of a round, and what is due."""

    def __init__(self, target: Target, requests: list[bytes], connections: int) -> None:
        self.latencies: list[float] = []
        self.failed = 0
        self.bytes = 0
        self._requests = requests
        self._sent = 0
        self._free = [_connect(target) for _ in range(connections)]
        self._due_times: dict[socket.socket, float] = {}
        self._buffers: dict[socket.socket, bytes] = {}
        self._late: deque[float] = deque()  # due, and no connection was free

    @property
    def is_waiting(self) -> bool:
        """Whether an answer is still to come."""
        return bool(self._due_times or self._late)

    def request(self, due: float) -> None:
        """Send the request that is due; it waits where no connection is free."""
        if not self._free:
            self._late.append(due)
            return
        connection = self._free.pop()
        self._due_times[connection] = due
        connection.sendall(self._requests[self._sent % len(self._requests)])
        self._sent += 1

    def collect(self, until: float) -> None:
        """Take answers until a moment.

        `select` waits by the microsecond; an event loop's timers go by the millisecond.
        """
        ready, _, _ = select.select(list(self._due_times), [], [], max(0.0, until - perf_counter()))
        for connection in ready:
            self._read(connection)

    def _read(self, connection: socket.socket) -> None:
        data = self._buffers.pop(connection, b"") + connection.recv(262_144)
        body = answer_length(data)
        if body is None:
            self._buffers[connection] = data
            return
        self.latencies.append(perf_counter() - self._due_times.pop(connection))
        self.bytes += body[1]
        self.failed += is_failed(data)
        self._free.append(connection)
        if self._late:
            self.request(self._late.popleft())


def _connect(target: Target) -> socket.socket:
    connection = socket.create_connection((target.host, target.port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _run(target: Target, rate: float, seconds: float, connections: int, seed: int) -> LoadResult:
    load = _Steady(target, make_requests(target, seed), connections)
    began = perf_counter()
    for number in range(round(rate * seconds)):
        due = began + number / rate
        while perf_counter() < due:
            load.collect(due)
        load.request(due)
        load.collect(0.0)
    sent_seconds, deadline = perf_counter() - began, perf_counter() + _LAST_SECONDS
    while load.is_waiting and perf_counter() < deadline:
        load.collect(deadline)
    latencies = sorted(round(latency * 1e6) for latency in load.latencies)
    unanswered = round(rate * seconds) - len(latencies)
    return LoadResult(len(latencies), sent_seconds, load.failed + unanswered, load.bytes, latencies)


def main() -> None:
    """Run one round and print what it measured."""
    parser = target_arguments(__doc__)
    parser.add_argument("--rate", type=float, required=True, help="requests a second")
    given = parser.parse_args()
    target = msgspec.json.decode(given.target, type=Target)
    result = _run(target, given.rate, given.seconds, given.connections, given.seed)
    sys.stdout.buffer.write(msgspec.json.encode(result) + b"\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
