"""What most people would write: FastAPI, a pydantic model, redis-py; each user's list is a JSON string in the store."""

import os

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from redis.asyncio import Redis

PREFIX = "plain:"
app = FastAPI()
_store = Redis.from_url(os.environ.get("RECO_REDIS__URL", "redis://127.0.0.1:6379/0"), socket_timeout=5.0)


class Reason(BaseModel):
    """Why an item is in the list."""

    code: str
    text: str
    seed_item_id: str | None = None


class Item(BaseModel):
    """One item."""

    item_id: str
    rank: int
    score: float
    title: str
    categories: list[str]
    source: str
    reason: Reason


class UserList(BaseModel):
    """A user's list."""

    user_id: str
    generation: str
    source: str
    items: list[Item]


@app.get("/healthz")
async def health() -> dict[str, str]:
    """Whether it runs."""
    return {"status": "ok"}


@app.get("/users/{user_id}/recommendations")
async def recommend(user_id: str, limit: int = 20) -> UserList:
    """A user's list."""
    stored = await _store.get(PREFIX + user_id)
    if stored is None:
        raise HTTPException(404, "there is no such user")
    found = UserList.model_validate_json(stored)
    found.items = found.items[:limit]
    return found
