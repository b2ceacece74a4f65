"""The models by name: what `train.model` may say."""

from typing import Final

from jobs.models.als import AlsModel
from jobs.models.base import Model
from jobs.models.popularity import PopularityModel
from reco_contracts.errors import ConfigError

MODELS: Final[dict[str, type[Model]]] = {model.name: model for model in (AlsModel, PopularityModel)}
BASELINE: Final = PopularityModel.name


def model_class(name: str) -> type[Model]:
    """The class of a model.

    Raises:
        ConfigError: no model has this name.
    """
    if name not in MODELS:
        raise ConfigError(f"train.model is {name!r}; known models: {', '.join(MODELS)}")
    return MODELS[name]
