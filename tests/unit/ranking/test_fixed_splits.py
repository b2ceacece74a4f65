"""Fixed splits: both file forms, what the numbers mean, and no look at the test file before the end."""

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_shop import RUN_DATE
from typer.testing import CliRunner

from jobs.cli.main import app
from jobs.evaluation import evaluate_fixed_split
from jobs.evaluation.evaluate_fixed_split import hold_out, run
from jobs.evaluation.fixed_splits import pair_interactions, read_pairs, split_pairs, write_split
from jobs.models.table import MODELS
from jobs.ranking.interaction_matrix import weight_matrix
from jobs.warehouse.read_marts import read_interactions
from reco_contracts.errors import ContractError, EmptyPartitionError

TWO = ("als", "popularity")


@pytest.fixture
def blocks(tmp_path: Path) -> tuple[Path, Path]:
    """Thirty users of two tastes with twelve of fifteen items each; two of the others are to be found."""
    rng = np.random.default_rng(3)
    train, test = [], []
    for user in range(30):
        own = rng.permutation(15) + 15 * (user % 2)
        train.append(" ".join(map(str, [user, *own[:12]])))
        test.append(" ".join(map(str, [user, *own[12:14]])))
    (tmp_path / "train.txt").write_text("\n".join(train) + "\n")
    (tmp_path / "test.txt").write_text("\n".join(test) + "\n")
    return tmp_path / "train.txt", tmp_path / "test.txt"


@pytest.fixture
def settings(make_shop):
    return make_shop(tune={"trials": 4, "long_trials": 4}).settings


def test_a_shop_becomes_a_split_and_comes_back_the_same_from_both_forms(make_shop, tmp_path: Path) -> None:
    interactions = read_interactions(make_shop().settings.layout, RUN_DATE)
    split = split_pairs(interactions)
    write_split(split, tmp_path)
    names = {}
    for kind in ("user", "item"):
        lines = (tmp_path / f"{kind}_list.txt").read_text().splitlines()[1:]
        names[kind] = {number: name for name, number in (line.rsplit(" ", 1) for line in lines)}
    for part, pairs in zip(("train", "test"), split, strict=True):
        assert read_pairs(tmp_path / f"{part}.parquet").equals(pairs)
        numbered = read_pairs(tmp_path / f"{part}.txt")
        back = {(names["user"][user], names["item"][item]) for user, item in numbered.iter_rows()}
        assert back == set(pairs.iter_rows())


def test_the_test_part_is_the_last_fifth_of_each_user(make_shop) -> None:
    interactions = read_interactions(make_shop().settings.layout, RUN_DATE)
    train, test = split_pairs(interactions)
    assert train.join(test, on=["user_id", "item_id"]).is_empty()
    last = interactions.group_by("user_id", "item_id").agg(pl.col("last_occurred_at").max())
    ends = train.join(last, on=["user_id", "item_id"]).group_by("user_id").agg(pl.col("last_occurred_at").max())
    begins = test.join(last, on=["user_id", "item_id"]).group_by("user_id").agg(pl.col("last_occurred_at").min())
    both = ends.join(begins, on="user_id", suffix="_of_test")
    assert (both["last_occurred_at"] <= both["last_occurred_at_of_test"]).all()
    sizes = train.group_by("user_id").len().join(test.group_by("user_id").len(), on="user_id", suffix="_of_test")
    assert (sizes["len_of_test"] == (sizes["len"] + sizes["len_of_test"]) // 5).all()


def test_recall_and_ndcg_are_those_of_plain_python(blocks: tuple[Path, Path], settings) -> None:
    report = run(*blocks, 5, 5, ["popularity"], settings)
    train, test = ({user: set() for user in range(30)} for _ in range(2))
    for path, sets in zip(blocks, (train, test), strict=True):
        for line in path.read_text().splitlines():
            user, *items = line.split()
            sets[int(user)] |= set(items)
    counts = {item: sum(item in own for own in train.values()) for item in {i for own in train.values() for i in own}}
    order = sorted(counts, key=lambda item: (-counts[item], item))
    recalls, ndcgs = [], []
    for user, relevant in test.items():
        ranked = [item for item in order if item not in train[user]][:5]
        hits = [rank for rank, item in enumerate(ranked) if item in relevant]
        recalls.append(len(hits) / len(relevant))
        best = sum(1 / math.log2(rank + 2) for rank in range(min(5, len(relevant))))
        ndcgs.append(sum(1 / math.log2(rank + 2) for rank in hits) / best)
    assert report["models"]["popularity"]["recall@5"] == pytest.approx(np.mean(recalls), abs=1e-6)
    assert report["models"]["popularity"]["ndcg@5"] == pytest.approx(np.mean(ndcgs), abs=1e-6)


def test_the_taste_model_finds_what_popularity_does_not(blocks: tuple[Path, Path], settings) -> None:
    models = run(*blocks, 3, 5, TWO, settings)["models"]
    assert models["als"]["recall@3"] == 1.0  # three of fifteen are left in each block, two of them are right
    assert models["popularity"]["recall@3"] < 0.7
    assert models["als"]["tuning"].startswith("best of 2 inside the training part")


def test_parquet_pairs_of_other_names_and_numbers_are_read(tmp_path: Path) -> None:
    pl.DataFrame({"user": [2, 2, 1], "item": [7, 7, 8]}).write_parquet(tmp_path / "pairs")
    assert read_pairs(tmp_path / "pairs").rows() == [("1", "8"), ("2", "7")]


def test_files_that_are_none_are_named(tmp_path: Path, settings, blocks) -> None:
    pl.DataFrame({"customer": [2]}).write_parquet(tmp_path / "other")
    with pytest.raises(ContractError, match="user_id and item_id"):
        read_pairs(tmp_path / "other")
    with pytest.raises(EmptyPartitionError, match="is not there"):
        run(blocks[0], tmp_path / "missing", 5, 5, TWO, settings)
    (tmp_path / "empty").write_text("4\n\n")
    with pytest.raises(EmptyPartitionError, match="no pair"):
        read_pairs(tmp_path / "empty")
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00 4")
    with pytest.raises(ContractError, match="neither Parquet nor text"):
        read_pairs(tmp_path / "noise")


def test_the_test_file_is_read_after_every_choice(blocks: tuple[Path, Path], settings, monkeypatch) -> None:
    seen = []
    real_read, real_fit = evaluate_fixed_split.read_pairs, evaluate_fixed_split.fit_model
    monkeypatch.setattr(evaluate_fixed_split, "read_pairs", lambda path: seen.append(path.name) or real_read(path))
    monkeypatch.setattr(evaluate_fixed_split, "fit_model", lambda *args: seen.append("fit") or real_fit(*args))
    run(*blocks, 3, 5, TWO, settings)
    assert seen[-1] == "test.txt"
    assert seen.count("fit") >= 2


def test_what_is_held_out_is_a_fifth_of_each_user_and_leaves_the_rest() -> None:
    pairs = pl.DataFrame({"user_id": ["a"] * 10 + ["b"] * 2 + ["c"], "item_id": [str(n) for n in range(13)]})
    known = pair_interactions(pairs.sort("user_id", "item_id"))[2]
    task = hold_out(known, seed=1)
    assert task.rows.tolist() == [0, 1]
    assert np.diff(task.truth.indptr).tolist() == [2, 1]
    assert weight_matrix(task.known).nnz == 13 - 3
    assert task.truth.multiply(weight_matrix(task.known)[task.rows]).nnz == 0


def test_strangers_and_pairs_of_both_files_are_counted(blocks: tuple[Path, Path], settings) -> None:
    train, test = blocks
    first = train.read_text().splitlines()[0].split()
    with test.open("a") as file:
        file.write(f"stranger 1 2\n{first[0]} {first[1]} unheard\n")
    report = run(train, test, 3, 5, ["popularity"], settings)
    assert (report["test_users"], report["test_users_without_training"]) == (31, 1)
    assert (report["test_items_without_training"], report["pairs_in_both_files"]) == (1, 1)
    assert report["items"] == 31


def test_no_time_at_all_still_ends_with_a_result(blocks: tuple[Path, Path], settings) -> None:
    report = run(*blocks, 3, 0, TWO, settings)
    assert report["models"] == {}
    assert set(report["refused"]) == set(TWO)


def test_little_time_is_for_the_defaults_of_each(blocks: tuple[Path, Path], settings, monkeypatch) -> None:
    # As long as the clock shows something each model is fitted; a search needs more than its first fit took.
    monkeypatch.setattr(evaluate_fixed_split._Clock, "left", property(lambda _: 1e-9))
    report = run(*blocks, 3, 1, ["popularity"], settings)
    assert report["models"]["popularity"]["tuning"].startswith("defaults: no time")


def test_a_model_that_refuses_is_named_and_the_others_go_on(blocks, settings, monkeypatch) -> None:
    def refuse(name, *_):
        if name == "als":
            raise ContractError("the catalogue is too large")
        return real(name, *_)

    real = evaluate_fixed_split.fit_model
    monkeypatch.setattr(evaluate_fixed_split, "fit_model", refuse)
    report = run(*blocks, 3, 5, TWO, settings)
    assert list(report["models"]) == ["popularity"]
    assert report["refused"] == {"als": "the catalogue is too large"}


def test_the_last_line_is_the_promised_object(blocks: tuple[Path, Path], settings) -> None:
    words = ["evaluate", "--train", str(blocks[0]), "--test", str(blocks[1]), "--k", "3", "--json"]
    ended = CliRunner().invoke(app, [*words, "--models", "popularity"])
    assert ended.exit_code == 0, ended.output
    last = json.loads(ended.stdout.splitlines()[-1])
    assert {"recall@3", "ndcg@3", "coverage@3", "seconds"} <= set(last["models"]["popularity"])


def test_all_means_every_model_of_the_table(blocks: tuple[Path, Path], make_shop) -> None:
    small = {"components": ["ease", "popularity"], "trees": [5]}
    settings = make_shop(train={"hybrid": small}, tune={"long_trials": 1}).settings
    report = run(*blocks, 3, 5, (), settings)
    assert set(report["models"]) | set(report["refused"]) == set(MODELS)


def test_a_model_that_has_nothing_to_read_is_not_scored_by_what_filled_its_lists(blocks, settings) -> None:
    report = run(*blocks, 3, 5, ["content", "popularity"], settings)
    assert list(report["models"]) == ["popularity"]
    assert "lists nothing" in report["refused"]["content"]


def test_one_slow_model_does_not_take_the_time_of_the_others() -> None:
    def fitted(seconds: float) -> evaluate_fixed_split._Fitted:
        return evaluate_fixed_split._Fitted(None, {}, seconds)

    three = {"quick": fitted(1.0), "middle": fitted(4.0), "slow": fitted(500.0)}
    assert evaluate_fixed_split._reserve(three, left=60.0) == 10.0
    assert evaluate_fixed_split._reserve(three, left=3_000.0) == 1_010.0
    assert evaluate_fixed_split._reserve(three, left=-5.0) == 0.0
