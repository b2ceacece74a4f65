"""The pipelined connection: replies find their callers, whatever is late, wrong or broken."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import redis
import structlog

from jobs.publishing.embedded_store import StoreAddress as EmbeddedStore
from reco_contracts.errors import StoreUnavailableError
from reco_contracts.serving_settings import RedisSection
from serving_api.redis_pipe import RedisPipe
from serving_api.store_address import parse_address

T = TypeVar("T")


def with_pipe(url: str, scene: Callable[[RedisPipe], Awaitable[T]], timeout: float = 1.0) -> T:
    """Play a scene with a connected pipe."""

    async def play() -> T:
        pipe = RedisPipe(parse_address(RedisSection(url=url)), timeout, 1.0, "test")
        pipe.start()
        assert await pipe.wait_until_up(2.0)
        try:
            return await scene(pipe)
        finally:
            await pipe.close()

    return asyncio.run(play())


def test_thousands_of_replies_find_their_callers(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        replies = [pipe.send("ECHO", str(number)) for number in range(5_000)]
        assert await asyncio.gather(*replies) == [str(number).encode() for number in range(5_000)]

    with_pipe(store_server.url, scene)


def test_commands_of_one_turn_leave_in_one_write(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        connection = pipe._connection
        assert connection is not None
        written: list[bytes] = []
        transport = connection._transport
        assert transport is not None

        class Recorder:
            def write(self, data: bytes) -> None:
                written.append(data)
                transport.write(data)

            def abort(self) -> None:
                transport.abort()

        connection._transport = Recorder()  # type: ignore[assignment]
        await asyncio.gather(*(pipe.send("PING") for _ in range(50)))
        assert len(written) == 1

    with_pipe(store_server.url, scene)


def test_a_late_reply_shifts_nobody_elses(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        with redis.Redis.from_url(store_server.url) as store:
            store.client_pause(250)
        late = [pipe.send("ECHO", f"late {number}") for number in range(3)]
        results = await asyncio.gather(*late, return_exceptions=True)
        assert all(isinstance(result, StoreUnavailableError) for result in results)
        after: list[bytes] = []
        for number in range(30):  # some of these are sent before the late replies arrive, some after
            try:
                after.append(await pipe.send("ECHO", f"{number}") == f"{number}".encode())
            except StoreUnavailableError:
                await asyncio.sleep(0.02)
        assert len(after) >= 10
        assert all(after)

    with_pipe(store_server.url, scene, timeout=0.05)


def test_a_caller_that_gives_up_shifts_nobody_elses(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        given_up = pipe.send("ECHO", "nobody waits")
        given_up.cancel()
        assert await pipe.send("ECHO", "next") == b"next"

    with_pipe(store_server.url, scene)


def test_an_error_reply_is_its_callers_alone(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        wrong, right = pipe.send("NO-SUCH-COMMAND"), pipe.send("ECHO", "fine")
        with pytest.raises(StoreUnavailableError, match="refused"):
            await wrong
        assert await right == b"fine"

    with_pipe(store_server.url, scene)


def test_commands_sent_together_are_answered_together_and_in_order(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        pairs = [pipe.send_together(("ECHO", f"a{n}"), ("ECHO", f"b{n}"), ("ECHO", f"c{n}")) for n in range(500)]
        alone = [pipe.send("ECHO", f"{n}") for n in range(500)]
        given_up = pipe.send_together(("ECHO", "nobody"), ("ECHO", "waits"))
        given_up.cancel()
        after = pipe.send_together(("ECHO", "last"))
        assert await asyncio.gather(*pairs) == [[b"a%d" % n, b"b%d" % n, b"c%d" % n] for n in range(500)]
        assert await asyncio.gather(*alone) == [b"%d" % n for n in range(500)]
        assert await after == [b"last"]

    with_pipe(store_server.url, scene)


def test_a_refused_command_does_not_spoil_the_others_sent_with_it(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        before, refused, after = await pipe.send_together(("ECHO", "a"), ("NO-SUCH-COMMAND",), ("ECHO", "b"))
        assert (before, after) == (b"a", b"b")
        assert isinstance(refused, StoreUnavailableError)

    with_pipe(store_server.url, scene)


def test_a_command_that_cannot_be_packed_shifts_nobody_elses(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        first = pipe.send("ECHO", "first")
        with pytest.raises(TypeError):
            pipe.send_together(("ECHO", "lost"), ("ECHO", None))  # type: ignore[arg-type]
        assert (await first, await pipe.send("ECHO", "second")) == (b"first", b"second")

    with_pipe(store_server.url, scene)


def test_a_broken_connection_fails_the_waiting_and_mends_itself(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        number = await pipe.send("CLIENT", "ID")
        with redis.Redis.from_url(store_server.url) as store:
            store.client_pause(300)
            waiting = pipe.send("ECHO", "lost")
            await asyncio.sleep(0)
            store.client_kill_filter(_id=str(number))
        with pytest.raises(StoreUnavailableError):
            await waiting
        await asyncio.sleep(0.4)
        assert await pipe.wait_until_up(2.0)
        assert await pipe.send("ECHO", "again") == b"again"

    with_pipe(store_server.url, scene)


def test_a_connection_without_replies_is_given_up(store_server: EmbeddedStore) -> None:
    """Otherwise every request would wait for its deadline for as long as the network swallows packets."""

    async def scene(pipe: RedisPipe) -> None:
        with redis.Redis.from_url(store_server.url) as store:
            store.client_pause(2_000)
        lost = 0
        async with asyncio.timeout(3):
            while pipe.is_up:
                with pytest.raises(StoreUnavailableError):
                    await pipe.send("PING")
                lost += 1
        assert 5 < lost < 40
        with pytest.raises(StoreUnavailableError, match="no connection"):
            pipe.send("PING")

    with_pipe(store_server.url, scene, timeout=0.05)
    with redis.Redis.from_url(store_server.url) as store:
        store.client_unpause()


def test_far_too_many_commands_are_refused(store_server: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving_api.redis_pipe._MAX_PENDING", 10)

    async def scene(pipe: RedisPipe) -> None:
        replies = [pipe.send("PING") for _ in range(10)]
        with pytest.raises(StoreUnavailableError, match="not one more"):
            pipe.send("PING")
        await asyncio.gather(*replies)
        assert await pipe.send("PING") == b"PONG"

    with_pipe(store_server.url, scene)


def test_a_refusal_is_told_once_for_each_kind_and_without_arguments(store_server: EmbeddedStore) -> None:
    async def scene(pipe: RedisPipe) -> None:
        for command in (("LPUSH", "text", "1"), ("NONSENSE", "somebody")) * 20:
            await pipe.send("SET", "text", "1")
            with pytest.raises(StoreUnavailableError):
                await pipe.send(*command)

    with structlog.testing.capture_logs() as lines:
        with_pipe(store_server.url, scene)
    told = [line["error"] for line in lines if line["log_level"] == "warning"]
    assert [error.partition(" ")[0] for error in told] == ["WRONGTYPE", "ERR"]
    assert "somebody" not in repr(told)
