"""The models by name: what `train.model` may say."""

from typing import Any, Final

from jobs.models.als import AlsModel
from jobs.models.base import Model
from jobs.models.content import ContentModel
from jobs.models.ease import EaseModel
from jobs.models.hybrid import HybridModel
from jobs.models.item_neighbours import ItemNeighboursModel
from jobs.models.popularity import PopularityModel
from jobs.models.pure_svd import PureSvdModel
from jobs.models.spectral import SpectralModel
from jobs.models.user_neighbours import UserNeighboursModel
from reco_contracts.errors import ConfigError
from reco_contracts.train_settings import TrainSection

_FAMILY: Final[tuple[type[Model], ...]] = (
    PopularityModel,
    ItemNeighboursModel,
    UserNeighboursModel,
    AlsModel,
    PureSvdModel,
    SpectralModel,
    EaseModel,
    ContentModel,
    HybridModel,
)
MODELS: Final[dict[str, type[Model]]] = {model.name: model for model in _FAMILY}
BASELINE: Final = PopularityModel.name


def default_parameters(name: str, settings: TrainSection) -> dict[str, Any]:
    """The first value of each entry of a model's search space."""
    return {key: values[0] for key, values in model_class(name).search_space(settings).items()}


def component_names(name: str, settings: TrainSection) -> tuple[str, ...]:
    """The models that a model is made of; the search tunes them first, each on its own."""
    return settings.hybrid.components if name == HybridModel.name else ()


def model_class(name: str) -> type[Model]:
    """The class of a model.

    Raises:
        ConfigError: no model has this name.
    """
    if name not in MODELS:
        raise ConfigError(f"train.model is {name!r}; known models: {', '.join(MODELS)}")
    return MODELS[name]
