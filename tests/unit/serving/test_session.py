"""How a session is mixed into a list: its share of the places, by decay, and nothing that may not be shown."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.list_codec import PackedHead
from reco_contracts.manifests import CatalogueChunk
from reco_contracts.reasons import Reason
from reco_contracts.recent_codec import NO_INDEX, Recent, Seed
from reco_contracts.serving_settings import SessionSection
from serving_api.catalogue import Catalogue
from serving_api.rules import Block, RuleIndex, entries_of
from serving_api.session import NO_SESSION, SOURCE, Mixed, Session, mix, read_session

NOW = 1_700_000_000_000.0
MINUTE = 60_000
OPTIONS = SessionSection()
ONE, HALF = 0x3C00, 0x3800


def catalogue(items: int = 200) -> Catalogue:
    """Items 0, 1, ...; item i is of the category `i mod 3`."""
    made = Catalogue()
    chunk = CatalogueChunk(
        item_ids=[f"i{number}" for number in range(items)],
        titles=[f"t{number}" for number in range(items)],
        categories=[[str(number % 3)] for number in range(items)],
    )
    for _ in made.add(list(range(items)), chunk, items + 1):
        pass
    return made


CATALOGUE = catalogue()


def seed(item: int, minutes: float = 0, neighbours: tuple[int, ...] = ()) -> Seed:
    """A click on an item so many minutes ago."""
    codes = (ONE, *[HALF] * (len(neighbours) - 1))[: len(neighbours)]
    return Seed(f"i{item}", Reason.BECAUSE_CLICKED, int(NOW - minutes * MINUTE), item, "g", neighbours, codes)


def session(*seeds: Seed) -> Session:
    """Of these seeds, now."""
    return read_session(Recent(seeds=seeds), "g", OPTIONS, NOW)


def own(*items: int, source: str = "personal") -> list[Block]:
    """A list of one block."""
    return [
        Block(PackedHead(items, (ONE,) * len(items), bytes([Reason.POPULAR]) * len(items), (-1,) * len(items)), source)
    ]


def shown(mixed: Mixed) -> list[int]:
    """The items of an answer."""
    return [entry.item for entry in entries_of(mixed.blocks)]


def test_neighbours_of_two_clicks_outrank_those_of_one_and_newer_ones_older_ones() -> None:
    found = session(seed(1, 0, (10, 12)), seed(2, 60, (11, 12)), seed(3, 600, (13,)))
    assert [item for item, _ in found.ranked] == [10, 12, 11, 13]
    assert [found.seeds[item].item for item, _ in found.ranked] == [1, 1, 2, 3]


def test_what_was_clicked_is_not_brought_back_by_another_click() -> None:
    assert [item for item, _ in session(seed(1, 0, (2, 10)), seed(2, 0, (1, 11))).ranked] == [10, 11]


@pytest.mark.parametrize("strange", [{"generation": "old"}, {"item": NO_INDEX}, {"kind": 0}])
def test_a_seed_of_another_generation_or_kind_moves_nothing(strange: dict[str, object]) -> None:
    found = session(seed(1, 0, (10,))._replace(**strange))  # type: ignore[arg-type]
    assert shown(mix(found, own(1, 2, 3), 3, CATALOGUE)) == [1, 2, 3]


def test_the_share_falls_by_half_in_a_half_life() -> None:
    shares = [session(seed(1, minutes, (10,))).share for minutes in (0, 120, 240)]
    assert shares == pytest.approx([0.4, 0.2, 0.1])
    assert session(seed(1, 24 * 60, (10,))).share == 0
    assert session(seed(1, -60, (10,))).share == pytest.approx(0.4), "a clock that is ahead makes no click stronger"


def test_the_first_place_stays_the_users_own_and_the_rest_is_shared() -> None:
    mixed = mix(session(seed(1, 0, tuple(range(100, 120)))), own(*range(50, 70)), 10, CATALOGUE)
    assert shown(mixed) == [50, 100, 51, 101, 52, 53, 102, 54, 103, 55]
    assert entries_of(mixed.blocks)[1].score_code == ONE
    assert mixed.is_left


def test_an_item_of_both_is_shown_once_where_the_session_puts_it() -> None:
    mixed = mix(session(seed(1, 0, (52, 53))), own(50, 51, 52, 53), 4, CATALOGUE)
    assert shown(mixed) == [50, 52, 51, 53]
    assert not mixed.is_left


def test_who_has_no_list_gets_the_session_first() -> None:
    found = session(seed(1, 300, tuple(range(100, 110))))
    assert shown(mix(found, own(*range(50, 60), source="popular"), 8, CATALOGUE)) == [
        *(100, 101, 50, 102, 103, 104, 51, 105),
    ]


def test_nothing_enters_that_may_not_be_shown() -> None:
    hiding = catalogue()
    hiding.rules = RuleIndex(hidden=frozenset({100}))
    found = session(seed(1, 0, (100, 101, 102, 103, 104, 105, 9_999)))
    mixed = mix(found, own(50, 51), 9, hiding, frozenset({"i101"}), "0", taken={102})
    assert shown(mixed) == [50, 105, 51]


def test_without_a_session_the_list_is_the_very_same() -> None:
    blocks = own(1, 2, 3)
    assert mix(NO_SESSION, blocks, 3, CATALOGUE).blocks is blocks


@given(
    st.lists(st.integers(0, 60), unique=True, max_size=30),
    st.lists(st.integers(0, 60), unique=True, max_size=30),
    st.integers(1, 25),
    st.floats(0, 600),
    st.sampled_from(["personal", "popular"]),
)
def test_no_item_comes_twice_and_no_place_is_left_empty(
    mine: list[int], near: list[int], limit: int, minutes: float, source: str
) -> None:
    mine = mine[:limit]
    found = session(seed(99, minutes, tuple(near)))
    mixed = mix(found, own(*mine, source=source), limit, CATALOGUE)
    items = shown(mixed)
    assert len(items) == len(set(items))
    if found.share or source == "popular":
        assert len(items) == min(limit, len({*mine, *near}))
        assert mixed.is_left == (len({*mine, *near}) > limit)
    positions = [at for at, entry in enumerate(entries_of(mixed.blocks)) if entry.source == "personal"]
    kept = [items[at] for at in positions]
    assert all(mine.index(a) < mine.index(b) for a, b in itertools.pairwise(kept)), "the list keeps its order"
    assert {entry.source for entry in entries_of(mixed.blocks)} <= {source, SOURCE}


def test_a_mixed_list_reads_like_its_parts_one_after_the_other() -> None:
    mixed = mix(session(seed(1, 0, tuple(range(100, 120)))), own(*range(50, 70)), 10, CATALOGUE).blocks
    assert len(mixed) > 5
    apart, rank = [], 4
    for picked, source in mixed:
        apart += CATALOGUE.render(picked, source, rank)
        rank += len(picked.items)
    assert CATALOGUE.render_mixed(mixed, 4) == apart
