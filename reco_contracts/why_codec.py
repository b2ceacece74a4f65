"""Packed contributors: why the first items of one subject's list are there, in one Redis field.

Layout, version 1, little endian, no padding:

    u8   version
    u8   n, items, from the first place on
    u8   m, contributors kept of each
    u8   d, entries of the table
    u8   x d       signals of the table
    u32  x d       seed item indices of the table; 0xFFFFFFFF = none
    u8   x n * m   entry of each contributor, largest first; 0xFF = none
    u8   x n * m   its share of the score, in steps of half a percent, 127.5 % at most

A user's items come back in place after place: the table names each once. Only what
speaks for an item is kept.
"""

import struct
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from reco_contracts.errors import ContractError
from reco_contracts.signals import Signal

WHY_VERSION: Final = 1
# Contributors that are named of each item, and the places of a list that they are kept for.
NAMED: Final = 3
HEAD: Final = 20
_HEADER: Final = struct.Struct("<BBBB")
_NONE: Final = 0xFF
_NO_SEED: Final = 0xFFFFFFFF
_STEPS: Final = 200  # a share of 1
_MOST_ENTRIES: Final = 254
_PAD: Final = np.int64(2**62)
_KNOWN: Final = frozenset(int(signal) for signal in Signal)


class Contributor(NamedTuple):
    """What speaks for an item.

    Attributes:
        signal: signals.Signal.
        seed: item index; -1 = none.
        share: of the item's score.
    """

    signal: int
    seed: int
    share: float


def packed_size(items: int, m: int) -> int:
    """The most bytes that so many items with so many contributors take."""
    return _HEADER.size + items * m * 7


def pack_why(
    signals: npt.NDArray[np.uint8],
    seeds: npt.NDArray[np.int32],
    shares: npt.NDArray[np.float32],
    lengths: npt.NDArray[np.int64],
) -> list[bytes]:
    """Pack the contributors of many lists at once.

    Args:
        signals: uint8, shape (n, head, m), Signal; NONE pads.
        seeds: int32, shape (n, head, m); -1 = none.
        shares: float32, shape (n, head, m); what is not above 0 is left out.
        lengths: int64, shape (n,), items of each list, at most head.

    Returns:
        One packed value a list, in the order of the rows.

    Raises:
        ContractError: shapes differ, or there are too many contributors.
    """
    if not signals.shape == seeds.shape == shares.shape or signals.ndim != 3 or lengths.shape != signals.shape[:1]:
        raise ContractError(
            f"pack_why: three arrays of one shape (n, head, m) and n lengths expected, got {signals.shape}, "
            f"{seeds.shape}, {shares.shape}, {lengths.shape}"
        )
    n, head, m = signals.shape
    if head * m > _MOST_ENTRIES:
        raise ContractError(f"pack_why: at most {_MOST_ENTRIES} contributors a list expected, got {head} x {m}")
    codes = np.clip(np.rint(np.nan_to_num(shares) * _STEPS), 0, 255).astype(np.uint8)
    used = (signals != Signal.NONE) & (codes > 0) & (np.arange(head)[:, None] < lengths[:, None, None])
    names = (signals.astype(np.int64) << 32) | (seeds.astype(np.int64) & _NO_SEED)
    keys = np.where(used, names, _PAD).reshape(n, head * m)
    table, sizes, entries = _tables(keys)
    codes = np.where(used, codes, 0).reshape(n, head * m)
    packed: list[bytes] = [b""] * n
    shapes = lengths * (head * m + 1) + sizes
    for shape in np.unique(shapes):
        rows = np.flatnonzero(shapes == shape)
        length, size = int(lengths[rows[0]]), int(sizes[rows[0]])
        _pack_same_shape(packed, rows, table[rows, :size], entries[rows, : length * m], codes[rows, : length * m], m)
    return packed


def _tables(
    keys: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The distinct names of each row, ascending, how many there are, and which of them stands at each place."""
    order = np.argsort(keys, axis=1, kind="stable")
    ascending = np.take_along_axis(keys, order, axis=1)
    is_first = np.diff(ascending, axis=1, prepend=-1) != 0
    number = np.cumsum(is_first, axis=1) - 1
    entries = np.empty(keys.shape, dtype=np.uint8)
    np.put_along_axis(entries, order, np.where(ascending == _PAD, _NONE, number).astype(np.uint8), axis=1)
    kept = is_first & (ascending != _PAD)
    table = np.zeros(keys.shape, dtype=np.int64)
    rows, places = np.nonzero(kept)
    table[rows, number[rows, places]] = ascending[rows, places]
    return table, kept.sum(axis=1), entries


def _pack_same_shape(
    packed: list[bytes],
    rows: npt.NDArray[np.int64],
    table: npt.NDArray[np.int64],
    entries: npt.NDArray[np.uint8],
    codes: npt.NDArray[np.uint8],
    m: int,
) -> None:
    """Fill `packed` for rows that have the same number of items and of names."""
    count, size = table.shape
    header = np.frombuffer(_HEADER.pack(WHY_VERSION, entries.shape[1] // m if m else 0, m, size), dtype=np.uint8)
    seeds = np.ascontiguousarray((table & _NO_SEED).astype("<u4"))
    matrix = np.concatenate(
        [
            np.broadcast_to(header, (count, len(header))),
            (table >> 32).astype(np.uint8),
            np.frombuffer(seeds.tobytes(), dtype=np.uint8).reshape(count, 4 * size),
            entries,
            codes,
        ],
        axis=1,
    )
    width, blob = matrix.shape[1], matrix.tobytes()
    for position, row in enumerate(rows.tolist()):
        packed[row] = blob[position * width : (position + 1) * width]


def unpack_why(value: bytes) -> list[tuple[Contributor, ...]]:
    """Read the contributors of one list.

    Args:
        value: bytes as written by `pack_why`.

    Returns:
        For each item, what speaks for it, largest first.

    Raises:
        ContractError: another version, or a length that does not fit.
    """
    if len(value) < _HEADER.size or value[0] != WHY_VERSION:
        raise ContractError(
            f"packed contributors: version {WHY_VERSION} expected, got {value[:1]!r}; "
            "deploy reader and publisher together"
        )
    _, n, m, d = _HEADER.unpack_from(value)
    if len(value) != _HEADER.size + 5 * d + 2 * n * m:
        raise ContractError(f"packed contributors: {len(value)} bytes do not fit {n} items and {d} entries")
    signals = value[_HEADER.size : _HEADER.size + d]
    seeds = struct.unpack_from(f"<{d}I", value, _HEADER.size + d)
    at = _HEADER.size + 5 * d
    entries, codes = value[at : at + n * m], value[at + n * m :]
    if not _KNOWN.issuperset(signals) or any(entry >= d for entry in entries if entry != _NONE):
        raise ContractError("packed contributors: an entry or a signal that is not known")
    return (
        [
            tuple(
                Contributor(signals[entry], -1 if seeds[entry] == _NO_SEED else seeds[entry], code / _STEPS)
                for entry, code in zip(entries[start : start + m], codes[start : start + m], strict=True)
                if entry != _NONE
            )
            for start in range(0, n * m, m)
        ]
        if m
        else [()] * n
    )
