"""Time and memory of every model on a log of published size, and ALS beside calling `implicit` directly.

`python -m benchmarks.bench_models`. Each model is fitted with its default parameters and
ranks all users, in a process of its own, so that its peak of memory is its own.
"""

import argparse
import json
import resource
import subprocess
import sys
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.published_size import LogSize, simulate_log
from benchmarks.report import write_report
from jobs.models.als import AlsModel
from jobs.models.table import MODELS, default_parameters, model_class
from jobs.ranking.interaction_matrix import Interactions, blocked_matrix
from reco_contracts.errors import RecoError
from reco_contracts.train_settings import TrainSection

_SEED = 20


def main() -> None:
    """Run the benchmark, or one part of it where a parent asks for it."""
    arguments = _arguments()
    size = LogSize(arguments.users, arguments.items, arguments.interactions)
    if arguments.only:
        data = simulate_log(size, _SEED)
        measure = _als_beside_implicit if arguments.only == "ratio" else _one_model
        print(json.dumps(measure(arguments.only, data, arguments)))
        return
    rows = [_in_a_process(name) for name in MODELS]
    ratio = _in_a_process("ratio")
    parameters = {
        "users": size.users,
        "items": size.items,
        "interactions": size.interactions,
        "k": arguments.k,
        "rounds": arguments.rounds,
    }
    write_report("models", rows, parameters, als_beside_implicit=ratio["ratio"], als_rounds=ratio["rounds"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    size = LogSize()
    parser.add_argument("--users", type=int, default=size.users)
    parser.add_argument("--items", type=int, default=size.items)
    parser.add_argument("--interactions", type=int, default=size.interactions)
    parser.add_argument("--k", type=int, default=50, help="items in a list")
    parser.add_argument("--rounds", type=int, default=3, help="of ALS beside implicit")
    parser.add_argument("--only", help="the name of one model, or `ratio`; prints a line of JSON")
    return parser.parse_args()


def _in_a_process(part: str) -> dict[str, Any]:
    """Run a part, and read the line that it prints last."""
    command = [sys.executable, "-m", "benchmarks.bench_models", *sys.argv[1:], "--only", part]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if finished.returncode != 0:
        return _row(part, f"ended with status {finished.returncode}")
    result: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return result


def _one_model(name: str, data: Interactions, arguments: argparse.Namespace) -> dict[str, Any]:
    blocked = blocked_matrix(data, "forever")
    model = model_class(name).create(default_parameters(name, TrainSection()), _SEED, 0)
    began = perf_counter()
    try:
        model.fit(data)
    except RecoError as error:
        return _row(name, "refused: " + str(error).partition(";")[0])
    fitted = perf_counter()
    lists = model.recommend(data, arguments.k, blocked)
    ranked = perf_counter()
    model.explain(data, lists.items)
    explained = perf_counter()
    return _row(name, "", fitted - began, ranked - fitted, explained - ranked)


def _row(name: str, note: str, fit: float = 0.0, rank: float = 0.0, explain: float = 0.0) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    return {
        "model": name,
        "fit_seconds": round(fit, 1),
        "top_k_seconds": round(rank, 1),
        "reasons_seconds": round(explain, 1),
        "peak_mb": round(peak),
        "note": note,
    }


def _als_beside_implicit(_: str, data: Interactions, arguments: argparse.Namespace) -> dict[str, Any]:
    """Fit and rank with ours and with the library alone, in turn, with the same parameters and matrix."""
    # The library knows nothing of content.
    parameters = default_parameters("als", TrainSection()) | {"content_users": 0.0}
    rounds = []
    for _ in range(arguments.rounds):
        ours = _seconds_of_ours(parameters, data, arguments.k)
        rounds.append((ours, _seconds_of_implicit(parameters, data, arguments.k)))
    return {
        "ratio": round(median(ours / theirs for ours, theirs in rounds), 2),
        "rounds": [[round(value, 2) for value in pair] for pair in rounds],
    }


def _seconds_of_ours(parameters: dict[str, Any], data: Interactions, k: int) -> float:
    blocked = blocked_matrix(data, "forever")
    model = AlsModel.create(parameters, _SEED, 0)
    began = perf_counter()
    model.fit(data)
    model.recommend(data, k, blocked)
    return perf_counter() - began


def _seconds_of_implicit(parameters: dict[str, Any], data: Interactions, k: int) -> float:
    ours = AlsModel.create(parameters, _SEED, 0)
    weights = ours.weights(data)
    ours.mean_weight = float(weights.data.mean())
    confidences = ours.confidences(weights)
    began = perf_counter()
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=parameters["factors"],
            regularization=parameters["regularization"],
            alpha=1.0,
            iterations=parameters["iterations"],
            random_state=_SEED,
        )
        model.fit(confidences, show_progress=False)
        model.recommend(np.arange(data.n_users), confidences, N=k, filter_already_liked_items=True)
    return perf_counter() - began


if __name__ == "__main__":
    main()
