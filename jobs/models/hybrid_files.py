"""A hybrid's rankers on disk: one JSON file, and LightGBM's own text for each forest."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from jobs.models.hybrid_rankers import LambdaRanker, LinearBlend
from jobs.models.hybrid_training import TrainedRanker
from reco_contracts.errors import ContractError

_FILE: Final = "hybrid.json"


def save_rankers(folder: Path, rankers: Mapping[str, TrainedRanker], state: Mapping[str, Any]) -> None:
    """Write rankers into an existing folder.

    Args:
        folder: of the model.
        rankers: by kind of list.
        state: plain values that are kept with them.
    """
    described = {}
    for kind, trained in rankers.items():
        has_forest = isinstance(trained.ranker, LambdaRanker)
        described[kind] = {
            "weights": trained.blend.weights.tolist(),
            "report": trained.report,
            "has_forest": has_forest,
        }
        if isinstance(trained.ranker, LambdaRanker):
            trained.ranker.booster.save_model(str(_forest_file(folder, kind)))
    (folder / _FILE).write_bytes(msgspec.json.encode({"rankers": described, "state": state}))


def load_rankers(folder: Path) -> tuple[dict[str, TrainedRanker], dict[str, Any]]:
    """Read what `save_rankers` wrote: the rankers, and the state.

    Raises:
        ContractError: a file is missing, or cut off.
    """
    try:
        content = msgspec.json.decode((folder / _FILE).read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise ContractError(f"{folder} is no complete hybrid model: {error}; train again") from error
    rankers = {}
    for kind, described in content["rankers"].items():
        blend = LinearBlend(np.array(described["weights"], dtype=np.float32))
        ranker = _load_forest(_forest_file(folder, kind)) if described["has_forest"] else blend
        rankers[kind] = TrainedRanker(ranker, blend, described["report"])
    return rankers, content["state"]


def _load_forest(path: Path) -> LambdaRanker:
    import lightgbm

    if not path.is_file():
        raise ContractError(f"{path} is not there, so its hybrid is not complete; train again")
    return LambdaRanker(lightgbm.Booster(model_file=str(path)))


def _forest_file(folder: Path, kind: str) -> Path:
    return folder / f"forest_{kind}.txt"
