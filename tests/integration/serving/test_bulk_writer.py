"""Writing in bulk: nothing is lost on the way, and what a server refuses is heard of."""

from collections.abc import Iterator

import pytest
import redis
from hiredis import pack_command
from hypothesis import given
from hypothesis import strategies as st

from jobs.publishing import bulk_writer
from jobs.publishing.bulk_writer import BulkWriter, frame_pairs, hset_framed
from jobs.publishing.connect_store import Store, open_store
from reco_contracts.settings import Settings


@pytest.fixture
def client(store_settings: Settings) -> Iterator[Store]:
    """The store, empty."""
    with open_store(store_settings.redis) as opened:
        opened.flushdb()
        yield opened


@given(
    key=st.binary(min_size=1),
    pairs=st.dictionaries(st.binary(), st.binary(max_size=300), min_size=1, max_size=20),
)
def test_a_framed_hset_is_what_the_client_library_packs(key: bytes, pairs: dict[bytes, bytes]) -> None:
    arguments = [part for pair in pairs.items() for part in pair]
    framed = b"".join(hset_framed(key, frame_pairs(list(pairs), list(pairs.values()))))
    assert framed == pack_command((b"HSET", key, *arguments))


@pytest.mark.parametrize("connections", [1, 3])
def test_everything_is_in_the_store_when_the_block_ends(
    client: Store, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    monkeypatch.setattr(bulk_writer, "_BYTES_A_FLUSH", 1_000)
    with BulkWriter(client, connections) as writer:
        for number in range(2_000):
            key = b"key-%d" % number
            commands = pack_command(("SET", key, number)), pack_command(("EXPIREAT", key, 4_000_000_000))
            writer.add(key, 2, *commands)
    assert client.dbsize() == 2_000
    assert client.get("key-1999") == b"1999"
    assert client.expiretime("key-0") == 4_000_000_000


def test_what_the_server_refuses_is_raised_and_leaves_no_answer_behind(client: Store) -> None:
    def write() -> None:
        with BulkWriter(client, 2) as writer:
            for number in range(10):
                writer.add(b"text", 1, pack_command(("HSET", b"text", b"f", number)))
                writer.add(b"other", 1, pack_command(("INCR", b"other")))

    client.set("text", "not a hash")
    with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
        write()
    # The connections go back to the pool: a late answer of theirs would be taken for the next command's.
    assert [client.get("text") for _ in range(5)] == [b"not a hash"] * 5


def test_nothing_more_is_sent_after_an_error_in_the_block(client: Store) -> None:
    def write_and_fail() -> None:
        with BulkWriter(client, 1) as writer:
            writer.add(b"key", 1, pack_command(("SET", b"key", 1)))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert not client.exists("key")
