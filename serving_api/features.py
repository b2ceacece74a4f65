"""The routes that give features, read from Feast's own hashes."""

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reco_contracts.columns import FEATURE_TIMESTAMP, ITEM_FEATURES, USER_FEATURES, Table
from reco_contracts.errors import ContractError, StoreUnavailableError
from reco_contracts.feast_wire import decode_timestamp, decode_value, entity_key, feature_field, timestamp_field
from serving_api.answers import Answer, json_answer
from serving_api.parameters import read_id, read_query
from serving_api.request import Request

if TYPE_CHECKING:
    from serving_api.api import LookupApi


async def user_features(api: "LookupApi", request: Request) -> Answer:
    """The features of a user; see `_features`."""
    return await _features(api, USER_FEATURES, request)


async def item_features(api: "LookupApi", request: Request) -> Answer:
    """The features of an item; see `_features`."""
    return await _features(api, ITEM_FEATURES, request)


async def _features(api: "LookupApi", view: Table, request: Request) -> Answer:
    """One entity's features: one HMGET.

    An unknown entity, a dead store and values that cannot be read answer with status 200 and nulls;
    `status` tells the first from the others.

    Raises:
        BadRequestError: the id is wrong, or there are parameters.
    """
    read_query(request.query_string, ())
    join_key = view.key[0]
    identifier = read_id(request.segment, join_key)
    names = [name for name in view.column_names if name not in (join_key, FEATURE_TIMESTAMP)]
    fields = [timestamp_field(view.name), *(feature_field(view.name, name) for name in names)]
    key = entity_key(api.live.keys.namespace, join_key, identifier)
    status, as_of, values = "unavailable", None, dict.fromkeys(names)
    try:
        time, *stored = await api.live.pipe.send("HMGET", key, *fields)
        decoded = {name: _json_value(decode_value(value)) for name, value in zip(names, stored, strict=True)}
        as_of = decode_timestamp(time).isoformat() if time is not None else None
        status, values = "found" if time is not None else "not_found", decoded
    except (StoreUnavailableError, ContractError):
        pass
    content = {join_key: identifier, "status": status, "as_of": as_of, "features": values}
    return json_answer({"request_id": request.request_id, **content})


def _json_value(value: Any) -> Any:
    """JSON has no NaN, no infinity and no times."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    return [_json_value(element) for element in value] if isinstance(value, list) else value
