"""Many write commands: packed and sent by the megabyte, answers read one megabyte later.

redis-py's own pipeline packs, sends and waits in turn, and keeps every answer. Here the
server works on what was sent while the next megabyte is packed, without threads: a
thread that sends would wait for the interpreter's lock after each call, five
milliseconds at a time. On a cluster a command goes to the server that holds its key.
"""

from functools import lru_cache
from itertools import cycle
from types import TracebackType
from typing import Any, Final, Self

import redis

from jobs.publishing.connect_store import Store, primaries, primary_of

_BYTES_A_FLUSH: Final = 1 << 20
# Answers that nobody reads yet stay in the buffers of the connection: few and small ones.
_COMMANDS_A_FLUSH: Final = 5_000


def frame_pairs(names: list[bytes], values: list[bytes]) -> list[bytes]:
    """Each name and its value as two arguments of a command, ready to be joined.

    Args:
        names: fields of a hash.
        values: parallel to the names.
    """
    join = b"".join
    pairs = zip(names, values, strict=True)
    return [join((_length(len(name)), name, _next_length(len(value)), value, b"\r\n")) for name, value in pairs]


def hset_framed(key: bytes, pairs: list[bytes]) -> list[bytes]:
    """An HSET of framed pairs, in parts.

    Args:
        key: the hash.
        pairs: from `frame_pairs`; at least one.
    """
    return [b"*%d\r\n$4\r\nHSET\r\n$%d\r\n%b\r\n" % (2 * len(pairs) + 2, len(key), key), *pairs]


class BulkWriter:
    """Sends commands while more are made; use it in a `with` block.

    An error of a server shows in a later call, and the commands after it may or may not
    have been run: what is written in bulk is safe to write again.

    Args:
        store: from `open_store`.
        connections: to each server.
    """

    def __init__(self, store: Store, connections: int) -> None:
        """See the class."""
        self._store = store
        self._outboxes = {name: _Outbox(server, connections) for name, server in primaries(store).items()}
        self._only = self._outboxes.get("")

    def __enter__(self) -> Self:
        """Nothing is sent yet."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the rest and wait for the answers, unless something went wrong."""
        try:
            if kind is None:
                self.flush()
        finally:
            for outbox in self._outboxes.values():
                outbox.close()

    def add(self, key: bytes, commands: int, *parts: bytes) -> None:
        """Queue commands on one key, which are run in this order; those of other calls may overtake them.

        Args:
            key: the key of all of them.
            commands: how many they are.
            parts: the packed commands, cut anywhere.

        Raises:
            redis.RedisError: a server refused an earlier command, or is gone.
        """
        outbox = self._only or self._outboxes[primary_of(self._store, key)]
        outbox.add(commands, parts)

    def flush(self) -> None:
        """Wait until every command so far is answered.

        Raises:
            redis.RedisError: a server refused a command, or is gone.
        """
        for outbox in self._outboxes.values():
            outbox.send()
        for outbox in self._outboxes.values():
            outbox.settle()


class _Outbox:
    """What goes to one server, by its connections in turn."""

    def __init__(self, server: redis.Redis, connections: int) -> None:
        self._lanes = [_Lane(server.connection_pool) for _ in range(connections)]
        self._turn = cycle(self._lanes)
        self._parts: list[bytes] = []
        self._bytes = self._commands = 0

    def add(self, commands: int, parts: tuple[bytes, ...]) -> None:
        """Queue packed commands, and send them when there are enough."""
        self._parts += parts
        self._bytes += sum(map(len, parts))
        self._commands += commands
        if self._bytes >= _BYTES_A_FLUSH or self._commands >= _COMMANDS_A_FLUSH:
            self.send()

    def send(self) -> None:
        """Send what is queued."""
        if self._parts:
            next(self._turn).send(b"".join(self._parts), self._commands)
            self._parts, self._bytes, self._commands = [], 0, 0

    def settle(self) -> None:
        """Read what is still to be answered."""
        for lane in self._lanes:
            lane.settle()

    def close(self) -> None:
        """Give the connections back."""
        for lane in self._lanes:
            lane.close()


class _Lane:
    """One connection, and how many of its answers are not read yet."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._connection: Any = None
        self._waiting = 0

    def send(self, payload: bytes, commands: int) -> None:
        """Send commands, then read the answers to those before them."""
        self._connection = self._connection or self._pool.get_connection()
        before, self._waiting = self._waiting, self._waiting + commands
        self._connection.send_packed_command([payload])
        self._read(before)

    def settle(self) -> None:
        """Read every answer."""
        self._read(self._waiting)

    def close(self) -> None:
        """Give the connection back; closed, where answers may still be on their way."""
        if self._connection:
            if self._waiting:
                self._connection.disconnect()
            self._pool.release(self._connection)

    def _read(self, answers: int) -> None:
        for _ in range(answers):
            self._connection.read_response()
            self._waiting -= 1


@lru_cache(maxsize=4096)
def _length(size: int) -> bytes:
    return b"$%d\r\n" % size


@lru_cache(maxsize=4096)
def _next_length(size: int) -> bytes:
    return b"\r\n$%d\r\n" % size
