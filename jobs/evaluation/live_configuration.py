"""The configuration that is live, refitted before the cut like the candidate that wants its place."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import msgspec

from jobs.evaluation.ranking_task import RankingTask
from jobs.evaluation.score_models import fit_model
from jobs.models.base import Model
from jobs.models.table import MODELS
from reco_contracts.artifacts import Layout, complete_versions, read_model_manifest, released_model
from reco_contracts.errors import RecoError
from reco_contracts.settings import Settings

LIVE: Final = "live"


class Configuration(NamedTuple):
    """A kind of model with its parameters.

    Attributes:
        model: name in the table of models.
        parameters: what it is fitted with.
        model_version: the version that was trained with them; None for a candidate.
    """

    model: str
    parameters: Mapping[str, Any]
    model_version: str | None = None

    def is_same(self, model: str, parameters: Mapping[str, Any]) -> bool:
        """Whether a fit would give the same model."""
        return self.model == model and dict(self.parameters) == dict(parameters)


def configuration_of(layout: Layout, model_version: str) -> Configuration:
    """The configuration of a version.

    Raises:
        EmptyPartitionError: there is no such complete version.
    """
    manifest = read_model_manifest(layout, model_version)
    return Configuration(manifest.model, manifest.parameters, model_version)


def live_configuration(layout: Layout) -> Configuration | None:
    """The configuration of the released version; None before the first release, or where its folder is gone."""
    released = released_model(layout)
    return configuration_of(layout, released) if released in complete_versions(layout.models) else None


def refit_live(
    live: Configuration | None, chosen: Mapping[str, Mapping[str, Any]], task: RankingTask, settings: Settings
) -> tuple[dict[str, Model], dict[str, Any] | None]:
    """Fit the live configuration on a task, if there is one and no chosen one equals it.

    Args:
        live: what is live.
        chosen: parameters of the models that are fitted anyway.
        task: the test period.
        settings: [train].

    Returns:
        The fitted model under the label "live", or nothing; and what the report says of it: under
        which `label` its scores stand, None and a `problem` where it can no longer be fitted.
    """
    if live is None:
        return {}, None
    said: dict[str, Any] = {
        "model_version": live.model_version,
        "model": live.model,
        "parameters": dict(live.parameters),
    }
    same = [name for name, parameters in chosen.items() if live.is_same(name, parameters)]
    if same:
        return {}, said | {"label": same[0]}
    if live.model not in MODELS:
        return {}, said | {"label": None, "problem": f"there is no model {live.model!r} any more"}
    try:
        return {LIVE: fit_model(live.model, live.parameters, task, settings)}, said | {"label": LIVE}
    except (RecoError, msgspec.ValidationError, KeyError, TypeError) as error:
        # The last three: parameters of an older version of the model.
        return {}, said | {"label": None, "problem": str(error)}
