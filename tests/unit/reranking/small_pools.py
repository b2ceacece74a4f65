"""Small pools of candidates over a small catalogue, drawn by hypothesis."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from plain_reranking import PlainList, plain_relevance
from scipy.sparse import csr_matrix

from jobs.reranking.draft import Draft, Source
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.limits import Limit
from reco_contracts.list_settings import DiversitySection

N_ITEMS = 14


@dataclass
class Case:
    """All that a list is chosen with."""

    pool: Draft
    k: int
    traits: ItemTraits
    diversity: DiversitySection
    limits: tuple[Limit, ...]
    boosts: np.ndarray | None
    mixes: csr_matrix | None

    def plain(self, row: int) -> PlainList:
        """One list of the pool, for the plain reference."""
        length = int((self.pool.items[row] >= 0).sum())
        relevance = plain_relevance(self.pool.scores[row, :length].tolist(), self.pool.sources[row, :length].tolist())
        if self.boosts is not None:
            relevance = [one * float(boost) for one, boost in zip(relevance, self.boosts[row], strict=False)]
        mix = [] if self.mixes is None else self.mixes[row].toarray().ravel().tolist()
        items = self.pool.items[row, :length].tolist()
        return PlainList(items, relevance, self.traits, self.diversity, self.limits, mix)

    def rows(self, rows: slice) -> "Case":
        """The same for some of the lists."""
        pool = Draft(self.pool.subjects[rows], *(column[rows] for column in self.pool[1:]))
        boosts = None if self.boosts is None else self.boosts[rows]
        mixes = None if self.mixes is None else self.mixes[rows]
        return Case(pool, self.k, self.traits, self.diversity, self.limits, boosts, mixes)


def pool_of(items: list[list[int]], scores: list[list[float]], n_model: list[int]) -> Draft:
    """A pool; the first of each list are the model's, the others popular ones."""
    width = max(map(len, items))
    padded = np.array([one + [-1] * (width - len(one)) for one in items], dtype=np.int32)
    is_model = np.arange(width) < np.array(n_model)[:, None]
    values = np.array([one + [0.0] * (width - len(one)) for one in scores], dtype=np.float32)
    sources = np.where(padded < 0, Source.NONE, np.where(is_model, Source.PERSONAL, Source.POPULAR))
    used = np.where(is_model & (padded >= 0), values, 0).astype(np.float32)
    return Draft([f"user-{row}" for row in range(len(items))], padded, used, sources.astype(np.uint8))


def codes(most: int) -> st.SearchStrategy[np.ndarray]:
    """A code of each item; some have none."""
    one = st.integers(-1, most)
    return st.lists(one, min_size=N_ITEMS, max_size=N_ITEMS).map(lambda drawn: np.array(drawn, dtype=np.int32))


@st.composite
def traits_drawn(draw: st.DrawFn) -> ItemTraits:
    """A tree of any depth, or tags: no level at all."""
    broad, middle, narrow = draw(codes(1)), draw(codes(3)), draw(codes(5))
    none = np.full(N_ITEMS, -1, dtype=np.int32)
    levels = draw(st.sampled_from([(none, none, none), (broad, none, none), (broad, middle, none)]))
    if draw(st.booleans()):
        levels = (levels[0], levels[1], narrow)
    return ItemTraits(middle, ("a", "b", "c", "d"), np.column_stack(levels), draw(codes(2)), none)


@st.composite
def pools(draw: st.DrawFn) -> Draft:
    """Pools of up to three users; scores with ties, lists of any length."""
    items, scores, n_model = [], [], []
    for _ in range(draw(st.integers(1, 3))):
        one = draw(st.lists(st.integers(0, N_ITEMS - 1), unique=True, max_size=10))
        drawn = draw(st.lists(st.integers(-4, 12), min_size=len(one), max_size=len(one)))
        items.append(one)
        scores.append([value / 4 for value in sorted(drawn, reverse=True)])
        n_model.append(draw(st.integers(0, len(one))))
    items[0] = items[0] or [0]
    scores[0] = scores[0] or [1.0]
    return pool_of(items, scores, n_model)


@st.composite
def cases(draw: st.DrawFn, methods: tuple[str, ...], *, is_limited: bool) -> Case:
    """Any pool with one of some methods, with limits or without."""
    pool, traits = draw(pools()), draw(traits_drawn())
    diversity = DiversitySection(
        method=draw(st.sampled_from(methods)),
        strength=draw(st.sampled_from([0.05, 0.3, 0.5, 0.8, 1.0])),
        first=draw(st.integers(1, 6)),
        min_categories=draw(st.integers(0, 5)) if is_limited else 0,
        max_per_category=draw(st.integers(0, 3)) if is_limited else 0,
        exploration=draw(st.sampled_from([0.0, 0.1, 1.0])),
    )
    limit = Limit("seller", traits.sellers, draw(st.integers(1, 2)), draw(st.integers(1, 6)))
    factors = draw(st.lists(st.sampled_from([0.5, 1.0, 2.0]), min_size=pool.items.size, max_size=pool.items.size))
    boosts = np.array(factors, dtype=np.float32).reshape(pool.items.shape)
    return Case(
        pool=pool,
        k=draw(st.integers(1, 8)),
        traits=traits,
        diversity=diversity,
        limits=(limit,) if is_limited and draw(st.booleans()) else (),
        boosts=boosts if draw(st.booleans()) else None,
        mixes=draw(st.none() | mixes_drawn(len(pool.items))),
    )


@st.composite
def mixes_drawn(draw: st.DrawFn, n: int) -> csr_matrix:
    """Shares of four categories; users without a history have none."""
    counts = np.array(draw(st.lists(st.integers(0, 3), min_size=4 * n, max_size=4 * n)), dtype=float).reshape(n, 4)
    sums = counts.sum(axis=1, keepdims=True)
    return csr_matrix(np.divide(counts, sums, out=np.zeros_like(counts), where=sums > 0), dtype=np.float32)
