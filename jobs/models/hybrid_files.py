"""A hybrid on disk: one file of arrays, LightGBM's own text for each forest, and a folder for each component."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jobs.models.hybrid_features import ItemHabits
from jobs.models.hybrid_rankers import LambdaRanker, LinearBlend
from jobs.models.hybrid_sources import Sources
from jobs.models.hybrid_training import TrainedRanker
from jobs.models.model_files import load_arrays, save_arrays
from reco_contracts.errors import ContractError

_NAME = "hybrid"


def save_hybrid(folder: Path, sources: Sources, rankers: Mapping[str, TrainedRanker], seed: int) -> None:
    """Write a hybrid.

    Args:
        folder: of the model, existing.
        sources: fitted.
        rankers: by kind of list.
        seed: of the model.
    """
    habits, kinds = sources.habits, {}
    arrays = {"users": habits.users, "repeat_share": habits.repeat_share}
    for kind, trained in rankers.items():
        arrays[_weights(kind)] = trained.blend.weights
        kinds[kind] = {"report": trained.report, "has_forest": isinstance(trained.ranker, LambdaRanker)}
        if isinstance(trained.ranker, LambdaRanker):
            trained.ranker.booster.save_model(str(_forest_file(folder, kind)))
    save_arrays(folder, _NAME, arrays, seed=seed, refused=sources.refused, kinds=kinds)
    for name, model in sources.active.items():
        (folder / name).mkdir()
        model.save(folder / name)


def load_seed(folder: Path) -> int:
    """The seed of a saved hybrid.

    Raises:
        ContractError: the folder does not hold one.
    """
    return int(load_arrays(folder, _NAME, ())[1]["seed"])


def load_hybrid(folder: Path, sources: Sources, threads: int) -> dict[str, TrainedRanker]:
    """Read what `save_hybrid` wrote.

    Args:
        folder: of the model.
        sources: made with the parameters of the saved ones; they learn what was saved.
        threads: of the components.

    Returns:
        The rankers by kind of list.

    Raises:
        ContractError: a file is missing or cut off, or a folder does not hold its component.
    """
    kinds: dict[str, Any] = load_arrays(folder, _NAME, ())[1]["kinds"]
    arrays, state = load_arrays(folder, _NAME, ("users", "repeat_share", *map(_weights, kinds)))
    sources.habits = ItemHabits(arrays["users"], arrays["repeat_share"])
    sources.refused = tuple(state["refused"])
    for name, model in sources.active.items():
        sources.components[name] = type(model).load(folder / name, model.parameters, threads)
    rankers = {}
    for kind, described in kinds.items():
        blend = LinearBlend(arrays[_weights(kind)].astype(np.float32))
        ranker = _load_forest(_forest_file(folder, kind)) if described["has_forest"] else blend
        rankers[kind] = TrainedRanker(ranker, blend, described["report"])
    return rankers


def _load_forest(path: Path) -> LambdaRanker:
    import lightgbm

    if not path.is_file():
        raise ContractError(f"{path} is not there, so its hybrid is not complete; train again")
    try:
        return LambdaRanker(lightgbm.Booster(model_file=str(path)))
    except lightgbm.basic.LightGBMError as error:
        raise ContractError(f"{path} is no complete forest ({error}); train again") from error


def _weights(kind: str) -> str:
    return f"weights_{kind}"


def _forest_file(folder: Path, kind: str) -> Path:
    return folder / f"forest_{kind}.txt"
