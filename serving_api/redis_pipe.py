"""One pipelined connection to the store, for all requests of a process.

Commands that arrive in the same turn of the event loop leave in one write; replies
come back in order and are matched first in, first out. That is worth a factor of
three over a connection a request. A command has a deadline: when it passes, its
caller is told and the entry stays in the queue, so that the late reply finds its
own place and shifts nobody else's.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import hiredis

from reco_contracts.errors import StoreUnavailableError
from reco_contracts.logs import get_logger
from serving_api.store_address import StoreAddress
from serving_api.store_watch import StoreWatch

_NOTHING: Final = object()
_MAX_PENDING: Final = 20_000
# A connection whose oldest reply is later than this is given up and opened anew.
_DEAD_AFTER_SECONDS: Final = 1.0
_FIRST_BACKOFF_SECONDS: Final = 0.05
_LAST_BACKOFF_SECONDS: Final = 0.5
# A timer that fires this late means that the loop stood still, not the store.
_LOOP_STALL_SECONDS: Final = 0.005
# A refusal of one kind (no memory, no right) is told once in so many seconds.
_TOLD_AGAIN_SECONDS: Final = 600.0


Command = tuple[str | bytes | int, ...]


class RedisPipe:
    """A connection that many requests share and that mends itself.

    Args:
        address: the server.
        timeout: how long a command may take, seconds.
        connect_timeout: how long connecting and logging in may take, seconds.
        purpose: what it is for, in log lines.
        watch: is told how replies come, and may have the store left alone; None = nobody watches.
    """

    def __init__(
        self,
        address: StoreAddress,
        timeout: float,
        connect_timeout: float,
        purpose: str,
        watch: StoreWatch | None = None,
    ) -> None:
        """Make the pipe; `start` opens it."""
        self._address = address
        self._timeout = timeout
        self._connect_timeout = connect_timeout
        self._watch = watch
        self._log = get_logger(__name__).bind(store=repr(address), purpose=purpose)
        self._connection: _Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._told_at: dict[str, float] = {}

    @property
    def is_up(self) -> bool:
        """Whether commands can be sent now."""
        return self._connection is not None and not self._connection.closed.done()

    def start(self) -> None:
        """Begin to connect, and keep connected until `close`."""
        self._keeper = self._keeper or asyncio.get_running_loop().create_task(self._keep_connected())

    async def wait_until_up(self, seconds: float) -> bool:
        """Wait for a connection; tells whether there is one."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._opened.wait(), seconds)
        return self.is_up

    async def close(self) -> None:
        """Close the connection and stop mending it."""
        if self._keeper:
            self._keeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeper
            self._keeper = None

    def send(self, *command: str | bytes | int) -> "asyncio.Future[Any]":
        """Send a command with the others of this turn.

        Args:
            command: its name and arguments.

        Returns:
            The reply, to be awaited; StoreUnavailableError if it is late, an error, or the connection breaks.

        Raises:
            StoreUnavailableError: there is no connection, the store is left alone, or far too many commands wait.
        """
        return self._ready().send(command)

    def send_together(self, first: Command, *others: Command) -> "asyncio.Future[list[Any]]":
        """Send several commands, with one future for all of them: the cheapest way to read two keys.

        They may be of any keys: nothing makes them one transaction.

        Args:
            first: a command's name and arguments.
            others: further ones.

        Returns:
            The replies in order, to be awaited. A command that the store refuses has a StoreUnavailableError
            in its place, so that one bad key does not spoil the others; StoreUnavailableError is raised
            where they are late or the connection breaks.

        Raises:
            StoreUnavailableError: there is no connection, the store is left alone, or far too many commands wait.
        """
        return self._ready().send_together((first, *others))

    def probe(self, *command: str | bytes | int) -> "asyncio.Future[Any]":
        """Send a command although the store may be left alone; see `send`."""
        return self._open_connection().send(command)

    def _ready(self) -> "_Connection":
        if self._watch and self._watch.is_open:
            raise StoreUnavailableError(f"{self._address} is late and is left alone for a moment")
        return self._open_connection()

    def _open_connection(self) -> "_Connection":
        connection = self._connection
        if connection is None or connection.closed.done():
            raise StoreUnavailableError(f"no connection to {self._address}")
        return connection

    async def _keep_connected(self) -> None:
        backoff = _FIRST_BACKOFF_SECONDS
        is_reported = False
        while True:
            try:
                connection = await self._open()
            except (OSError, TimeoutError, StoreUnavailableError) as error:
                if not is_reported:
                    self._log.warning("store is down", error=str(error) or type(error).__name__)
                is_reported = True
                await asyncio.sleep(backoff * random.uniform(0.8, 1.2))  # noqa: S311 - spreads reconnects
                backoff = min(2 * backoff, _LAST_BACKOFF_SECONDS)
                continue
            self._log.info("store is up")
            backoff, is_reported = _FIRST_BACKOFF_SECONDS, False
            self._connection = connection
            connection.note_refusal = self._note_refusal
            if self._watch:
                connection.watch = self._watch
                self._watch.close()  # what was late before is of another connection
            self._opened.set()
            try:
                await connection.closed
            finally:
                self._connection = None
                self._opened.clear()
                connection.abort("closed")

    def _note_refusal(self, said: str) -> None:
        kind, now = said.partition(" ")[0], asyncio.get_running_loop().time()
        if now - self._told_at.get(kind, float("-inf")) < _TOLD_AGAIN_SECONDS:
            return
        self._told_at[kind] = now
        without_arguments = said.partition(", with args")[0]
        self._log.warning("the store refuses commands; told once in ten minutes", error=without_arguments)

    async def _open(self) -> "_Connection":
        async with asyncio.timeout(self._connect_timeout):
            connection = await self._connect()
            try:
                for command in self._address.hello:
                    await connection.send(command)
                await connection.send(("PING",))
            except BaseException:
                connection.abort("rejected")
                raise
            connection.set_timeout(self._timeout)
            return connection

    async def _connect(self) -> "_Connection":
        loop, address = asyncio.get_running_loop(), self._address

        def protocol() -> _Connection:
            return _Connection(loop, self._connect_timeout)

        if address.socket_path:
            return (await loop.create_unix_connection(protocol, address.socket_path))[1]
        return (await loop.create_connection(protocol, address.host or "127.0.0.1", address.port, ssl=address.tls))[1]


class _Connection(asyncio.Protocol):
    """One connection: writes of a turn together, replies in order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout: float) -> None:
        self.closed: asyncio.Future[None] = loop.create_future()
        self.watch: StoreWatch | None = None  # none while logging in: connecting has another deadline
        self.note_refusal: Callable[[str], None] | None = None  # likewise: who connects tells of it
        self._loop = loop
        self._timeout = timeout
        self._reader = hiredis.Reader(notEnoughData=_NOTHING)
        self._transport: asyncio.Transport | None = None
        self._outgoing: list[bytes] = []
        self._deadline = 0.0  # of what leaves this turn
        # (deadline, reply, number of replies that it waits for; 0 = a single one, given bare), oldest first.
        self._pending: deque[tuple[float, asyncio.Future[Any], int]] = deque()
        self._gathered: list[Any] = []  # for the oldest, when it waits for several
        self._timer: asyncio.TimerHandle | None = None

    def set_timeout(self, timeout: float) -> None:
        """From now on commands may take this long, seconds; none may be waiting."""
        self._timeout = timeout
        if self._timer:  # it waits for a deadline that was further away
            self._timer.cancel()
            self._timer = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is open."""
        self._transport = transport  # type: ignore[assignment]  # a stream transport, by the way it was made

    def send(self, command: Command) -> "asyncio.Future[Any]":
        """Queue a command for this turn's write."""
        return self._expect(0, [hiredis.pack_command(command)])

    def send_together(self, commands: Sequence[Command]) -> "asyncio.Future[list[Any]]":
        """Queue several commands for this turn's write, with one future."""
        return self._expect(len(commands), [hiredis.pack_command(command) for command in commands])

    def _expect(self, count: int, packed: list[bytes]) -> "asyncio.Future[Any]":
        pending = self._pending
        if len(pending) >= _MAX_PENDING:
            raise StoreUnavailableError(f"{len(pending):,} commands wait for the store; not one more")
        loop = self._loop
        reply: asyncio.Future[Any] = loop.create_future()
        if not self._outgoing:
            self._deadline = loop.time() + self._timeout
            loop.call_soon(self._flush)
        self._outgoing += packed
        pending.append((self._deadline, reply, count))
        if self._timer is None:
            self._timer = loop.call_at(self._deadline, self._expire, self._deadline)
        return reply

    def data_received(self, data: bytes) -> None:
        """Replies came: hand each to the oldest command."""
        pending, gets = self._pending, self._reader.gets
        self._reader.feed(data)
        in_time: float | None = None  # deadline of the first of them that is
        try:
            while (value := gets()) is not _NOTHING:
                deadline, reply, count = pending[0]
                if isinstance(value, hiredis.ReplyError):
                    if self.note_refusal:
                        self.note_refusal(str(value))
                    value = StoreUnavailableError(f"the store refused a command: {value}")
                if count:
                    self._gathered.append(value)
                    if len(self._gathered) < count:
                        continue
                    value, self._gathered = self._gathered, []
                pending.popleft()
                if reply.done():  # late, or its caller has gone
                    continue
                in_time = in_time or deadline
                if isinstance(value, StoreUnavailableError):
                    reply.set_exception(value)
                else:
                    reply.set_result(value)
        except (hiredis.ProtocolError, IndexError) as error:
            self.abort(f"a reply that nobody asked for: {error}")
        if in_time is not None and self.watch:
            self.watch.replied(self._loop.time() - in_time + self._timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, and with it every reply that is still to come."""
        self.abort(str(exc or "closed by the store"))

    def abort(self, reason: str) -> None:
        """Give the connection up; all waiting callers are told."""
        if self._transport:
            self._transport.abort()
        if self._timer:
            self._timer.cancel()
        while self._pending:
            _, reply, _ = self._pending.popleft()
            if not reply.done():
                reply.set_exception(StoreUnavailableError(f"the connection to the store broke: {reason}"))
        if not self.closed.done():
            self.closed.set_result(None)

    def _flush(self) -> None:
        if self._transport and self._outgoing:
            self._transport.write(b"".join(self._outgoing))
        self._outgoing.clear()

    def _expire(self, planned: float) -> None:
        """Fail the commands whose deadline has passed; wake again for the next one."""
        now = self._loop.time()
        self._timer = None
        if now - planned > _LOOP_STALL_SECONDS:
            # Replies may have arrived while the loop stood still: read them first.
            self._timer = self._loop.call_later(_LOOP_STALL_SECONDS / 2, self._expire, now + _LOOP_STALL_SECONDS / 2)
            return
        late = 0
        for deadline, reply, _ in self._pending:
            if deadline > now:
                self._timer = self._loop.call_at(deadline, self._expire, deadline)
                break
            if not reply.done():
                late += 1
                reply.set_exception(StoreUnavailableError(f"no reply from the store within {self._timeout} s"))
        if late and self.watch:
            self.watch.late(late)
        if self._pending and now - self._pending[0][0] > _DEAD_AFTER_SECONDS:
            self.abort(f"no reply for {_DEAD_AFTER_SECONDS} s")
