"""Rollback: one step back, only to what is whole, and never a blind flip-flop."""

from datetime import date

import pytest
import redis
from serving_scenes import ask, generation_keys

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing.publish_lists import run as publish
from jobs.publishing.rollback_generation import run as roll_back
from reco_contracts.artifacts import released_model
from reco_contracts.errors import PublishError
from reco_contracts.settings import Settings

NAMES = ("20240501-001", "20240502-001", "20240503-001")
USER = "/v1/users/user-3/recommendations"


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """Two generations, the second live; a third has files only."""
    for day, name in enumerate(NAMES, start=1):
        shape = FolderShape(users=300, shift=day, run_date=date(2024, 5, day), model_version=f"model-{day}")
        write_list_folder(store_settings.layout, name, shape)
    publish(NAMES[0], store_settings)
    publish(NAMES[1], store_settings)
    return store_settings


def test_readers_go_back_and_the_released_model_with_them(published: Settings, store: redis.Redis) -> None:
    store.expire(published.keys.catalogue(NAMES[0], 0), 600)
    summary = roll_back(published)
    assert (summary["generation"], summary["abandoned_generation"]) == NAMES[:2]
    assert ask(published, USER)[0].headers["x-reco-generation"] == NAMES[0]
    assert released_model(published.layout) == "model-1"
    assert store.ttl(published.keys.catalogue(NAMES[0], 0)) > 13 * 86_400  # its age does not count


def test_a_second_rollback_does_not_return_to_what_was_abandoned(published: Settings) -> None:
    roll_back(published)
    with pytest.raises(PublishError, match="nothing is behind it"):
        roll_back(published)
    assert ask(published, USER)[0].headers["x-reco-generation"] == NAMES[0]


def test_the_abandoned_generation_is_the_first_to_go(published: Settings, store: redis.Redis) -> None:
    roll_back(published)
    assert generation_keys(store, published, NAMES[1]) > 0
    summary = publish(NAMES[2], published)
    assert summary["unlinked"] == [NAMES[1]]
    assert summary["previous_generation"] == NAMES[0]
    assert generation_keys(store, published, NAMES[1]) == 0


def test_the_abandoned_generation_can_be_published_again(published: Settings) -> None:
    roll_back(published)
    assert publish(NAMES[1], published)["state"] == "published"
    assert roll_back(published)["generation"] == NAMES[0]


def test_there_is_nothing_to_go_back_to_in_an_empty_store_or_after_the_first_generation(
    store_settings: Settings,
) -> None:
    with pytest.raises(PublishError, match="nothing is published"):
        roll_back(store_settings)
    write_list_folder(store_settings.layout, NAMES[0], FolderShape())
    publish(NAMES[0], store_settings)
    with pytest.raises(PublishError, match="nothing is behind it"):
        roll_back(store_settings)


@pytest.mark.parametrize("lost", ["catalogue", "lists", "record"])
def test_a_previous_generation_that_is_not_whole_is_refused(published: Settings, store: redis.Redis, lost: str) -> None:
    keys = published.keys
    if lost == "catalogue":
        store.delete(keys.catalogue(NAMES[0], 0))
    elif lost == "lists":
        store.delete(*(keys.lists(NAMES[0], "home", "default", bucket) for bucket in range(2)))
    else:
        store.hdel(keys.generations(), NAMES[0])
    with pytest.raises(PublishError, match=f"{NAMES[1]} stays live"):
        roll_back(published)
    assert ask(published, USER)[0].headers["x-reco-generation"] == NAMES[1]
    assert released_model(published.layout) == "model-2"


def test_an_erased_user_does_not_stand_in_the_way(published: Settings, store: redis.Redis) -> None:
    keys = published.keys
    for bucket in range(5):
        key = keys.lists(NAMES[0], "home", "default", bucket)
        if store.hdel(key, "user-3"):
            break
    assert roll_back(published)["generation"] == NAMES[0]


@pytest.mark.parametrize(("surface", "bucket"), [("home", 1), ("popular", 0)])
def test_many_erased_users_hide_no_lost_bucket(
    published: Settings, store: redis.Redis, surface: str, bucket: int
) -> None:
    store.sadd(published.keys.forgotten(), *(f"tombstone-{number}" for number in range(400)))
    assert store.delete(published.keys.lists(NAMES[0], surface, "default", bucket))
    with pytest.raises(PublishError, match=f"{NAMES[1]} stays live"):
        roll_back(published)
