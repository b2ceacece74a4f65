"""What a user did lately reads back as it was written; what cannot be read is as good as none."""

from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.list_codec import PackedHead
from reco_contracts.reasons import Reason
from reco_contracts.recent_codec import (
    BOUGHT,
    DISMISSED,
    NO_INDEX,
    NOTHING_RECENT,
    SEED,
    Seed,
    field_time,
    pack_mark,
    pack_seed,
    unpack_recent,
    with_neighbours,
)

indices = st.integers(0, NO_INDEX)
neighbours = st.lists(st.tuples(indices, st.integers(0, 2**16 - 1)), max_size=30)
seeds = st.builds(
    lambda item_id, kind, at_ms, item, generation, pairs: Seed(
        item_id, kind, at_ms, item, generation, tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    ),
    st.text(min_size=1, max_size=20),
    st.sampled_from([int(reason) for reason in Reason]),
    st.integers(0, 2**63),
    indices,
    st.text(max_size=20),
    neighbours,
)


@given(st.lists(seeds, unique_by=lambda seed: seed.item_id, max_size=5))
def test_seeds_read_back(written: list[Seed]) -> None:
    flat = [part for seed in written for part in ((SEED + seed.item_id).encode(), pack_seed(seed))]
    assert unpack_recent(flat).seeds == tuple(written)
    assert [field_time(value) for value in flat[1::2]] == [seed.at_ms for seed in written]


@given(seeds, st.data())
def test_a_value_that_is_cut_or_longer_is_left_out(seed: Seed, data: st.DataObject) -> None:
    value = pack_seed(seed)
    cut = value[: data.draw(st.integers(0, len(value) - 1))]
    for damaged in (cut, value + b"x", b"\x07" + value[1:]):
        assert unpack_recent([b"sitem", damaged]) == NOTHING_RECENT


@given(st.lists(st.tuples(st.binary(max_size=10), st.binary(max_size=60))))
def test_no_bytes_break_the_reader(pairs: list[tuple[bytes, bytes]]) -> None:
    unpack_recent([part for pair in pairs for part in pair])


def test_what_is_hidden_depends_on_what_is_asked_for() -> None:
    seed = Seed("c", Reason.BECAUSE_CLICKED, 5, 3, "g", (), ())
    flat = [
        *((BOUGHT + "a").encode(), pack_mark(1)),
        *((DISMISSED + "b").encode(), pack_mark(2)),
        *((SEED + "c").encode(), pack_seed(seed)),
        *((SEED + "b").encode(), pack_seed(seed)),
    ]
    recent = unpack_recent(flat)
    assert [found.item_id for found in recent.seeds] == ["c"], "what was dismissed interests nobody"
    assert recent.hidden(exclude_seen=None) == {"a", "b"}
    assert recent.hidden(exclude_seen=True) == {"a", "b", "c"}
    assert recent.hidden(exclude_seen=False) == {"b"}


def test_a_seed_takes_over_what_is_like_it_in_another_generation() -> None:
    seed = Seed("c", Reason.BECAUSE_CLICKED, 5, 3, "old", (1,), (2,))
    found = with_neighbours(seed, "new", 8, PackedHead((4, 5), (6, 7), b"", ()))
    assert found == Seed("c", Reason.BECAUSE_CLICKED, 5, 8, "new", (4, 5), (6, 7))
