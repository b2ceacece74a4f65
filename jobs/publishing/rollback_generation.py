"""Make the previous generation live again."""

from datetime import UTC, datetime
from typing import Any

from jobs.publishing.connect_store import Store, open_store
from jobs.publishing.generation_store import (
    Pointer,
    find_losses,
    known_generations,
    move_pointer,
    read_pointer,
    renew_generation,
)
from jobs.publishing.plan_publication import expiry
from reco_contracts.artifacts import set_released_model
from reco_contracts.errors import PublishError
from reco_contracts.manifests import GenerationManifest
from reco_contracts.redis_keys import RedisKeys
from reco_contracts.settings import Settings


def run(settings: Settings) -> dict[str, Any]:
    """Move the pointer to the previous generation and give that one its full lifetime again.

    Afterwards there is no previous one, so a second rollback is refused instead of
    returning to what was just abandoned. The abandoned generation stays in the store
    until the next publish, which unlinks it first.

    Args:
        settings: where the store and the data are.

    Returns:
        Summary: the live and the abandoned generation, and the released model.

    Raises:
        PublishError: there is nothing to go back to, or it is not complete any more.
        StoreUnavailableError: the store cannot be reached.
    """
    with open_store(settings.redis) as store:
        live, target = roll_back(store, settings.keys)
        renew_generation(store, settings.keys, target, expiry(settings, datetime.now(UTC)))
    set_released_model(settings.layout, target.model_version)
    return {
        "generation": target.generation,
        "run_date": target.run_date,
        "released_model": target.model_version,
        "abandoned_generation": live.generation,
    }


def roll_back(store: Store, keys: RedisKeys) -> tuple[GenerationManifest, GenerationManifest]:
    """Check the previous generation and move the pointer to it.

    Returns:
        The abandoned generation and the one that is live now.

    Raises:
        PublishError: as in `run`.
    """
    seen = read_pointer(store, keys)
    if seen.live is None:
        raise PublishError(f"nothing is published under {keys.current()}, so there is nothing to go back to")
    if seen.previous is None:
        raise PublishError(
            f"{seen.live.generation} is live and nothing is behind it: it is the first one, or the last step was a "
            "rollback or a publish that did not finish. To release older lists: `reco publish-lists -g NAME --force`."
        )
    target = seen.previous
    losses = find_losses(store, keys, target)
    if target.generation not in known_generations(store, keys) or losses:
        missing = "; ".join(losses) or "it is not recorded any more"
        raise PublishError(
            f"{target.generation} is not complete in the store: {missing}. {seen.live.generation} stays live. "
            f"If its files are still there: `reco publish-lists -g {target.generation} --force`."
        )
    move_pointer(store, keys, seen, Pointer(target, None))
    return seen.live, target
