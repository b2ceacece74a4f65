"""Two at work at once: whoever loses changes nothing, and what is live stays whole."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
import redis

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing import publish_lists, rollback_generation
from jobs.publishing.generation_store import find_losses, read_pointer
from jobs.publishing.publish_lists import run as publish
from jobs.publishing.rollback_generation import run as roll_back
from reco_contracts.errors import PublishError
from reco_contracts.settings import Settings

NAMES = ("20240501-001", "20240502-001", "20240503-001", "20240503-002")


@pytest.fixture
def published(store_settings: Settings) -> Settings:
    """Two generations, the second live; two more have files only."""
    for day, name in enumerate(NAMES, start=1):
        shape = FolderShape(users=300, shift=day, run_date=date(2024, 5, min(day, 3)))
        write_list_folder(store_settings.layout, name, shape)
    publish(NAMES[0], store_settings)
    publish(NAMES[1], store_settings)
    return store_settings


@pytest.fixture
def just_before(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Does something once, at the moment when a module is about to call one of its functions."""

    def arrange(module: Any, name: str, action: Callable[[], Any]) -> None:
        real = getattr(module, name)

        def interrupted(*arguments: Any, **options: Any) -> Any:
            monkeypatch.setattr(module, name, real)
            action()
            return real(*arguments, **options)

        monkeypatch.setattr(module, name, interrupted)

    return arrange


def live_generation(store: redis.Redis, settings: Settings) -> str:
    """The name of the live generation, which has lost nothing."""
    live = read_pointer(store, settings.keys).live
    assert live
    assert find_losses(store, settings.keys, live) == []
    return live.generation


@pytest.mark.parametrize("has_previous", [True, False])
@pytest.mark.parametrize(
    "moment", ["_leaving", "claim_pointer", "_make_room", "record_generation", "check_catalogue", "move_pointer"]
)
def test_what_another_publisher_made_live_is_not_taken_for_a_leftover(
    published: Settings, store: redis.Redis, just_before: Callable[..., None], moment: str, has_previous: bool
) -> None:
    if not has_previous:
        roll_back(published)
    just_before(publish_lists, moment, lambda: publish(NAMES[3], published))
    with pytest.raises(PublishError, match=r"came in between|read back"):
        publish(NAMES[2], published)
    assert live_generation(store, published) == NAMES[3]


@pytest.mark.parametrize("moment", ["find_losses", "known_generations", "move_pointer"])
def test_a_rollback_never_goes_to_what_a_publisher_is_removing(
    published: Settings, store: redis.Redis, just_before: Callable[..., None], moment: str
) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    def publish_half() -> None:
        just_before(publish_lists, "record_generation", die)
        with pytest.raises(KeyboardInterrupt):
            publish(NAMES[2], published)

    just_before(rollback_generation, moment, publish_half)
    with pytest.raises(PublishError):
        roll_back(published)
    assert live_generation(store, published) == NAMES[1]
    assert publish(NAMES[2], published)["state"] == "published"


def test_a_publisher_does_not_undo_a_rollback(
    published: Settings, store: redis.Redis, just_before: Callable[..., None]
) -> None:
    just_before(publish_lists, "claim_pointer", lambda: roll_back(published))
    with pytest.raises(PublishError, match="came in between"):
        publish(NAMES[2], published)
    assert live_generation(store, published) == NAMES[0]
