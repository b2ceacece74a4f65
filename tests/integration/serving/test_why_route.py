"""The why route: what was published with a list is told, and where nothing was, that is told too."""

from datetime import date

import msgspec
import pytest
import redis
from serving_scenes import ask, generation_keys, settings_for, with_api

from benchmarks.list_folder import FolderShape, contributors, home_items, item_id, user_id, write_list_folder
from jobs.publishing.publish_lists import renew, run
from reco_contracts.errors import PublishError
from reco_contracts.manifests import decode_generation_manifest
from reco_contracts.reasons import REASONS, Reason
from reco_contracts.redis_keys import list_bucket
from reco_contracts.settings import Settings
from reco_contracts.why_codec import HEAD
from serving_api import schemas

NAME, NEXT = "20240501-001", "20240502-001"
SHAPE = FolderShape(users=70, items=100, k=30, has_why=True)


def path_of(item: int, user: str = "user-7") -> str:
    return f"/v1/users/{user}/recommendations/{item_id(item)}/why"


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """One generation with contributors."""
    write_list_folder(store_settings.layout, NAME, SHAPE)
    run(NAME, store_settings)
    return store_settings


def test_the_published_contributors_are_told_with_titles(published: Settings) -> None:
    listed = home_items(7, SHAPE)
    for rank in (1, HEAD):
        item = listed[rank - 1]
        (response,) = ask(published, path_of(item))
        content = response.json()
        assert response.headers["x-reco-generation"] == NAME
        assert msgspec.json.decode(response.content, type=schemas.Why).published
        assert set(content) == set(schemas.Why.__struct_fields__)
        assert (content["rank"], content["message"]) == (rank, None)
        seed = (item + 1) % SHAPE.items
        template = REASONS[Reason.BECAUSE_OF_HISTORY].template
        assert content["reason"] == {
            "code": "because_of_history",
            "text": template.format(seed=f'{NAME} "Title" nº {seed}'),
            "seed_item_id": item_id(seed),
        }
        assert content["contributors"] == [
            {
                "signal": "own_item",
                "share": share,
                "seed_item_id": item_id(seed),
                "seed_title": f'{NAME} "Title" nº {seed}',
            }
            for seed, share in contributors(item, SHAPE)
        ]


def test_behind_the_published_head_the_reason_is_told_and_that_there_is_no_more(published: Settings) -> None:
    (response,) = ask(published, path_of(home_items(7, SHAPE)[HEAD]))
    content = response.json()
    assert (response.status_code, content["published"], content["rank"]) == (200, False, HEAD + 1)
    assert content["reason"]["code"] == "because_of_history"
    assert content["contributors"] == []
    assert "reco explain" in content["message"]


@pytest.mark.parametrize("path", [path_of(3, "stranger"), path_of(99), path_of(777)])
def test_what_is_not_published_is_said_with_status_200(published: Settings, path: str) -> None:
    (response,) = ask(published, path)
    content = response.json()
    assert (response.status_code, content["published"], content["rank"], content["reason"]) == (200, False, None, None)
    assert "reco explain" in content["message"]


def test_ids_with_a_slash_and_wrong_arguments(published: Settings) -> None:
    slashed, unknown, bad = ask(
        published, path_of(3, "a%2Fb"), f"{path_of(3)}?surface=attic", "/v1/users/u/recommendations/i/whence"
    )
    assert slashed.json()["user_id"] == "a/b"
    assert (unknown.status_code, unknown.json()["error"]["field"]) == (400, "surface")
    assert bad.status_code == 404


def test_a_dead_store_is_said_too(published: Settings, store: redis.Redis) -> None:
    async def scene(api, client):
        await api.live.pipe.close()
        return await client.get(path_of(home_items(7, SHAPE)[0]))

    content = with_api(published, scene).json()
    assert content["published"] is False
    assert "store" in content["message"]


def test_contributors_are_kept_compactly_counted_renewed_and_unlinked(published: Settings, store: redis.Redis) -> None:
    manifest = decode_generation_manifest(store.hget(published.keys.current(), "manifest"))
    size = manifest.why["home"]["default"]
    assert (size.subjects, size.buckets, size.k) == (70, 2, HEAD)
    keys = [published.keys.why(NAME, "home", "default", bucket) for bucket in range(size.buckets)]
    assert {store.object("encoding", key) for key in keys} == {b"listpack"}
    assert sum(store.hlen(key) for key in keys) == 70
    store.expire(keys[0], 60)
    renew(published)
    assert store.ttl(keys[0]) > 86_400
    write_list_folder(published.layout, NEXT, FolderShape(users=70, items=100, k=30, run_date=date(2024, 5, 2)))
    run(NEXT, published)
    run(NEXT, published)
    third = "20240503-001"
    write_list_folder(published.layout, third, FolderShape(users=70, items=100, k=30, run_date=date(2024, 5, 3)))
    run(third, published)
    assert generation_keys(store, published, NAME) == 0


def test_lost_contributors_are_written_again(published: Settings, store: redis.Redis) -> None:
    key = published.keys.why(NAME, "home", "default", list_bucket(user_id(7), 2))
    store.unlink(key)
    summary = run(NAME, published)
    assert summary["state"] == "published"
    assert store.hexists(key, user_id(7))


def test_another_folder_of_the_same_name_is_seen_by_its_contributors(published: Settings, store: redis.Redis) -> None:
    key = published.keys.why(NAME, "home", "default", list_bucket(user_id(0), 2))
    store.hset(key, user_id(0), b"something else")
    with pytest.raises(PublishError, match="other lists"):
        run(NAME, published)


def test_they_can_be_left_out(store_settings: Settings, store: redis.Redis) -> None:
    settings = settings_for(
        store_settings.redis.url,
        store_settings.layout.root,
        project={"namespace": store_settings.project.namespace},
        publish={"why": False},
    )
    write_list_folder(settings.layout, NAME, SHAPE)
    assert run(NAME, settings)["why_bytes"] == 0
    (response,) = ask(settings, path_of(home_items(7, SHAPE)[0]))
    assert (response.json()["published"], response.json()["rank"]) == (False, 1)
    assert not list(store.scan_iter(f"{settings.project.namespace}:why:*"))
