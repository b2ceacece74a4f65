"""The reserved share: kept, spread evenly, given to those whom it suits, and the same each time."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from jobs.ranking.expose_new_items import (
    CANDIDATES,
    NewItems,
    choose_new_items,
    draw_candidates,
    reserve_places,
    sample_rows,
    spread_evenly,
    standard_scores,
)
from jobs.reranking.draft import Draft, Source

N_USERS, N_ITEMS, K = 4_000, 60, 30
NEW = np.arange(50, 60, dtype=np.int32)


def scores_of(n_users: int = N_USERS) -> np.ndarray:
    """Two tastes; item 50 is nobody's favourite and item 51 everybody's."""
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 0.2, (n_users, len(NEW))).astype(np.float32)
    scores += np.float32(2) * ((NEW[None, :] % 2) == (np.arange(n_users)[:, None] % 2))
    scores[:, 0] -= 4
    scores[:, 1] += 4
    return scores


def new_items(scores: np.ndarray, share: float = 0.05, first: int = 20, salt: str = "day 1") -> NewItems:
    names = tuple(f"item-{number}" for number in NEW)
    return NewItems(NEW, NEW, names, spread_evenly(scores, all_new(len(scores)), len(NEW)), share, first, salt)


def all_new(n_users: int) -> np.ndarray:
    return np.tile(np.arange(len(NEW)), (n_users, 1))


def reserve(lists: Draft, scores: np.ndarray, blocked: csr_matrix, new: NewItems) -> Draft:
    return reserve_places(lists, scores, all_new(len(scores)), np.ones(scores.shape, dtype=bool), blocked, new)


def lists_of(n_users: int = N_USERS, length: int = K) -> Draft:
    items = np.full((n_users, K), -1, dtype=np.int32)
    items[:, :length] = np.arange(length)
    scores = np.where(items >= 0, np.linspace(3, 1, K), 0).astype(np.float32)
    sources = np.where(items >= 0, Source.POPULAR, 0).astype(np.uint8)
    users = [f"user-{number}" for number in range(n_users)]
    return Draft(users, items, scores, sources)


def nothing_blocked(n_users: int = N_USERS) -> csr_matrix:
    return csr_matrix((n_users, N_ITEMS), dtype=np.float32)


def is_new(block: Draft) -> np.ndarray:
    return block.sources == Source.NEW


@pytest.mark.parametrize(("share", "first"), [(0.05, 20), (0.02, 20), (0.125, 20), (0.2, 10)])
def test_the_share_of_the_first_places_is_kept(share: float, first: int) -> None:
    scores = scores_of()
    block = reserve(lists_of(), scores, nothing_blocked(), new_items(scores, share, first))
    counts = is_new(block).sum(axis=1)
    assert set(counts) <= {int(share * first), int(share * first) + 1}
    assert counts.mean() == pytest.approx(share * first, abs=0.03)
    assert not is_new(block)[:, 0].any()
    assert not is_new(block)[:, first:].any()
    assert (is_new(block) == np.isin(block.items, NEW)).all()


def test_each_new_item_gets_its_part_also_what_nobody_likes_best() -> None:
    scores = scores_of()
    block = reserve(lists_of(), scores, nothing_blocked(), new_items(scores))
    shown = np.bincount(block.items[is_new(block)], minlength=N_ITEMS)[NEW]
    assert shown.sum() == N_USERS
    # 400 each; a binomial draw strays by 19.
    assert (np.abs(shown - N_USERS / len(NEW)) < 80).all()


def test_who_gets_a_new_item_is_who_it_suits() -> None:
    scores = scores_of()
    block = reserve(lists_of(), scores, nothing_blocked(), new_items(scores))
    rows, places = np.nonzero(is_new(block))
    suits = block.items[rows, places] % 2 == rows % 2
    assert suits.mean() > 0.9


def test_users_without_a_taste_get_each_item_alike() -> None:
    silent = np.zeros((N_USERS, len(NEW)), dtype=np.float32)
    block = reserve(lists_of(), silent, nothing_blocked(), new_items(silent))
    shown = np.bincount(block.items[is_new(block)], minlength=N_ITEMS)[NEW]
    assert (np.abs(shown - N_USERS / len(NEW)) < 80).all()


def test_a_user_alone_gets_the_same_list_and_another_day_another_one() -> None:
    scores = scores_of()
    block = reserve(lists_of(), scores, nothing_blocked(), new_items(scores))
    some = [17, 5, 2_999]
    alone = Draft([block.subjects[row] for row in some], *(column[some] for column in lists_of()[1:]))
    again = reserve(alone, scores[some], nothing_blocked(3), new_items(scores))
    np.testing.assert_array_equal(again.items, block.items[some])
    tomorrow = reserve(lists_of(), scores, nothing_blocked(), new_items(scores, salt="day 2"))
    assert (tomorrow.items != block.items).any(axis=1).mean() > 0.8


def test_what_is_there_moves_down_and_each_item_keeps_its_own_score() -> None:
    scores = scores_of(200)
    before = lists_of(200)
    block = reserve(before, scores, nothing_blocked(200), new_items(scores, share=0.1))
    for row in range(200):
        np.testing.assert_array_equal(
            block.scores[row][is_new(block)[row]],
            [scores[row, item - NEW[0]] for item in block.items[row][is_new(block)[row]]],
        )
        rest = block.items[row][~is_new(block)[row]]
        np.testing.assert_array_equal(rest, before.items[row, : len(rest)])
        assert len(set(block.items[row].tolist())) == K


def test_a_new_item_further_down_is_moved_up_and_not_shown_twice() -> None:
    before = lists_of(300)
    before.items[:, 25] = 53
    scores = np.zeros((300, len(NEW)), dtype=np.float32)
    scores[:, 3] = 9
    new = NewItems(NEW, NEW, tuple(map(str, NEW)), np.zeros(len(NEW)), 0.05, 20, "x")
    block = reserve(before, scores, nothing_blocked(300), new)
    moved = (block.items[:, :20] == 53).any(axis=1)
    assert moved.mean() > 0.9
    assert ((block.items == 53).sum(axis=1) == 1).all()
    assert (block.items[moved] >= 0).all()


def test_a_drawn_item_that_is_among_the_first_places_anyway_counts_and_moves_nothing() -> None:
    scores = scores_of()
    before = lists_of()
    before.items[:, 3] = 50 + np.arange(N_USERS) % 2
    block = reserve(before, scores, nothing_blocked(), new_items(scores))
    is_there = ~is_new(block).any(axis=1)
    assert 0.05 < is_there.mean() < 0.25
    np.testing.assert_array_equal(block.items[is_there], before.items[is_there])
    shown = np.array([(block.items[:, :20] == item).sum() for item in NEW])
    assert (shown > N_USERS / len(NEW) - 80).all()


def test_blocked_items_stay_out() -> None:
    scores = scores_of(500)
    blocked = nothing_blocked(500).tolil()
    blocked[:, 51:] = 1
    allowed, new = np.ones(scores.shape, dtype=bool), new_items(scores, share=0.1)
    chosen = choose_new_items(20, scores, all_new(500), lists_of(500).subjects, allowed, blocked.tocsr(), new).items
    assert (chosen[:, 0] == 50).all()
    assert (chosen[:, 1] == -1).all()


def test_an_item_that_a_user_may_not_see_goes_to_others() -> None:
    scores = scores_of(500)
    allowed = np.ones(scores.shape, dtype=bool)
    allowed[::2, 1:] = False
    new = new_items(scores, share=0.1)
    chosen = choose_new_items(
        20, scores, all_new(500), lists_of(500).subjects, allowed, nothing_blocked(500), new
    ).items
    assert (chosen[::2, 0] == 50).all()
    assert (chosen[::2, 1] == -1).all()
    assert (chosen[1::2] >= 50).all()


def test_a_short_list_gets_its_new_item_at_the_end_and_an_empty_one_at_its_head() -> None:
    scores = scores_of(100)
    for length, place in ((1, 1), (0, 0)):
        block = reserve(lists_of(100, length), scores, nothing_blocked(100), new_items(scores))
        assert is_new(block)[:, place].all()
        assert ((block.items >= 0).sum(axis=1) == length + 1).all()


def test_more_places_than_new_items_give_each_item_once() -> None:
    scores = scores_of(50)
    block = reserve(lists_of(50), scores, nothing_blocked(50), new_items(scores, share=0.5, first=30))
    assert (is_new(block).sum(axis=1) == len(NEW)).all()


def test_the_sample_is_the_same_whatever_the_order() -> None:
    users = [f"user-{number}" for number in range(5_000)]
    rows = sample_rows(users, "day")
    assert len(rows) == 4_096
    assert {users[row] for row in rows} == {users[::-1][row] for row in sample_rows(users[::-1], "day")}


def test_many_new_items_are_spread_over_users_who_are_compared_with_a_few_each() -> None:
    n_new, rng = 400, np.random.default_rng(2)
    names = tuple(f"item-{number}" for number in range(n_new))
    users = [f"user-{number}" for number in range(N_USERS)]
    candidates = draw_candidates(users, names, "day")
    assert candidates.shape == (N_USERS, CANDIDATES)
    assert (np.diff(candidates, axis=1) > 0).all()
    np.testing.assert_array_equal(draw_candidates(users[70:80], names, "day"), candidates[70:80])
    # Half of the new items suit half of the users, and some are liked by everybody.
    everybody = rng.normal(0, 3, n_new)
    scores = (everybody[candidates] + 3.0 * (candidates % 2 == np.arange(N_USERS)[:, None] % 2)).astype(np.float32)
    items = np.arange(n_new, dtype=np.int32)
    new = NewItems(items, items, names, spread_evenly(scores, candidates, n_new), 0.05, 20, "day")
    blocked = csr_matrix((N_USERS, n_new), dtype=np.float32)
    allowed = np.ones(scores.shape, dtype=bool)
    chosen = choose_new_items(20, scores, candidates, users, allowed, blocked, new).items[:, 0]
    shown = np.bincount(chosen, minlength=n_new)
    # 10 each; a Poisson draw strays by 3.2.
    assert shown.std() < 5
    assert (shown > 0).mean() > 0.99
    assert (chosen % 2 == np.arange(N_USERS) % 2).mean() > 0.75


def test_scores_are_compared_within_a_user() -> None:
    scores = np.array([[1, 2, 3], [10, 20, 30], [5, 5, 5]], dtype=np.float32)
    standard = standard_scores(scores)
    np.testing.assert_allclose(standard[0], standard[1])
    assert not standard[2].any()
