"""Many write commands: packed here, sent by threads over several connections, answers checked.

redis-py's own pipeline packs, sends and waits in turn, and keeps every answer. Here the
next megabyte is packed while the last one travels and the server works. On a cluster a
command goes to the server that holds its key.
"""

from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

import hiredis
import redis

from jobs.publishing.connect_store import Store, primaries, primary_of

_BYTES_A_FLUSH: Final = 1 << 20
# Answers are small, but a server gives a client up whose unread ones are many.
_COMMANDS_A_FLUSH: Final = 10_000

_Payload = tuple[list[bytes], int]
Argument = str | bytes | int


class BulkWriter:
    """Sends commands while more are made; use it in a `with` block.

    An error of any server shows in the next call, and the commands after it may or may
    not have been run: what is written in bulk is safe to write again.

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
        """The connections are open, their threads run."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Send the rest, unless something went wrong; no thread is left behind."""
        try:
            if kind is None:
                self.flush()
        finally:
            for outbox in self._outboxes.values():
                outbox.close()

    def add(self, *commands: tuple[Argument, ...]) -> None:
        """Queue commands on one key, which are run in this order; those of other calls may overtake them.

        Args:
            commands: of each its name, the key, and the other arguments.

        Raises:
            redis.RedisError: a server refused an earlier command, or is gone.
        """
        outbox = self._only or self._outboxes[primary_of(self._store, commands[0][1])]
        outbox.add([hiredis.pack_command(command) for command in commands])

    def flush(self) -> None:
        """Wait until every command so far is answered.

        Raises:
            redis.RedisError: a server refused a command, or is gone.
        """
        for outbox in self._outboxes.values():
            outbox.send()
        for outbox in self._outboxes.values():
            outbox.wait()


class _Outbox:
    """What goes to one server."""

    def __init__(self, server: redis.Redis, connections: int) -> None:
        self._queue: Queue[_Payload | None] = Queue(maxsize=connections)
        self._parts: list[bytes] = []
        self._bytes = 0
        self._error: Exception | None = None
        self._threads = [
            Thread(target=self._work, args=(server.connection_pool,), daemon=True) for _ in range(connections)
        ]
        for thread in self._threads:
            thread.start()

    def add(self, commands: list[bytes]) -> None:
        """Queue packed commands; the thread of a connection takes over when there is enough."""
        self._parts += commands
        self._bytes += sum(map(len, commands))
        if self._bytes >= _BYTES_A_FLUSH or len(self._parts) >= _COMMANDS_A_FLUSH:
            self.send()

    def send(self) -> None:
        """Hand over what is queued."""
        if self._error:
            raise self._error
        if self._parts:
            self._queue.put((self._parts, len(self._parts)))
            self._parts, self._bytes = [], 0

    def wait(self) -> None:
        """Until what was handed over is answered."""
        self._queue.join()
        if self._error:
            raise self._error

    def close(self) -> None:
        """End the threads; what was handed over goes first."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self, pool: Any) -> None:
        """Send payloads over a connection of one's own; after an error they are only taken from the queue."""
        connection = None
        while (payload := self._queue.get()) is not None:
            try:
                if self._error is None:
                    connection = connection or pool.get_connection()
                    _exchange(connection, *payload)
            except Exception as error:  # noqa: BLE001 - raised in the thread that queues
                self._error = error
            finally:
                self._queue.task_done()
        if connection:
            if self._error:
                connection.disconnect()  # answers may still be on their way
            pool.release(connection)


def _exchange(connection: Any, parts: list[bytes], commands: int) -> None:
    connection.send_packed_command([b"".join(parts)])
    for _ in range(commands):
        connection.read_response()
