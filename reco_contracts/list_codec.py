"""The packed list: what one Redis field holds for one subject.

Layout, version 1, little endian, no padding:

    u8   version
    u8   reserved, 0
    u16  n, items in the list
    u32  x n   item indices of this generation, best first
    f16  x n   scores, scaled to 0..1 within the list
    u8   x n   reason codes
    u32  x m   seed item indices, one for each item whose reason has a seed, in order

Item indices belong to one generation and never leave it.
"""

import struct
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from reco_contracts.errors import ContractError
from reco_contracts.reasons import REASONS, Reason

CODEC_VERSION: Final = 1
PAD: Final = -1
_HEADER: Final = struct.Struct("<BBH")
_HAS_SEED: Final = np.array([REASONS[reason].has_seed for reason in Reason], dtype=bool)


class PackedItems(NamedTuple):
    """One decoded list; the four sequences are parallel, best item first.

    Attributes:
        items: item indices.
        scores: 0..1 within the list.
        reasons: reason codes.
        seeds: seed item indices, -1 where the reason has none.
    """

    items: tuple[int, ...]
    scores: tuple[float, ...]
    reasons: bytes
    seeds: tuple[int, ...]


class PackedHead(NamedTuple):
    """The first items of a list as they are stored; the four sequences are parallel, best item first.

    Attributes:
        items: item indices.
        score_codes: scores as the 16 bits of a float16.
        reasons: reason codes.
        seeds: seed item indices, -1 where the reason has none.
    """

    items: tuple[int, ...]
    score_codes: tuple[int, ...]
    reasons: bytes
    seeds: tuple[int, ...]


@lru_cache(maxsize=1024)
def _indices(n: int) -> struct.Struct:
    return struct.Struct(f"<{n}I")


@lru_cache(maxsize=4096)
def _head(n: int, take: int) -> struct.Struct:
    """The first items, scores and reasons of a list of n."""
    rest = n - take
    return struct.Struct(f"<{take}I{4 * rest}x{take}H{2 * rest}x{take}s")


@lru_cache(maxsize=1024)
def _body(n: int) -> struct.Struct:
    return struct.Struct(f"<{n}I{n}e{n}s")


def scale_scores(scores: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64]) -> npt.NDArray[np.float16]:
    """Scale each row to 0..1 by its best score; what is below 0 becomes 0.

    Args:
        scores: float32, shape (n_lists, k), best first, padded with anything.
        lengths: int64, shape (n_lists,), items in use a row.

    Returns:
        float16, shape (n_lists, k).
    """
    if scores.shape[1] == 0:
        return scores.astype(np.float16)
    used = np.arange(scores.shape[1]) < lengths[:, None]
    clean = np.where(used, np.nan_to_num(scores, nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    clean = np.maximum(clean, 0.0)  # before the division: a large negative by a tiny best overflows
    best = clean.max(axis=1, keepdims=True)
    return (clean / np.where(best > 0, best, 1.0)).astype(np.float16)


def pack_lists(
    items: npt.NDArray[np.int32],
    scores: npt.NDArray[np.float32],
    reasons: npt.NDArray[np.uint8],
    seeds: npt.NDArray[np.int32],
) -> list[bytes]:
    """Pack many lists at once.

    Args:
        items: int32, shape (n_lists, k); -1 pads at the end of a row.
        scores: float32, shape (n_lists, k); any scale, larger is better.
        reasons: uint8, shape (n_lists, k); codes of `Reason`.
        seeds: int32, shape (n_lists, k); read only where the reason has a seed.

    Returns:
        One packed value a list, in the order of the rows.

    Raises:
        ContractError: shapes differ, a code is unknown, or a needed seed is missing.
    """
    if not items.shape == scores.shape == reasons.shape == seeds.shape or items.ndim != 2:
        raise ContractError(
            f"pack_lists: four arrays of one shape (n_lists, k) expected, got "
            f"{items.shape}, {scores.shape}, {reasons.shape}, {seeds.shape}"
        )
    used = items != PAD
    lengths = used.sum(axis=1)
    if (used != (np.arange(items.shape[1]) < lengths[:, None])).any():
        raise ContractError("pack_lists: padding (-1) may stand only at the end of a row")
    if reasons[used].max(initial=0) >= len(_HAS_SEED):
        raise ContractError(f"pack_lists: unknown reason code {reasons[used].max()}; known: 0 to {len(_HAS_SEED) - 1}")
    has_seed = used & _HAS_SEED[np.where(used, reasons, 0)]
    if (seeds[has_seed] < 0).any() or (items[used] < 0).any():
        raise ContractError("pack_lists: a reason that names a seed item came without one")
    scaled = scale_scores(scores, lengths)
    packed: list[bytes] = [b""] * len(items)
    shape_ids = lengths * (items.shape[1] + 1) + has_seed.sum(axis=1)
    order = np.argsort(shape_ids, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(shape_ids[order]) != 0]) if len(order) else np.array([], dtype=np.int64)
    for rows in np.split(order, starts[1:]) if len(order) else []:
        _pack_same_shape(packed, rows, items, scaled, reasons, seeds, has_seed)
    return packed


def _pack_same_shape(
    packed: list[bytes],
    rows: npt.NDArray[np.int64],
    items: npt.NDArray[np.int32],
    scaled: npt.NDArray[np.float16],
    reasons: npt.NDArray[np.uint8],
    seeds: npt.NDArray[np.int32],
    has_seed: npt.NDArray[np.bool_],
) -> None:
    """Fill `packed` for rows that have the same number of items and of seeds."""
    n = int((items[rows[0]] != PAD).sum())
    # Without indices where all rows are of one shape, which is the usual case: no copy.
    chosen = slice(None) if len(rows) == len(items) else rows
    row_seeds = seeds[chosen][has_seed[chosen]].reshape(len(rows), -1)
    parts: tuple[tuple[str, npt.NDArray[np.generic]], ...] = (
        ("<u4", items[chosen, :n]),
        ("<f2", scaled[chosen, :n]),
        ("u1", reasons[chosen, :n]),
        ("<u4", row_seeds),
    )
    matrix = np.empty((len(rows), _HEADER.size + 7 * n + 4 * row_seeds.shape[1]), dtype=np.uint8)
    matrix[:, : _HEADER.size] = np.frombuffer(_HEADER.pack(CODEC_VERSION, 0, n), dtype=np.uint8)
    at = _HEADER.size
    for stored, values in parts:
        width = values.shape[1] * np.dtype(stored).itemsize
        if width:
            matrix[:, at : at + width].view(stored)[...] = values
        at += width
    width, blob = matrix.shape[1], matrix.tobytes()
    for position, row in enumerate(np.asarray(rows).tolist()):
        packed[row] = blob[position * width : (position + 1) * width]


def unpack_list(value: bytes) -> PackedItems:
    """Read one packed list.

    Args:
        value: bytes as written by `pack_lists`.

    Returns:
        The list's items, scores, reasons and seeds.

    Raises:
        ContractError: another version, or a length that does not fit.
    """
    if len(value) < _HEADER.size:
        raise ContractError(f"packed list: at least {_HEADER.size} bytes expected, got {len(value)}")
    version, _, n = _HEADER.unpack_from(value)
    if version != CODEC_VERSION:
        raise ContractError(
            f"packed list: version {CODEC_VERSION} expected, got {version}; deploy reader and publisher together"
        )
    body = _body(n)
    seed_bytes = len(value) - _HEADER.size - body.size
    if seed_bytes < 0 or seed_bytes % 4:
        raise ContractError(f"packed list: {len(value)} bytes do not fit {n} items")
    fields = body.unpack_from(value, _HEADER.size)
    reasons: bytes = fields[2 * n]
    packed_seeds = iter(_indices(seed_bytes // 4).unpack_from(value, _HEADER.size + body.size))
    try:
        seeds = tuple(next(packed_seeds) if _HAS_SEED_TUPLE[code] else PAD for code in reasons)
    except (StopIteration, IndexError, RuntimeError) as error:
        raise ContractError(f"packed list: seeds do not fit the reasons {list(reasons)}") from error
    if next(packed_seeds, None) is not None:
        raise ContractError("packed list: more seeds than reasons that name one")
    return PackedItems(fields[:n], fields[n : 2 * n], reasons, seeds)


def unpack_head(value: bytes, count: int) -> PackedHead:
    """Read the first items of a packed list; three times as fast as the whole list, for the lookup path.

    Args:
        value: bytes as written by `pack_lists`.
        count: items wanted; a shorter list gives what it has.

    Returns:
        The items in stored form.

    Raises:
        ContractError: another version, or a length that does not fit.
    """
    if len(value) < _HEADER.size or value[0] != CODEC_VERSION:
        unpack_list(value)  # says what is wrong
    n = value[2] | value[3] << 8
    take = min(n, count)
    at_seeds = _HEADER.size + 7 * n
    if len(value) < at_seeds:
        raise ContractError(f"packed list: {len(value)} bytes do not fit {n} items")
    fields = _head(n, take).unpack_from(value, _HEADER.size)
    reasons: bytes = fields[-1]
    has_seed = reasons.translate(_SEED_FLAGS)
    try:
        if _UNKNOWN in has_seed:
            raise IndexError
        seeds = _indices(has_seed.count(1)).unpack_from(value, at_seeds)
    except (IndexError, struct.error) as error:
        raise ContractError(f"packed list: seeds do not fit the reasons {list(reasons)}") from error
    if len(seeds) != take:
        following = iter(seeds)
        seeds = tuple(next(following) if flag else PAD for flag in has_seed)
    return PackedHead(fields[:take], fields[take:-1], reasons, seeds)


def list_length(value: bytes) -> int:
    """Items of a packed list whose first items `unpack_head` has read."""
    return value[2] | value[3] << 8


def first_reason(value: bytes) -> int:
    """The reason code of a packed list's first item, read from its place; UNKNOWN for an empty list.

    Args:
        value: bytes as written by `pack_lists`; too short ones are an empty list here, `unpack_head` refuses them.
    """
    if len(value) < _HEADER.size:
        return Reason.UNKNOWN
    n = value[2] | value[3] << 8
    at = _HEADER.size + 6 * n
    return value[at] if n and at < len(value) else Reason.UNKNOWN


_HAS_SEED_TUPLE: Final = tuple(bool(flag) for flag in _HAS_SEED)
_UNKNOWN: Final = 2
# Reason code -> 1 if it names a seed, 0 if not, 2 if there is no such reason.
_SEED_FLAGS: Final = bytes(_HAS_SEED_TUPLE).ljust(256, bytes([_UNKNOWN]))
