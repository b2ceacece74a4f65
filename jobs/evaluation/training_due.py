"""Whether a run trains a model, or the released one goes on ranking.

Evaluation, gate, training and ranking ask the same question, so that a day without
training needs no search, refuses nothing, and ranks with what has passed before.
"""

from datetime import date, timedelta
from typing import Any

from reco_contracts.artifacts import Layout, complete_versions, read_model_manifest, released_model
from reco_contracts.manifests import ModelManifest
from reco_contracts.settings import TrainSection


def model_in_force(layout: Layout, run_date: date, rules: TrainSection) -> ModelManifest | None:
    """The released model, if none need be trained yet.

    It serves for train.every_days days, the day of its training included. A model of
    another kind than train.model, or of a later day, is never in force.

    Args:
        layout: where models are.
        run_date: the day of the run.
        rules: [train].
    """
    released = released_model(layout) if rules.every_days > 1 else None
    if released is None or released not in complete_versions(layout.models):
        return None
    manifest = read_model_manifest(layout, released)
    age_days = (run_date - date.fromisoformat(manifest.run_date)).days
    return manifest if manifest.model == rules.model and 0 <= age_days < rules.every_days else None


def describe_force(manifest: ModelManifest, rules: TrainSection) -> dict[str, Any]:
    """What is said of a run that trains nothing: why, until when, and how good its model was."""
    due = date.fromisoformat(manifest.run_date) + timedelta(days=rules.every_days)
    return {
        "is_due": False,
        "released_model": manifest.model_version,
        "trained_up_to": manifest.run_date,
        "next_training": due.isoformat(),
        "result": f"no training before {due}: train.every_days is {rules.every_days}",
        "evaluation": manifest.metrics["sentence"],
    }
