"""Trained versions: what there is, how two of them compare, and which one shall rank."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from jobs.evaluation.compare_models import compare_scored
from jobs.evaluation.evaluation_tasks import TOO_FEW, Tasks, last_day, make_tasks, read_marts
from jobs.evaluation.live_configuration import Configuration, configuration_of, live_configuration
from jobs.evaluation.score_models import fit_model, score_model
from jobs.evaluation.search_models import Bounds, choose_parameters
from jobs.evaluation.search_parameters import best_trial
from jobs.models.table import BASELINE
from jobs.ranking.train_model import STUDY_FILE
from reco_contracts.artifacts import (
    Layout,
    complete_versions,
    promoted_model,
    read_model_manifest,
    released_model,
    set_promoted_model,
)
from reco_contracts.errors import ContractError, EmptyPartitionError, GateRefusedError
from reco_contracts.logs import get_logger
from reco_contracts.settings import Settings


def list_versions(layout: Layout) -> list[dict[str, Any]]:
    """Every complete version, newest run date first."""
    released, promoted = released_model(layout), promoted_model(layout)
    rows = []
    for version in complete_versions(layout.models):
        manifest = read_model_manifest(layout, version)
        scores = manifest.metrics.get("split", {}).get("models", {}).get(manifest.model)
        rows.append(
            {
                "model_version": version,
                "model": manifest.model,
                "run_date": manifest.run_date,
                "ndcg": round(scores["ndcg"]["value"], 4) if scores else None,
                "verdict": manifest.metrics.get("verdict"),
                "users": manifest.data["users"],
                "interactions": manifest.data["interactions"],
                "state": {released: "released", promoted: "promoted"}.get(version, ""),
            }
        )
    return sorted(rows, key=lambda row: (row["run_date"], row["model_version"]), reverse=True)


def show_version(layout: Layout, model_version: str) -> dict[str, Any]:
    """A version's manifest and the search that chose its parameters.

    Raises:
        EmptyPartitionError: there is no such complete version.
    """
    manifest = read_model_manifest(layout, model_version)
    path = layout.models / model_version / STUDY_FILE
    study = msgspec.json.decode(path.read_bytes()) if path.exists() else None
    return {
        **msgspec.to_builtins(manifest),
        "is_released": released_model(layout) == model_version,
        "is_promoted": promoted_model(layout) == model_version,
        "study": study,
    }


def compare_versions(first: str, second: str, settings: Settings, run_date: date | None = None) -> dict[str, Any]:
    """Compare two versions: what they said of themselves, and both refitted before one cut and scored after it.

    Args:
        first: a version.
        second: another one.
        settings: all settings.
        run_date: the last day of the test period; None = of the exported log.

    Returns:
        Parameters that differ, the metrics of both manifests, and the paired difference first minus second.

    Raises:
        EmptyPartitionError: a version or the marts are not there, or nobody can be scored.
        ContractError: both are the same version.
        RecoError: a configuration can no longer be fitted.
    """
    layout = settings.layout
    if first == second:
        raise ContractError(f"{first} was named twice; name two versions (`reco models list`)")
    both = {version: read_model_manifest(layout, version) for version in (first, second)}
    configurations = {version: configuration_of(layout, version) for version in both}
    split = _split(settings, run_date)
    report = _score(configurations, split, settings, second)
    return {
        "versions": {
            version: {
                "model": manifest.model,
                "run_date": manifest.run_date,
                "data": manifest.data,
                "evaluation": manifest.metrics["sentence"],
            }
            for version, manifest in both.items()
        },
        "parameters": different_parameters(*(both[version].parameters for version in (first, second))),
        "split": split.header,
        "test_users": len(split.test.rows),
        **report,
    }


def promote_version(
    model_version: str, settings: Settings, run_date: date | None = None, *, is_forced: bool = False
) -> dict[str, Any]:
    """Let a version rank in the next runs until a release, if its configuration passes the gate.

    The gate is the daily one in mode "refuse": better than popularity, and a loss of more than
    gate.max_loss_ndcg against what is live ruled out.

    Args:
        model_version: the version.
        settings: all settings.
        run_date: the last day of the test period; None = of the exported log.
        is_forced: promote whatever the gate says; it is not asked.

    Raises:
        EmptyPartitionError: the version or the marts are not there.
        GateRefusedError: the gate does not let it pass.
    """
    layout = settings.layout
    configuration = configuration_of(layout, model_version)
    if is_forced:
        result = "the gate was not asked (--force)"
        get_logger(__name__).warning("promoted without the gate", model_version=model_version)
    else:
        result = _pass_gate(configuration, live_configuration(layout), _split(settings, run_date), settings)
    set_promoted_model(layout, model_version)
    return {
        "promoted": model_version,
        "released_now": released_model(layout),
        "result": result,
        "next": "the next run ranks with it; `reco rank --run-date D` and `reco publish-lists` do it by hand",
    }


def different_parameters(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The parameters that differ, with both values; None where one has no such parameter."""
    names = dict.fromkeys((*first, *second))
    return {name: [first.get(name), second.get(name)] for name in names if first.get(name) != second.get(name)}


def _split(settings: Settings, run_date: date | None) -> Tasks:
    day = run_date or last_day(settings.layout)
    split = make_tasks(read_marts(settings.layout, day), day, settings)[-1]
    if not split.is_scored:
        raise EmptyPartitionError(f"nobody to score up to {day}: warm users {split.header['warm_users']}")
    return split


def _score(
    configurations: Mapping[str, Configuration], split: Tasks, settings: Settings, opponent: str
) -> dict[str, Any]:
    scored = {
        label: score_model(fit_model(one.model, one.parameters, split.test, settings), split.test, settings)
        for label, one in configurations.items()
    }
    return compare_scored(scored, split.test, split.categories, settings, opponent)


def _pass_gate(candidate: Configuration, live: Configuration | None, split: Tasks, settings: Settings) -> str:
    """Compare with popularity and what is live; the sentence of a pass.

    Raises:
        GateRefusedError: it does not pass.
    """
    version, k = str(candidate.model_version), settings.evaluate.k
    opponents = {BASELINE: _tuned_baseline(split, settings)}
    if live and not live.is_same(candidate.model, candidate.parameters):
        opponents[str(live.model_version)] = live
    differences = _score({version: candidate} | opponents, split, settings, BASELINE)["differences"]
    said, is_passed = [], split.is_enough
    if not split.is_enough:
        said.append(f"{TOO_FEW} warm users: {len(split.test.rows)}, {settings.evaluate.min_warm_users} are needed")
    for opponent, difference in differences.items():
        least = 0.0 if opponent == BASELINE else -settings.gate.max_loss_ndcg
        low, value, high = (difference["ndcg"][key] for key in ("low", "value", "high"))
        passes = low > least
        is_passed &= passes
        word = "which is above" if passes else "which is not above"
        said.append(f"against {opponent}: NDCG@{k} {value:+.4f} [{low:+.4f}, {high:+.4f}], {word} {least:g}")
    result = f"{version}, {split.name} split, " + "; ".join(said)
    if not is_passed:
        raise GateRefusedError(f"{result}. Nothing was changed; `--force` promotes it all the same.")
    return result


def _tuned_baseline(split: Tasks, settings: Settings) -> Configuration:
    studies = choose_parameters([BASELINE], split.validation, settings, Bounds(settings.tune.trials))
    return Configuration(BASELINE, best_trial(studies[BASELINE]).parameters)
