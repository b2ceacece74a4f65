"""Fit the chosen configuration on everything up to the run date, and keep it as a version.

A version's folder also holds the search that chose its parameters, and a
fingerprint of all that went in: data, parameters, seed, evaluation and code. Training again with the same input gives
the version that is there, so a rerun changes nothing.
"""

import hashlib
import subprocess
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt
import polars as pl

from jobs.evaluation.evaluate_models import read_evaluation
from jobs.evaluation.training_due import describe_force, model_in_force
from jobs.models.base import Model
from jobs.models.table import default_parameters, model_class
from jobs.ranking.interaction_matrix import Interactions
from jobs.ranking.training_data import training_data
from jobs.warehouse.read_marts import read_exposure, read_interactions, read_items, read_users
from reco_contracts.artifacts import (
    Layout,
    complete_versions,
    new_folder,
    next_version,
    read_model_manifest,
)
from reco_contracts.errors import ContractError
from reco_contracts.manifests import MANIFEST_FILE, ModelManifest, encode_manifest
from reco_contracts.settings import Settings

ITEM_IDS_FILE = "item_ids.parquet"
USER_IDS_FILE = "user_ids.parquet"
FINGERPRINT_FILE = "fingerprint"
STUDY_FILE = "study.json"


def run(run_date: date, settings: Settings) -> dict[str, Any]:
    """Train, or return the version that serves as well.

    Raises:
        EmptyPartitionError: no evaluation of the run date, or no interactions.
        ContractError: the evaluation is of another model than train.model.
    """
    layout = settings.layout
    released = model_in_force(layout, run_date, settings.train)
    if released:
        return _summary(layout, released.model_version, describe_force(released, settings.train, layout)["result"])
    history = read_interactions(layout, run_date)
    catalogue = read_items(layout)
    items = catalogue["item_id"]
    users, data = training_data(history, catalogue, read_users(layout), run_date, read_exposure(layout, run_date))
    report = read_evaluation(layout, run_date)
    name, seed = settings.train.model, settings.train.seed
    parameters = chosen_parameters(report, settings)
    metrics = {key: report[key] for key in report if key != "splits"} | {"split": _without_trials(report["splits"][-1])}
    code = code_version()
    fingerprint = fingerprint_of(data, users, items, [name, seed, dict(parameters), metrics, code])
    known = _same_version(layout, f"{name}-{run_date:%Y%m%d}", fingerprint)
    if known:
        return _summary(layout, known, "nothing has changed since it was trained")
    model = model_class(name).create(parameters, seed, settings.train.threads)
    model.fit(data)
    model_version = next_version(layout.models, f"{name}-{run_date:%Y%m%d}")
    manifest = ModelManifest(
        model_version=model_version,
        model=name,
        run_date=run_date.isoformat(),
        parameters=dict(parameters),
        data={"users": len(users), "items": len(items), "interactions": len(data.users)},
        metrics=metrics,
        code_version=code,
        seed=seed,
    )
    with new_folder(layout.models / model_version) as folder:
        model.save(folder)
        users.rename("user_id").to_frame().write_parquet(folder / USER_IDS_FILE)
        items.rename("item_id").to_frame().write_parquet(folder / ITEM_IDS_FILE)
        (folder / STUDY_FILE).write_bytes(msgspec.json.format(msgspec.json.encode(_study(report)), indent=2))
        (folder / FINGERPRINT_FILE).write_text(fingerprint + "\n")
        (folder / MANIFEST_FILE).write_bytes(encode_manifest(manifest))
    return _summary(layout, model_version, None)


def load_model(layout: Layout, model_version: str, threads: int) -> tuple[ModelManifest, Model, pl.Series]:
    """A trained model and the item ids of its indices.

    Raises:
        EmptyPartitionError: there is no such complete version.
        ContractError: its files do not fit together.
    """
    manifest = read_model_manifest(layout, model_version)
    folder = layout.models / model_version
    try:
        items = pl.read_parquet(folder / ITEM_IDS_FILE)["item_id"]
    except OSError as error:
        raise ContractError(f"{folder} lacks {ITEM_IDS_FILE}: {error}; train again") from error
    return manifest, model_class(manifest.model).load(folder, manifest.parameters, threads), items


def chosen_parameters(report: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    """What the evaluation chose; the defaults where there was nobody to choose on.

    Raises:
        ContractError: the evaluation is of another model.
    """
    name = settings.train.model
    if report["model"] != name:
        raise ContractError(
            f"train.model is {name!r}, but the evaluation of {report['run_date']} chose parameters for "
            f"{report['model']!r}; run `reco evaluate` again"
        )
    chosen: dict[str, Any] | None = (report["chosen"] or {}).get(name)
    return chosen or default_parameters(name, settings.train)


def fingerprint_of(data: Interactions, users: pl.Series, items: pl.Series, rest: list[Any]) -> str:
    """A hash of all that a model depends on.

    Args:
        data: the training data.
        users: ids of its rows.
        items: ids of its columns.
        rest: plain values: parameters, seed, and the like.
    """
    digest = hashlib.sha256(msgspec.json.encode(rest, order="sorted"))
    arrays: list[npt.NDArray[Any]] = [data.users, data.items, data.age_days, data.weights, data.is_consumed]
    if data.segments is not None:
        arrays.append(data.segments)
    if data.content is not None:
        arrays += [data.content.words.data, data.content.words.indices, data.content.words.indptr]
        arrays.append(data.content.categories)
        digest.update("\0".join(data.content.vocabulary).encode())
    if data.exposure is not None:
        arrays += [data.exposure.shown, data.exposure.clicked]
    if data.features is not None:
        arrays += data.features.inputs()
    for array in arrays:
        digest.update(array.tobytes())
    for ids in (users, items):
        digest.update("\0".join(ids.to_list()).encode() + b"\0\0")
    return digest.hexdigest()


def code_version() -> str:
    """The package's version, and the git commit where the code lies in a checkout."""
    root = Path(__file__).resolve().parents[2]
    package = version("reco")
    if not (root / ".git").exists():
        return package
    try:
        command = ["git", "-C", str(root), "rev-parse", "--short=12", "HEAD"]
        commit = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return package
    return f"{package}+{commit}"


def _same_version(layout: Layout, stem: str, fingerprint: str) -> str | None:
    for name in reversed(complete_versions(layout.models)):
        path = layout.models / name / FINGERPRINT_FILE
        if name.startswith(f"{stem}-") and path.exists() and path.read_text().strip() == fingerprint:
            return name
    return None


def _without_trials(split: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in split.items() if key != "trials"}


def _study(report: Mapping[str, Any]) -> dict[str, Any]:
    """The whole search that chose the parameters, components too."""
    split = report["splits"][-1]
    return {
        "model": report["model"],
        "run_date": report["run_date"],
        "split": split["name"],
        "chosen": (report["chosen"] or {}).get(report["model"]),
        "trials": split.get("trials", {}),
    }


def _summary(layout: Layout, model_version: str, why_kept: str | None) -> dict[str, Any]:
    manifest = read_model_manifest(layout, model_version)
    return {
        "model_version": model_version,
        "is_new": why_kept is None,
        **({"why_not": why_kept} if why_kept else {}),
        "trained_up_to": manifest.run_date,
        "parameters": manifest.parameters,
        "data": manifest.data,
        "evaluation": manifest.metrics["sentence"],
    }
