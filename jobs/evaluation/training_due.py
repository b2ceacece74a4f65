"""Whether a run trains a model, or the promoted or released one goes on ranking.

Evaluation, gate, training and ranking ask the same question, so that a day without
training needs no search, refuses nothing, and ranks with what has passed before.
"""

from datetime import date, timedelta
from typing import Any

from reco_contracts.artifacts import Layout, complete_versions, promoted_model, read_model_manifest, released_model
from reco_contracts.manifests import ModelManifest
from reco_contracts.train_settings import TrainSection


def model_in_force(layout: Layout, run_date: date, rules: TrainSection) -> ModelManifest | None:
    """The promoted model, or the released one if none need be trained yet.

    A promoted one ranks until the next release, whatever its kind and age. A released one
    serves for train.every_days days, the day of its training included; of another kind than
    train.model it is not in force. A model of a later day never is.

    Args:
        layout: where models are.
        run_date: the day of the run.
        rules: [train].
    """
    promoted = promoted_model(layout)
    if promoted in complete_versions(layout.models):
        manifest = read_model_manifest(layout, str(promoted))
        if date.fromisoformat(manifest.run_date) <= run_date:
            return manifest
    released = released_model(layout) if rules.every_days > 1 else None
    if released is None or released not in complete_versions(layout.models):
        return None
    manifest = read_model_manifest(layout, released)
    age_days = (run_date - date.fromisoformat(manifest.run_date)).days
    return manifest if manifest.model == rules.model and 0 <= age_days < rules.every_days else None


def describe_force(manifest: ModelManifest, rules: TrainSection, layout: Layout) -> dict[str, Any]:
    """What is said of a run that trains nothing: why, until when, and how good its model was."""
    is_promoted = promoted_model(layout) == manifest.model_version
    due = (date.fromisoformat(manifest.run_date) + timedelta(days=rules.every_days)).isoformat()
    why = f"no training before {due}: train.every_days is {rules.every_days}"
    return {
        "is_due": False,
        "released_model": released_model(layout),
        "model_version": manifest.model_version,
        "trained_up_to": manifest.run_date,
        "next_training": "after the next release" if is_promoted else due,
        "result": f"{manifest.model_version} was promoted and ranks until the next release" if is_promoted else why,
        "evaluation": manifest.metrics["sentence"],
    }
