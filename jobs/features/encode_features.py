"""Rows of features as the Redis commands that Feast's own writer would send, without its loop over rows.

Feast builds a protobuf message a value. Here a column is encoded at once: each distinct
value of a batch once, and floating point numbers from their bytes. The format is
described in `reco_contracts.feast_wire`; a test compares what both write, key by key.
"""

import struct
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reco_contracts.columns import FEATURE_TIMESTAMP, DType, Table
from reco_contracts.errors import ContractError
from reco_contracts.feast_wire import entity_key, feature_field, timestamp_field

# feast.types.Value: the tag byte of each kind, field number times 8 plus wire type.
_STRING_TAG: Final = b"\x12"
_INT32_TAG: Final = b"\x18"
_INT64_TAG: Final = b"\x20"
_DOUBLE_TAG: Final = b"\x29"
_BOOL_TAG: Final = b"\x38"
_NULL: Final = b""  # a value that is not set
_U32: Final = struct.Struct("<I")
_MICROSECONDS: Final = 1_000_000

Command = tuple[bytes, ...]


def encode_features(batch: pa.RecordBatch, view: Table, project: str) -> Iterator[Command]:
    """One HSET a row: the command's name, its key, then fields and values in turn.

    Args:
        batch: rows of the view.
        view: USER_FEATURES or ITEM_FEATURES, or another of one string key.
        project: Feast's project name, the namespace.

    Raises:
        ContractError: a key or a timestamp is null, or a column is of a kind that is not written here.
    """
    arguments: list[Any] = [repeat(b"HSET"), _entity_keys(batch, view, project)]
    arguments += [repeat(timestamp_field(view.name)), _timestamps(batch, view)]
    for column in view.columns:
        if column.name not in (view.key[0], FEATURE_TIMESTAMP):
            arguments += [
                repeat(feature_field(view.name, column.name)),
                _values(batch.column(column.name), column.dtype),
            ]
    yield from zip(*arguments, strict=False)  # the repeated ones have no end


def is_encodable(view: Table) -> bool:
    """Whether all columns of a view are of kinds that are written here."""
    return all(column.dtype in _KINDS for column in view.columns if column.name != FEATURE_TIMESTAMP)


def _entity_keys(batch: pa.RecordBatch, view: Table, project: str) -> list[bytes]:
    join_key = view.key[0]
    _require_values(batch, view, join_key)
    head = entity_key("", join_key, "")[: -_U32.size]  # all but the length of the value
    tail = project.encode()
    identifiers = batch.column(join_key).cast(pa.large_binary()).to_pylist()
    return [b"".join((head, _U32.pack(len(value)), value, tail)) for value in identifiers]


def _timestamps(batch: pa.RecordBatch, view: Table) -> list[bytes]:
    """google.protobuf.Timestamp: seconds, then nanoseconds unless there are none."""
    _require_values(batch, view, FEATURE_TIMESTAMP)
    moments = batch.column(FEATURE_TIMESTAMP).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
    return _each_distinct(moments, _timestamp)


def _timestamp(microseconds: int) -> bytes:
    seconds, rest = divmod(microseconds, _MICROSECONDS)
    parts = [(b"\x08", seconds), (b"\x10", rest * 1_000)]
    return b"".join(tag + _varint(number) for tag, number in parts if number)


def _values(column: pa.Array, dtype: DType) -> list[bytes]:
    if dtype is DType.FLOAT64:
        return _doubles(column)
    if dtype not in _KINDS:
        raise ContractError(f"features of kind {dtype} are not written here; Feast's own writer takes them")
    return _each_distinct(column, _KINDS[dtype])


def _doubles(column: pa.Array) -> list[bytes]:
    """Nine bytes each; what is no number is null to Feast."""
    values = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    blob = values.astype("<f8").tobytes()
    encoded = [_DOUBLE_TAG + blob[at : at + 8] for at in range(0, len(blob), 8)]
    for row in np.flatnonzero(np.isnan(values)).tolist():
        encoded[row] = _NULL
    return encoded


def _each_distinct(column: pa.Array, encode: Callable[[Any], bytes]) -> list[bytes]:
    coded = column.dictionary_encode(null_encoding="encode")
    distinct = [_NULL if value is None else encode(value) for value in coded.dictionary.to_pylist()]
    return [distinct[code] for code in coded.indices.to_pylist()]


def _text(value: str) -> bytes:
    content = value.encode()
    return b"".join((_STRING_TAG, _varint(len(content)), content))


def _varint(number: int) -> bytes:
    """Seven bits a byte, the lowest first; a negative number as its 64 bits."""
    number &= (1 << 64) - 1
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _require_values(batch: pa.RecordBatch, view: Table, column: str) -> None:
    if pc.sum(pc.is_null(batch.column(column))).as_py():
        raise ContractError(f"{view.name}: column {column} has empty values, none are allowed")


_KINDS: Final[dict[DType, Callable[[Any], bytes]]] = {
    DType.STRING: _text,
    DType.INT32: lambda value: _INT32_TAG + _varint(value),
    DType.INT64: lambda value: _INT64_TAG + _varint(value),
    DType.FLOAT64: lambda value: _DOUBLE_TAG + struct.pack("<d", value),
    DType.BOOL: lambda value: _BOOL_TAG + _varint(value),
}
