"""Items as pieces of JSON: joined, they are what a JSON encoder would have written."""

import gc
import json
import weakref

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.list_codec import PAD, PackedHead
from reco_contracts.manifests import CatalogueChunk
from reco_contracts.reasons import REASONS, Reason
from serving_api.catalogue import Catalogue, score_texts

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(_TEXT, _TEXT, st.lists(_TEXT, max_size=3)), min_size=1, max_size=5), st.data())
def test_any_item_reads_back_as_it_was(items: list[tuple[str, str, list[str]]], data: st.DataObject) -> None:
    catalogue = Catalogue()
    chunk = CatalogueChunk(*(list(column) for column in zip(*items, strict=True)))
    for _ in catalogue.add(list(range(len(items))), chunk, 2):
        pass
    indices = st.integers(0, len(items) - 1)
    picked = data.draw(st.lists(st.tuples(indices, st.integers(0, 0x3C00), st.sampled_from(list(Reason)), indices)))
    seeds = [seed if REASONS[reason].has_seed else PAD for *_, reason, seed in picked]
    head = PackedHead(
        tuple(entry[0] for entry in picked),
        tuple(entry[1] for entry in picked),
        bytes(entry[2] for entry in picked),
        tuple(seeds),
    )
    rendered = json.loads(b"[" + b"".join(catalogue.render(head, "personal", 3))[:-1] + b"]")
    for at, (item, code, reason, seed) in enumerate(picked):
        item_id, title, categories = items[item]
        text = REASONS[reason]
        expected = {"code": text.code, "text": text.template.replace("{seed}", items[seed][1])}
        if text.has_seed:
            expected["seed_item_id"] = items[seed][0]
        score = float(np.uint16(code).view(np.float16))
        assert rendered[at] == {
            "item_id": item_id,
            "rank": at + 3,
            "score": round(score, 4),
            "title": title,
            "categories": categories,
            "source": "personal",
            "reason": expected,
        }


def test_a_catalogue_goes_with_its_last_reader_without_the_collector() -> None:
    """A process swaps generations for months; each holds megabytes."""
    catalogue = Catalogue()
    list(catalogue.add([0], CatalogueChunk(["a"], ["A"], [[]]), 1))
    catalogue.render(PackedHead((0,), (0,), bytes([Reason.SIMILAR_ITEM]), (0,)), "personal")
    is_there = weakref.ref(catalogue)
    gc.disable()
    try:
        del catalogue
        assert is_there() is None
    finally:
        gc.enable()


def test_every_score_text_is_a_number_in_order() -> None:
    values = [json.loads(text) for text in score_texts()]
    assert (values[0], values[-1]) == (0.0, 1.0)
    assert values == sorted(values)
    assert all(isinstance(value, float) for value in values)
