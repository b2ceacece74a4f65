"""The client against the real API: typed answers of every call, at once and awaited."""

import httpx
import pytest
from serving_scenes import patient, with_api

from benchmarks.list_folder import FolderShape, home_items, item_id, user_id, write_list_folder
from jobs.operations.start_api import ApiOptions, lookup_api
from jobs.publishing.publish_lists import run
from reco_client import ApiError, AsyncClient, Client, Recommendations
from reco_contracts.settings import Settings
from serving_api.api import LookupApi

NAME = "20240501-001"
SHAPE = FolderShape(users=50, items=100, k=50, has_why=True)


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation."""
    write_list_folder(store_settings.layout, NAME, SHAPE)
    run(NAME, store_settings)
    return patient(store_settings)


def test_every_read_has_its_typed_answer(published: Settings) -> None:
    async def scene(api: LookupApi, _: httpx.AsyncClient) -> None:
        transport = httpx.ASGITransport(app=api)  # type: ignore[arg-type]
        async with AsyncClient("http://reco", transport=transport) as reco:
            full = await reco.recommendations("user-7", limit=5, exclude=["item-50"])
            own = [item_id(item) for item in home_items(7, SHAPE) if item != 50]
            assert (full.ids, full.generation, full.source) == (tuple(own[:5]), NAME, "personal")
            assert full.items[0].reason
            assert full.items[0].reason.seed_item_id == "item-50"
            following = await reco.recommendations("user-7", limit=5, exclude=["item-50"], cursor=full.cursor)
            assert following.ids == tuple(own[5:10])
            lean = await reco.recommendations("user-7", limit=5, exclude=["item-50"], fields=["ids"])
            assert (lean.ids, lean.items) == (full.ids, ())
            page = await reco.page("user-7", ["home", "popular"], limit=3, dedupe=True)
            assert [row.surface for row in page.lists] == ["home", "popular"]
            batch = await reco.batch([user_id(number) for number in range(50)], limit=2, exclude=["a,b"])
            assert [row.user_id for row in batch.lists] == [user_id(number) for number in range(50)]
            assert (await reco.similar("item-3", limit=2)).ids == ("item-4", "item-5")
            assert (await reco.also_bought("item-3", limit=2)).source == "popular"
            assert (await reco.popular(window=7, limit=1)).window_days == 7
            assert (await reco.trending(category="kind-1")).category == "kind-1"
            assert (await reco.new(limit=1)).source == "popular"
            why = await reco.why("user-7", "item-49")
            assert (why.published, why.rank, len(why.contributors)) == (True, 1, 3)
            assert (await reco.user_features("user-7")).status == "not_found"
            assert (await reco.item_features("a/b")).item_id == "a/b"
            assert (await reco.health()).status == "ok"
            assert (await reco.readiness()).generation == NAME

    with_api(published, scene)


def test_a_service_reads_through_a_real_server(published: Settings) -> None:
    environment = {
        "RECO_PROJECT__NAMESPACE": published.project.namespace,
        "RECO_PATHS__DATA": str(published.paths.data),
        "RECO_REDIS__URL": published.redis.url,
        "RECO_SERVING__READ_TIMEOUT_SECONDS": "10",
        "RECO_LOG_LEVEL": "WARNING",
    }
    with (
        lookup_api(published, ApiOptions(port=0, environment=environment)) as api,
        Client(api.url, timeout=30.0) as reco,
    ):
        answer = reco.recommendations("user-7", limit=2)
        assert isinstance(answer, Recommendations)
        assert answer.ids == tuple(item_id(item) for item in home_items(7, SHAPE)[:2])
        assert len(reco.batch(["user-1", "user-2"]).lists) == 2
        with pytest.raises(ApiError, match="invalid_limit") as caught:
            reco.recommendations("user-7", limit=0)
        assert caught.value.request_id
        path = f"{api.url}/v1/users/user-7/recommendations"
        tag = httpx.get(path, timeout=30.0).headers["etag"]
        same = httpx.get(path, headers={"If-None-Match": tag}, timeout=30.0)
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
