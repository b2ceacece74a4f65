"""Put pinned items at their places: the last step before lists are explained."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from jobs.models.base import PAD
from jobs.ranking.save_lists import ListBlock
from jobs.reranking.draft import Draft, Source
from jobs.reranking.insert_items import insert_items
from jobs.rules.list_rules import ListRules, PinnedItem
from reco_contracts.reasons import Reason

Scores = Callable[[npt.NDArray[np.int32]], npt.NDArray[np.float32]]


def apply_pins(
    lists: Draft, rules: ListRules, audiences: npt.NDArray[np.int32], never: csr_matrix, score: Scores
) -> Draft:
    """Pin items in users' lists, except what a user may not see again.

    Args:
        lists: n lists of k places.
        rules: with pins by place.
        audiences: int32, shape (n,), of the users.
        never: CSR, shape (n, n_items); non-zero = never show.
        score: gives the model's scores of items, float32, shape (n, n_pins), for such items, int32.
    """
    if not rules.pins:
        return lists
    pinned = np.array([pin.item for pin in rules.pins], dtype=np.int32)
    is_asked = np.stack([pin.audiences[audiences] for pin in rules.pins], axis=1)
    is_asked &= never[:, pinned].toarray() == 0
    items = np.where(is_asked, pinned, PAD).astype(np.int32)
    return put_items(lists, items, score(np.tile(pinned, (len(items), 1))), rules.pins)


def put_items(
    lists: Draft, items: npt.NDArray[np.int32], scores: npt.NDArray[np.float32], pins: tuple[PinnedItem, ...]
) -> Draft:
    """Put the items of each list at the places of the pins.

    They are taken out first: an item that moves up from below a pin would push it off its place.

    Args:
        lists: n lists of k places.
        items: int32, shape (n, n_pins), -1 = not in this list.
        scores: float32, shape (n, n_pins).
        pins: rising by place; those behind the last place are left out.
    """
    k = lists.items.shape[1]
    inside = [column for column, pin in enumerate(pins) if pin.place < k]
    lists = _without(lists, items[:, inside])
    for column in inside:
        places = np.full(len(items), pins[column].place, dtype=np.int64)
        lists = insert_items(lists, items[:, column], scores[:, column], places, Source.PINNED)
    return lists


def pin_blocks(
    blocks: Iterable[ListBlock], pins: tuple[PinnedItem, ...], is_asked: Callable[[str, PinnedItem], bool]
) -> Iterator[ListBlock]:
    """Pin items in finished lists.

    Args:
        blocks: lists of one surface.
        pins: of the surface, rising by place.
        is_asked: whether the list with a subject has a pin.
    """
    for block in blocks:
        if not pins or not block.subjects:
            yield block
            continue
        items = [[pin.item if is_asked(subject, pin) else PAD for pin in pins] for subject in block.subjects]
        yield _pinned_block(block, np.array(items, dtype=np.int32), pins)


def _pinned_block(block: ListBlock, items: npt.NDArray[np.int32], pins: tuple[PinnedItem, ...]) -> ListBlock:
    """Pin by places of the block, so that reasons and seeds move with their items."""
    n, k = block.items.shape
    draft = Draft(block.subjects, block.items, block.scores, np.zeros((n, k), dtype=np.uint8))
    done = put_items(draft, items, _scores_in(block, items), pins)
    is_pinned = done.sources == Source.PINNED
    # Where each item stood before; of pinned ones it does not matter.
    stood = (block.items[:, None, :] == done.items[:, :, None]).argmax(axis=2)
    reasons = np.where(is_pinned, Reason.PINNED, np.take_along_axis(block.reasons, stood, axis=1)).astype(np.uint8)
    seeds = np.where(is_pinned | (done.items < 0), PAD, np.take_along_axis(block.seeds, stood, axis=1))
    return ListBlock(block.subjects, done.items, done.scores, reasons, seeds.astype(np.int32))


def _scores_in(block: ListBlock, items: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """The score that an item has in its list; 0 where it is not there."""
    is_it = (block.items[:, None, :] == items[:, :, None]) & (items[:, :, None] >= 0)
    return np.asarray(np.where(is_it, block.scores[:, None, :], 0).sum(axis=2), dtype=np.float32)


def _without(lists: Draft, items: npt.NDArray[np.int32]) -> Draft:
    """Lists without some items; what is behind them moves up."""
    is_out = ((lists.items[:, :, None] == items[:, None, :]) & (items[:, None, :] >= 0)).any(axis=2)
    order = np.argsort(is_out, axis=1, kind="stable")
    is_used = np.take_along_axis(~is_out & (lists.items >= 0), order, axis=1)
    return Draft(
        lists.subjects,
        np.where(is_used, np.take_along_axis(lists.items, order, axis=1), PAD).astype(np.int32),
        np.where(is_used, np.take_along_axis(lists.scores, order, axis=1), 0).astype(np.float32),
        np.where(is_used, np.take_along_axis(lists.sources, order, axis=1), Source.NONE).astype(np.uint8),
    )
