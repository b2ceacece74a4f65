"""What re-ranking means, said once more in plain Python: one list, one candidate, everything from the beginning.

Nothing here is shared with the code that it is compared with, but for constants.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from jobs.reranking.calibrated import SMOOTHING
from jobs.reranking.draft import Source
from jobs.reranking.item_traits import ItemTraits
from jobs.reranking.likeness import CATEGORY, OWN
from jobs.reranking.limits import Limit
from reco_contracts.list_settings import DiversitySection


@dataclass
class PlainList:
    """One list of a pool: items that are there, best first, with what is known of them."""

    items: list[int]
    relevance: list[float]
    traits: ItemTraits
    diversity: DiversitySection
    limits: tuple[Limit, ...] = ()
    mix: list[float] = field(default_factory=list)

    def gain(self, chosen: list[int], candidate: int) -> float:
        """How good the list would be with one more place of the pool, but for what is the same for all."""
        strength, method = self.diversity.strength, self.diversity.method
        relevance = self.relevance[candidate]
        if method == "none" or strength == 0:
            return relevance
        if method == "mmr":
            most = max((self.likeness(candidate, one) for one in chosen), default=0.0)
            return (1 - strength) * relevance - strength * most
        if method == "dpp":
            return strength * (self.log_determinant([*chosen, candidate]) - self.log_determinant(chosen))
        return (1 - strength) * relevance - strength * self.divergence([*chosen, candidate])

    def likeness(self, one: int, other: int) -> float:
        if one == other:
            return 1.0
        levels = [level for level in self.traits.levels.T if (level >= 0).any()]
        levels = [level for level in levels if list(level) != list(self.traits.categories)]
        rest = 1 - OWN - CATEGORY if levels else 0.0
        of_category = 1 - OWN - rest
        total = of_category * self._share(self.traits.categories, one, other)
        return total + sum(rest / len(levels) * self._share(level, one, other) for level in levels)

    def _share(self, codes: np.ndarray, one: int, other: int) -> bool:
        first, second = codes[self.items[one]], codes[self.items[other]]
        return bool(first == second and first >= 0)

    def log_determinant(self, places: list[int]) -> float:
        """Of the kernel quality x likeness x quality on some places."""
        if not places:
            return 0.0
        strength = self.diversity.strength
        quality = [math.exp((1 - strength) / (2 * strength) * self.relevance[place]) for place in places]
        kernel = [
            [quality[a] * self.likeness(one, other) * quality[b] for b, other in enumerate(places)]
            for a, one in enumerate(places)
        ]
        return float(np.linalg.slogdet(np.array(kernel))[1])

    def divergence(self, places: list[int]) -> float:
        """Of the wanted mix of categories from that of some places, nats."""
        kinds = list(dict.fromkeys(self.kind(place) for place in range(len(self.items))))
        wanted = self.wanted(kinds)
        listed = [self.kind(place) for place in places]
        total = 0.0
        for kind, share in wanted.items():
            mixed = (1 - SMOOTHING) * listed.count(kind) / len(listed) + SMOOTHING * share
            total += share * math.log(share / mixed) if share > 0 else 0.0
        return total

    def wanted(self, kinds: list[object]) -> dict[object, float]:
        even = 1 / len(kinds)
        if not any(self.mix):
            return dict.fromkeys(kinds, even)
        share = self.diversity.exploration
        own = {("category", code): value for code, value in enumerate(self.mix)}
        return {kind: (1 - share) * own.get(kind, 0.0) + share * even for kind in kinds}

    def kind(self, place: int) -> tuple[str, int]:
        """The category; a place of the pool where an item has none."""
        code = int(self.traits.categories[self.items[place]])
        return ("category", code) if code >= 0 else ("alone", place)

    def open_places(self, chosen: list[int], k: int) -> list[int]:
        """The places of the pool that limits leave for the next place of a list."""
        left = [place for place in range(len(self.items)) if place not in chosen]
        by_rules = [place for place in left if not any(self._is_full(limit, chosen, place) for limit in self.limits)]
        by_caps = [place for place in by_rules if not self._is_category_full(chosen, place)]
        by_all = [place for place in by_caps if not self._must_be_new(chosen, k) or self._is_new(chosen, place)]
        return by_all or by_caps or by_rules or left

    def _is_full(self, limit: Limit, chosen: list[int], place: int) -> bool:
        codes = [int(limit.codes[self.items[one]]) for one in chosen]
        code = int(limit.codes[self.items[place]])
        return code >= 0 and len(chosen) < limit.first and codes.count(code) >= limit.most

    def _is_category_full(self, chosen: list[int], place: int) -> bool:
        most = self.diversity.max_per_category
        count = [self.kind(one) for one in chosen].count(self.kind(place))
        return 0 < most <= count and len(chosen) < self.diversity.first

    def _is_new(self, chosen: list[int], place: int) -> bool:
        kind = self.kind(place)
        return kind[0] == "category" and kind not in [self.kind(one) for one in chosen]

    def _categories(self, places: Iterable[int]) -> int:
        return len({kind for kind in map(self.kind, places) if kind[0] == "category"})

    def _must_be_new(self, chosen: list[int], k: int) -> bool:
        places = min(self.diversity.first, k, len(self.items))
        possible = self._categories(range(len(self.items)))
        missing = min(self.diversity.min_categories, possible) - self._categories(chosen)
        return len(chosen) < self.diversity.first and missing > 0 and places - len(chosen) <= missing


def plain_relevance(scores: list[float], sources: list[int]) -> list[float]:
    """Of the candidates of one list, without boosts."""
    n = len(scores)
    own = [score for score, source in zip(scores, sources, strict=True) if source == Source.PERSONAL]
    filled, result, turn = n - len(own), [], 0
    least = (filled + 1) / (n + 1)
    for score, source in zip(scores, sources, strict=True):
        if source == Source.PERSONAL:
            spread = (score - min(own)) / (max(own) - min(own)) if max(own) > min(own) else 1.0
            result.append(least + (1 - least) * spread)
        else:
            result.append((filled - turn) / (n + 1))
            turn += 1
    return result
