"""What lists give up: least first, never the last of a category that counts; and what they look like then."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.reranking.draft import Draft, Source
from jobs.reranking.give_places import GivenPlaces, find_places, first_places, put_items

CATEGORIES = np.array([0, 0, 0, 1, 1, 2, 3, -1, -1, 4, 5, 6], dtype=np.int32)


def draft(*lists: list[int], k: int = 6, sources: dict[int, Source] | None = None) -> Draft:
    items = np.array([[*row, *[-1] * (k - len(row))] for row in lists], dtype=np.int32)
    kinds = np.vectorize(lambda item: Source.NONE if item < 0 else (sources or {}).get(item, Source.PERSONAL))(items)
    return Draft([str(n) for n in range(len(lists))], items, items.astype(np.float32) / 10, kinds.astype(np.uint8))


def places(lists: Draft, first: int, turns: int, floor: int) -> GivenPlaces:
    return find_places(first_places(lists, first), CATEGORIES, turns, floor)


@pytest.mark.parametrize(
    ("items", "floor", "expected"),
    [
        ([0, 3, 5, 6], 0, [3, 2]),
        ([0, 3, 5, 6], 3, [3, -1]),  # one category too many, and then none
        ([0, 1, 5, 3], 3, [1, -1]),  # the second of its category is the one to go
        ([0, 7, 5, 8], 2, [3, 1]),  # what has no category adds none
        ([0, 1, 2, 3], 4, [2, 1]),  # fewer categories than asked for: as many as there were
    ],
)
def test_the_last_item_goes_that_leaves_enough_categories(items: list[int], floor: int, expected: list[int]) -> None:
    lists = draft(items)
    assert places(lists, 4, 2, floor).places.tolist() == [expected]


def test_new_and_pinned_items_stay_and_a_short_list_gives_up_nothing() -> None:
    lists = draft([0, 3, 5, 6], [0, 3], sources={6: Source.NEW, 3: Source.PINNED})
    given_ = places(lists, 4, 3, 0)
    assert given_.places.tolist() == [[2, 0, -1], [2, 3, 0]]
    assert given_.losses[1, :2].tolist() == [0, 0]


def test_an_item_is_given_up_by_so_many_lists_as_it_can_spare_and_the_next_place_goes_instead() -> None:
    lists = draft([0, 3, 5, 6], [1, 3, 5, 6], [2, 4, 5, 6])
    spare = np.zeros(12, dtype=np.int64)
    spare[[5, 6, 4]] = 2, 1, 9
    order = np.array([30, 10, 20], dtype=np.uint64)
    found = find_places(first_places(lists, 4), CATEGORIES, 2, 0, spare, order)
    # Of 6 one list may part, the second; 5 then goes from the others, and 4 where nothing else is left.
    assert found.places.tolist() == [[2, -1], [3, -1], [2, 1]]


def test_the_loss_is_the_discounted_relevance_that_goes() -> None:
    lists = draft([0, 1, 5])
    relevance = np.array([[1.0, 0.8, 0.4]], dtype=np.float32)
    given_ = find_places(first_places(lists, 3, relevance), CATEGORIES, 1, 2)
    w = 1 / np.log2(np.arange(3) + 2)
    assert given_.places.tolist() == [[1]]
    assert given_.losses[0, 0] == pytest.approx(w @ [1, 0.8, 0.4] - w[:2] @ [1, 0.4])
    assert given_.weights[0, 0] == pytest.approx(w[2])


def test_explored_items_stand_at_the_end_and_what_they_replaced_behind() -> None:
    lists = draft([0, 1, 3, 5, 6, 2], [0, 1, 3], [0, 1, 3, 5, 6, 2])
    given_ = places(lists, 4, 2, 3)
    items = np.array([[9, 10], [9, 10], [-1, -1]], dtype=np.int32)
    found = put_items(lists, items, np.full((3, 2), 7, dtype=np.float32), given_.places, 4)
    # The first list has three categories: 1 may go, being the second of its own, and nothing after it.
    assert given_.places[0].tolist() == [1, -1]
    assert found.items[0].tolist() == [0, 3, 5, 9, 1, 6]
    assert found.items[1].tolist() == [0, 3, 9, 10, 1, -1]
    assert found.items[2].tolist() == lists.items[2].tolist()
    assert found.sources[0].tolist() == [1, 1, 1, Source.EXPLORED, 1, 1]
    assert found.scores[0, 3] == 7


def test_an_explored_item_from_further_down_moves_up() -> None:
    lists = draft([0, 1, 3, 5, 9, 2])
    given_ = places(lists, 4, 1, 0)
    found = put_items(lists, np.array([[9]], dtype=np.int32), np.ones((1, 1), dtype=np.float32), given_.places, 4)
    assert found.items.tolist() == [[0, 1, 3, 9, 5, 2]]


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(12)), st.integers(0, 12), st.integers(1, 8), st.integers(0, 5), st.integers(1, 3))
def test_no_item_is_lost_from_a_long_list_and_the_floor_holds(order, length, first, floor, turns) -> None:
    width = 12
    lists = draft(list(order[:length]), k=width)
    given_ = places(lists, first, turns, floor)
    new = np.array([order[length : length + turns]], dtype=np.int32).reshape(1, -1)
    new = np.pad(new, ((0, 0), (0, turns - new.shape[1])), constant_values=-1)
    found = put_items(lists, new, np.ones(new.shape, dtype=np.float32), given_.places, first)
    items = [item for item in found.items[0].tolist() if item >= 0]
    is_put = (new[0] >= 0) & (given_.places[0] >= 0)
    assert sorted(items) == sorted([*order[:length], *new[0][is_put].tolist()])
    assert items[:first][len(items[:first]) - is_put.sum() :] == new[0][is_put].tolist()

    def categories(head: list[int]) -> int:
        return len({CATEGORIES[item] for item in head if CATEGORIES[item] >= 0})

    assert categories(items[:first]) >= min(floor, categories(list(order[:length])[:first]))
