"""The packed list: what goes in comes out, and damage is always told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reco_contracts.errors import ContractError
from reco_contracts.list_codec import PAD, pack_lists, scale_scores, unpack_head, unpack_list
from reco_contracts.reasons import REASONS, Reason

_ITEM = st.tuples(
    st.integers(0, 2**31 - 1),  # item index
    st.floats(-1e6, 1e6, width=32),  # score
    st.sampled_from(list(Reason)),
    st.integers(0, 2**31 - 1),  # seed
)
_LISTS = st.lists(st.lists(_ITEM, max_size=12), max_size=8)


def pack(lists: list[list[tuple[int, float, int, int]]]) -> list[bytes]:
    """Pack lists of (item, score, reason, seed) of any length."""
    k = max(map(len, lists), default=0)
    items, seeds = np.full((len(lists), k), PAD, np.int32), np.full((len(lists), k), PAD, np.int32)
    scores, reasons = np.zeros((len(lists), k), np.float32), np.zeros((len(lists), k), np.uint8)
    for row, entries in enumerate(lists):
        for at, (item, score, reason, seed) in enumerate(entries):
            items[row, at], scores[row, at], reasons[row, at], seeds[row, at] = item, score, reason, seed
    return pack_lists(items, scores, reasons, seeds)


@given(_LISTS)
def test_what_is_packed_comes_out_again(lists: list[list[tuple[int, float, Reason, int]]]) -> None:
    packed = pack(lists)
    assert len(packed) == len(lists)
    for entries, value in zip(lists, packed, strict=True):
        result = unpack_list(value)
        assert result.items == tuple(entry[0] for entry in entries)
        assert list(result.reasons) == [entry[2] for entry in entries]
        assert result.seeds == tuple(entry[3] if REASONS[entry[2]].has_seed else PAD for entry in entries)


@given(_LISTS)
def test_scores_are_scaled_by_the_best_and_never_negative(lists: list[list[tuple[int, float, Reason, int]]]) -> None:
    for entries, value in zip(lists, pack(lists), strict=True):
        best = max((entry[1] for entry in entries), default=0.0)
        for entry, score in zip(entries, unpack_list(value).scores, strict=True):
            expected = max(0.0, entry[1] / best) if best > 0 else 0.0
            assert score == pytest.approx(expected, abs=1e-3)


@given(_LISTS, st.integers(0, 15))
def test_the_head_of_a_list_is_its_beginning(lists: list[list[tuple[int, float, Reason, int]]], count: int) -> None:
    for value in pack(lists):
        whole, head = unpack_list(value), unpack_head(value, count)
        assert head.items == whole.items[:count]
        assert head.reasons == whole.reasons[:count]
        assert head.seeds == whole.seeds[:count]
        scores = np.array(head.score_codes, np.uint16).view(np.float16)
        assert tuple(scores.tolist()) == whole.scores[:count]


@given(st.binary(max_size=200), st.integers(0, 30))
def test_any_bytes_are_a_list_or_a_contract_error(value: bytes, count: int) -> None:
    for read in (unpack_list, lambda data: unpack_head(data, count)):
        try:
            read(value)
        except ContractError:
            continue


@given(st.lists(_ITEM, min_size=1, max_size=12), st.data())
def test_a_cut_off_list_is_told(entries: list[tuple[int, float, Reason, int]], data: st.DataObject) -> None:
    value = pack([entries])[0]
    cut = value[: data.draw(st.integers(0, len(value) - 1))]
    with pytest.raises(ContractError):
        unpack_list(cut)


def test_the_layout_is_the_documented_one() -> None:
    """Another language reads these bytes; they change with the version only."""
    value = pack([[(258, 4.0, Reason.BECAUSE_OF_HISTORY, 7), (3, 1.0, Reason.POPULAR, 9)]])[0]
    header, items, scores, reasons, seeds = "01000200", "0201000003000000", "003c0034", "0103", "07000000"
    assert value.hex() == header + items + scores + reasons + seeds


def test_another_version_is_refused_by_both_readers() -> None:
    value = b"\x02" + pack([[(1, 1.0, Reason.POPULAR, 0)]])[0][1:]
    for read in (unpack_list, lambda data: unpack_head(data, 1)):
        with pytest.raises(ContractError, match="version 1 expected, got 2"):
            read(value)


def test_no_lists_and_empty_lists_are_packed() -> None:
    assert pack([]) == []
    assert unpack_list(pack([[], []])[1]).items == ()


def test_scores_that_are_no_numbers_count_as_nothing() -> None:
    scores = np.array([[np.inf, np.nan, 2.0, -np.inf]], np.float32)
    assert scale_scores(scores, np.array([4])).tolist() == [[0.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"items": [[PAD, 1]]}, "padding"),
        ({"items": [[-2, 1]]}, "without one|below 0"),
        ({"reasons": [[99, 1]]}, "unknown reason code 99"),
        ({"seeds": [[PAD, 0]]}, "seed"),
        ({"scores": [[1.0]]}, "one shape"),
    ],
)
def test_arguments_that_cannot_be_packed_are_refused(change: dict[str, list[list[float]]], message: str) -> None:
    given_values = {"items": [[0, 1]], "scores": [[1.0, 0.5]], "reasons": [[1, 1]], "seeds": [[0, 0]]} | change
    types = {"items": np.int32, "scores": np.float32, "reasons": np.uint8, "seeds": np.int32}
    with pytest.raises(ContractError, match=message):
        pack_lists(**{name: np.array(value, types[name]) for name, value in given_values.items()})
