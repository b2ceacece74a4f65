"""Feast's Redis format, read without Feast: keys, hash fields and values.

Feast keeps one hash an entity. Its key is the serialized entity (version 3) followed
by the project's name; a field is the murmur hash of `view:feature`; a value is the
protobuf message `feast.types.Value`. A test compares all three with Feast itself.
"""

import struct
from datetime import UTC, datetime
from typing import Final

import mmh3

from reco_contracts.errors import ContractError

FeatureScalar = str | int | float | bool | bytes
FeatureValue = FeatureScalar | datetime | list[FeatureScalar] | list[datetime] | None

_STRING: Final = 2  # feast.types.ValueType.STRING
_U32: Final = struct.Struct("<I")
_DOUBLE: Final = struct.Struct("<d")
_FLOAT: Final = struct.Struct("<f")

# feast.types.Value: field number -> kind; a list field is a message whose field 1 repeats.
_SCALARS: Final = {1: "bytes", 2: "string", 3: "int", 4: "int", 5: "double", 6: "float", 7: "bool", 8: "time"}
_LISTS: Final = {11: "bytes", 12: "string", 13: "int", 14: "int", 15: "double", 16: "float", 17: "bool", 18: "time"}
_NULL: Final = 19

# Protobuf wire types.
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


def entity_key(project: str, join_key: str, identifier: str) -> bytes:
    """The Redis key of an entity with one string join key.

    Args:
        project: Feast's project name, the namespace.
        join_key: the column that names the entity, such as `user_id`.
        identifier: its value.
    """
    name, value = join_key.encode(), identifier.encode()
    return b"".join(
        (
            _U32.pack(1),  # number of join keys
            _U32.pack(_STRING) + _U32.pack(len(name)) + name,
            _U32.pack(_STRING) + _U32.pack(len(value)) + value,
            project.encode(),
        )
    )


def feature_field(view: str, feature: str) -> bytes:
    """The hash field of one feature."""
    return _U32.pack(mmh3.hash(f"{view}:{feature}", signed=False))


def timestamp_field(view: str) -> bytes:
    """The hash field of the time of a view's values, a `google.protobuf.Timestamp`."""
    return f"_ts:{view}".encode()


def decode_timestamp(value: bytes) -> datetime:
    """Read the field that `timestamp_field` names; UTC.

    Raises:
        ContractError: the bytes are not such a message.
    """
    fields = dict(_fields(value))
    seconds, nanos = fields.get(1, 0), fields.get(2, 0)
    if not isinstance(seconds, int) or not isinstance(nanos, int):
        raise ContractError(f"a protobuf timestamp expected, got {value[:40]!r}")
    return _time(_signed(seconds)).replace(microsecond=nanos // 1000 % 1_000_000)


def decode_value(value: bytes | None) -> FeatureValue:
    """Read one feature.

    Args:
        value: the hash field's value; None where the hash has no such field.

    Returns:
        The value; None where it is absent, unset or null. Times are UTC.

    Raises:
        ContractError: the bytes are not a `feast.types.Value`, or of a kind that is not read here.
    """
    if not value:
        return None
    number, content = _fields(value)[-1]  # of a oneof the last one counts
    if number in _SCALARS:
        return _scalar(_SCALARS[number], content)
    if number in _LISTS and isinstance(content, bytes):
        return _repeated(_LISTS[number], content)
    if number == _NULL:
        return None
    raise ContractError(f"feature value: field {number} of feast.types.Value is not read here")


def _scalar(kind: str, content: int | bytes) -> FeatureScalar | datetime:
    if isinstance(content, int):
        if kind == "bool":
            return bool(content)
        if kind in ("int", "time"):
            return _time(_signed(content)) if kind == "time" else _signed(content)
    elif kind == "string":
        return _text(content)
    elif kind == "bytes":
        return content
    elif (kind, len(content)) in (("double", 8), ("float", 4)):
        number: float = (_DOUBLE if kind == "double" else _FLOAT).unpack(content)[0]
        return number
    raise ContractError(f"feature value: {kind} expected, got {content!r}")


def _repeated(kind: str, content: bytes) -> list[FeatureScalar] | list[datetime]:
    """Read field 1 of a list message; numbers may be packed into one field."""
    values: list[FeatureScalar | datetime] = []
    for _, element in _fields(content):
        if isinstance(element, bytes) and kind not in ("string", "bytes"):
            values.extend(_packed(kind, element))
        else:
            values.append(_scalar(kind, element))
    return values  # type: ignore[return-value]  # one kind a list


def _packed(kind: str, content: bytes) -> list[FeatureScalar | datetime]:
    width = {"double": 8, "float": 4}.get(kind)
    if width:
        return [_scalar(kind, content[at : at + width]) for at in range(0, len(content), width)]
    values, at = [], 0
    while at < len(content):
        number, at = _varint(content, at)
        values.append(_scalar(kind, number))
    return values


def _fields(message: bytes) -> list[tuple[int, int | bytes]]:
    """Split a protobuf message into (field number, varint or bytes)."""
    fields: list[tuple[int, int | bytes]] = []
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if wire == _VARINT:
            number, at = _varint(message, at)
            fields.append((tag >> 3, number))
            continue
        if wire == _LENGTH:
            width, at = _varint(message, at)
        elif wire in (_FIXED64, _FIXED32):
            width = 8 if wire == _FIXED64 else 4
        else:
            raise ContractError(f"protobuf: wire type {wire} is not known")
        if at + width > len(message):
            raise ContractError("protobuf: the message is cut off")
        fields.append((tag >> 3, message[at : at + width]))
        at += width
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        number |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return number, at
        shift += 7
    raise ContractError("protobuf: the message is cut off")


def _signed(number: int) -> int:
    return number - (1 << 64) if number >= 1 << 63 else number


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ContractError(f"feature value: text in UTF-8 expected, got {content[:40]!r}") from error


def _time(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise ContractError(f"feature value: a time in seconds expected, got {seconds}") from error
