"""Folding in for the live generation: the store says which one that is."""

from datetime import UTC, datetime

import httpx
import numpy as np
import pytest
import redis
from serving_scenes import items_of, with_api

from benchmarks.list_folder import FolderShape, item_id, write_list_folder
from jobs.draining.publish_folded import publish_folded
from jobs.publishing import publish_lists
from jobs.publishing.generation_store import read_pointer
from jobs.ranking import fold_in_users
from jobs.ranking.save_lists import ListBlock, save_lists
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.folded_codec import folded_field
from reco_contracts.reasons import Reason
from reco_contracts.settings import Settings
from serving_api.api import LookupApi

NOW = datetime(2026, 4, 1, tzinfo=UTC)
NAME, NEXT = "20260401-001", "20260402-001"
FOLDED = [17, 3, 11]
USER = "/v1/users/user-1/recommendations"


def fold(store: redis.Redis, settings: Settings, user: str, items: list[int]) -> None:
    """Publish a hand-made list of one user into the live generation."""
    row, width = np.array([items], np.int32), len(items)
    scores = np.linspace(1, 0.5, width, dtype=np.float32)[None]
    reasons = np.full((1, width), Reason.BECAUSE_BOUGHT, np.uint8)
    path = settings.layout.overlay_file(NAME, "test")
    save_lists(path, [ListBlock([user], row, scores, reasons, np.zeros((1, width), np.int32))])
    manifest = read_pointer(store, settings.keys).live
    assert manifest is not None
    assert publish_folded(store, settings.keys, manifest, path, NOW, 60) == 1


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation that is live."""
    write_list_folder(store_settings.layout, NAME, FolderShape(users=5, items=30, k=5))
    publish_lists.run(NAME, store_settings)
    return store_settings


def test_a_folded_list_takes_the_place_of_the_published_one_everywhere(store: redis.Redis, published: Settings) -> None:
    expected = [item_id(item) for item in FOLDED]

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        others = items_of(await client.get("/v1/users/user-2/recommendations"))
        fold(store, published, "user-1", FOLDED)
        fold(store, published, "newcomer", FOLDED)
        for path in (USER, "/v1/users/newcomer/recommendations"):
            answer = await client.get(path)
            assert items_of(answer) == expected
            assert answer.json()["source"] == "personal"
        page = (await client.get("/v1/users/user-1/page?surfaces=home,popular")).json()
        assert [item["item_id"] for item in page["lists"][0]["items"]] == expected
        batch = await client.post("/v1/recommendations:batch", json={"users": ["user-1"]})
        assert [item["item_id"] for item in batch.json()["lists"][0]["items"]] == expected
        assert items_of(await client.get("/v1/users/user-2/recommendations")) == others

    with_api(published, scene)


def test_a_folded_list_ends_with_its_generation(store: redis.Redis, published: Settings) -> None:
    fold(store, published, "user-1", FOLDED)
    write_list_folder(published.layout, NEXT, FolderShape(users=5, items=30, k=5))
    publish_lists.run(NEXT, published)

    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        assert items_of(await client.get(USER)) != [item_id(item) for item in FOLDED]

    with_api(published, scene)


def test_a_folded_list_that_cannot_be_read_leaves_the_published_one(store: redis.Redis, published: Settings) -> None:
    async def scene(api: LookupApi, client: httpx.AsyncClient) -> None:
        before = items_of(await client.get(USER))
        for value in (b"", b"?" * 40, b"\x01" * 9):
            store.hset(published.keys.recent("user-1"), folded_field("home"), value)
            assert items_of(await client.get(USER)) == before

    with_api(published, scene)


def test_without_a_live_generation_one_has_to_be_named(store_settings: Settings) -> None:
    with pytest.raises(EmptyPartitionError, match="no generation is live"):
        fold_in_users.run(store_settings, NOW, users=["user-1"])


def test_the_live_generation_is_taken_with_the_model_that_ranked_it(store_settings: Settings) -> None:
    write_list_folder(store_settings.layout, "20260401-001", FolderShape(users=3, items=20, k=5))
    publish_lists.run("20260401-001", store_settings)
    # These lists were made by a formula: there is no such model, and the message names it.
    with pytest.raises(EmptyPartitionError, match=r"is not in .*models"):
        fold_in_users.run(store_settings, NOW, users=["user-1"])
