"""The reason that is published is the largest share of the score, in words that are true of the user."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from test_model_contract import N, checkerboard, fit

from jobs.explaining.give_reasons import give_reasons, join_reasons, say_signals
from jobs.models.base import Asked, Signal
from jobs.models.table import MODELS
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix
from jobs.ranking.ranking_model import RankingModel, ranking_model
from jobs.reranking.draft import Draft, Source
from jobs.reranking.item_traits import ItemTraits
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.why_codec import HEAD, NAMED

IDS = pl.Series([f"item-{number:02d}" for number in range(N)])
NO_LEVELS = np.full((N, 3), -1, dtype=np.int32)
NOBODYS = np.full(N, -1, dtype=np.int32)
TRAITS = ItemTraits((np.arange(N) % 2).astype(np.int32), ("black", "white"), NO_LEVELS, NOBODYS, NOBODYS)
SAYS = {
    Signal.OWN_ITEM: {Reason.BECAUSE_BOUGHT, Reason.BECAUSE_LIKED, Reason.BECAUSE_OF_HISTORY, Reason.AGAIN},
    Signal.CONTENT: {Reason.LIKE_SEED, Reason.AGAIN},
    Signal.PEOPLE: {Reason.PEOPLE_LIKE_YOU},
    Signal.POPULARITY: {Reason.POPULAR},
    Signal.SEGMENT: {Reason.POPULAR_IN_SEGMENT},
    Signal.OWN_HABIT: {Reason.AGAIN},
}


def people() -> Interactions:
    """Items below 7 were bought, those below 14 rated well, the others looked at."""
    data = checkerboard()
    return replace(data, is_bought=data.items < 7, is_liked=(data.items >= 7) & (data.items < 14))


def lists_of(model_name: str, is_blocked: bool) -> tuple[RankingModel, Draft, Asked]:
    model, data = fit(model_name, checkerboard()), people()
    asked = Asked(6, blocked_matrix(data, "forever") if is_blocked else None)
    found = model.recommend(data, *asked)
    sources = np.where(found.items >= 0, Source.PERSONAL, Source.NONE).astype(np.uint8)
    ranking = ranking_model(model, IDS, IDS, np.ones(N, dtype=bool))
    return ranking, Draft([str(user) for user in range(N)], found.items, found.scores, sources), asked


@pytest.mark.parametrize("is_blocked", [True, False])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_reason_names_the_largest_share_of_the_score(name: str, is_blocked: bool) -> None:
    ranking, lists, asked = lists_of(name, is_blocked)
    found = give_reasons(ranking, people(), lists, TRAITS, asked)
    parts = ranking.model.explain(people(), lists.items, N + 5, asked)
    for row, place in zip(*np.nonzero(lists.items >= 0), strict=True):
        contributions = parts.contributions[row, place]
        best = int(contributions.argmax())
        reason = Reason(found.reasons[row, place])
        if contributions[best] <= 0:
            assert reason == Reason.EXPLORING
            continue
        assert reason in SAYS[Signal(parts.signals[row, place, best])]
        if REASONS[reason].has_seed:
            assert found.seeds[row, place] == parts.seeds[row, place, best] != lists.items[row, place]
        else:
            assert found.seeds[row, place] == -1


@pytest.mark.parametrize("name", sorted(MODELS))
def test_published_shares_are_the_largest_of_the_score(name: str) -> None:
    ranking, lists, asked = lists_of(name, is_blocked=True)
    why = give_reasons(ranking, people(), lists, TRAITS, asked).why
    parts = ranking.model.explain(people(), lists.items, N + 5, asked)
    speaks = lists.scores > 0
    expected = parts.contributions[:, :, :NAMED] / np.where(speaks, lists.scores, 1)[:, :, None]
    assert why.shares.shape == (N, min(6, HEAD), NAMED)
    np.testing.assert_allclose(why.shares[speaks], expected[speaks], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(why.signals[speaks], parts.signals[:, :, :NAMED][speaks])


def test_a_reason_says_what_the_user_did_with_the_seed() -> None:
    ranking, lists, asked = lists_of("item_neighbours", is_blocked=True)
    found = give_reasons(ranking, people(), lists, TRAITS, asked)
    named = found.seeds >= 0
    bounds = [Reason.BECAUSE_BOUGHT, Reason.BECAUSE_LIKED, Reason.BECAUSE_OF_HISTORY]
    np.testing.assert_array_equal(found.reasons[named], np.array(bounds)[np.digitize(found.seeds[named], [7, 14])])
    assert named.any()


def test_what_was_bought_by_somebody_else_was_not_bought_by_you() -> None:
    ranking, lists, asked = lists_of("item_neighbours", is_blocked=True)
    others = people()
    theirs = replace(others, is_bought=others.users == 3, is_liked=np.zeros(len(others.users), dtype=bool))
    reasons = give_reasons(ranking, theirs, lists, TRAITS, asked).reasons
    used = lists.items >= 0
    assert set(reasons[3][used[3]]) == {Reason.BECAUSE_BOUGHT}
    assert set(reasons[5][used[5]]) == {Reason.BECAUSE_OF_HISTORY}


def test_where_the_model_has_no_say_the_source_is_the_reason() -> None:
    ranking, lists, asked = lists_of("als", is_blocked=True)
    sources = np.tile(np.arange(2, 7, dtype=np.uint8), (N, 1))
    drafted = Draft(lists.subjects, lists.items[:, :5], lists.scores[:, :5], sources)
    found = give_reasons(ranking, people(), drafted, TRAITS, asked)
    expected = [Reason.POPULAR_IN_SEGMENT, Reason.POPULAR, None, Reason.EXPLORING, Reason.PINNED]
    for place, reason in enumerate(expected):
        assert reason is None or set(found.reasons[:, place]) == {reason}
    assert (found.seeds == -1).all()
    assert (found.why.signals[:, :2, 0] == [Signal.SEGMENT, Signal.POPULARITY]).all()
    assert (found.why.signals[:, 2:] == Signal.NONE).all()


def test_a_new_item_of_an_own_category_says_so() -> None:
    ranking, _, asked = lists_of("als", is_blocked=True)
    items = np.tile(np.array([[0, 1]], dtype=np.int32), (N, 1))
    drafted = Draft([""] * N, items, np.ones((N, 2), dtype=np.float32), np.full((N, 2), Source.NEW, dtype=np.uint8))
    reasons = give_reasons(ranking, people(), drafted, TRAITS, asked).reasons
    is_own = np.arange(N)[:, None] % 2 == items % 2
    np.testing.assert_array_equal(reasons, np.where(is_own, Reason.NEW_IN_CATEGORY, Reason.NEW))


def test_a_seed_that_left_the_catalogue_is_not_named() -> None:
    ranking, lists, asked = lists_of("item_neighbours", is_blocked=True)
    whole = give_reasons(ranking, people(), lists, TRAITS, asked)
    gone = np.where(ranking.generation_index == whole.seeds[0, 0], -1, ranking.generation_index)
    found = give_reasons(replace(ranking, generation_index=gone), people(), lists, TRAITS, asked)
    assert whole.seeds[0, 0] not in found.seeds
    assert found.reasons[0, 0] == Reason.PEOPLE_LIKE_YOU


def test_parts_of_users_are_joined_in_their_order() -> None:
    ranking, lists, asked = lists_of("ease", is_blocked=True)
    whole = give_reasons(ranking, people(), lists, TRAITS, asked)
    parts = []
    for rows in (np.arange(1, N, 2), np.arange(0, N, 2)):
        some = Draft([lists.subjects[row] for row in rows], lists.items[rows], lists.scores[rows], lists.sources[rows])
        asked_of = Asked(asked.k, None if asked.blocked is None else asked.blocked[rows])
        parts.append((rows, give_reasons(ranking, people().of_users(rows), some, TRAITS, asked_of)))
    joined = join_reasons(parts)
    np.testing.assert_array_equal(joined.reasons, whole.reasons)
    np.testing.assert_array_equal(joined.why.seeds, whole.why.seeds)


def test_what_no_sentence_says_is_unknown() -> None:
    signals = np.array([Signal.NONE, Signal.OTHER, Signal.BASE], dtype=np.uint8)
    nothing = np.zeros(3, dtype=bool)
    assert (say_signals(signals, nothing, nothing, nothing) == Reason.UNKNOWN).all()
