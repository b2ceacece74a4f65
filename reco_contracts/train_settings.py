"""Settings of models: how they are trained, tuned, judged and let through."""

from typing import Annotated, Literal

from pydantic import Field

from reco_contracts.settings_section import Count, NotNegative, Positive, Section


class AlsSection(Section):
    """[train.als]: each list is searched on the validation period; the first values are the defaults."""

    factors: tuple[Count, ...] = Field((64, 128), min_length=1)
    regularization: tuple[Positive, ...] = Field((1.0, 10.0, 30.0, 100.0), min_length=1)
    alpha: tuple[Positive, ...] = Field((1.0, 3.0, 10.0), min_length=1)
    half_life_days: tuple[NotNegative, ...] = Field((0.0, 90.0), min_length=1)
    weighting: tuple[Literal["linear", "log"], ...] = Field(("linear",), min_length=1)
    iterations: tuple[Count, ...] = Field((15,), min_length=1)
    content_users: tuple[NotNegative, ...] = Field((10.0,), min_length=1)
    content_regularization: tuple[Positive, ...] = Field((1.0,), min_length=1)


class PopularitySection(Section):
    """[train.popularity]: the opponent is tuned on the same period."""

    window_days: tuple[Annotated[int, Field(ge=0)], ...] = Field((0, 90, 30, 7), min_length=1)
    by: tuple[Literal["all", "segment", "category"], ...] = Field(("all",), min_length=1)


class HistorySection(Section):
    """How a model reads histories; the same two keys in most sections of [train]."""

    half_life_days: tuple[NotNegative, ...] = Field((0.0, 90.0, 30.0), min_length=1)
    weighting: tuple[Literal["binary", "log", "linear"], ...] = Field(("binary", "log"), min_length=1)


class ItemNeighboursSection(HistorySection):
    """[train.item_neighbours]."""

    neighbours: tuple[Count, ...] = Field((200, 50, 1_000), min_length=1)
    shrinkage: tuple[NotNegative, ...] = Field((10.0, 0.0, 50.0), min_length=1)
    feature_weighting: tuple[Literal["none", "bm25", "tfidf"], ...] = Field(("none", "bm25", "tfidf"), min_length=1)


class UserNeighboursSection(HistorySection):
    """[train.user_neighbours]."""

    neighbours: tuple[Count, ...] = Field((200, 50, 500), min_length=1)
    shrinkage: tuple[NotNegative, ...] = Field((0.0, 10.0), min_length=1)


class PureSvdSection(HistorySection):
    """[train.pure_svd]."""

    factors: tuple[Count, ...] = Field((128, 32, 64, 256), min_length=1)
    item_exponent: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field((0.25, 0.0, 0.5), min_length=1)


class SpectralSection(HistorySection):
    """[train.spectral]."""

    factors: tuple[Count, ...] = Field((128, 32, 256), min_length=1)
    alpha: tuple[NotNegative, ...] = Field((0.3, 0.0, 0.1, 1.0), min_length=1)


class EaseSection(HistorySection):
    """[train.ease]."""

    regularization: tuple[Positive, ...] = Field((300.0, 30.0, 100.0, 1_000.0), min_length=1)
    # LAPACK ends the process, without an error, on a matrix whose size its 32-bit indices cannot hold.
    max_items: tuple[Annotated[int, Field(ge=1, le=24_000)], ...] = Field((12_000,), min_length=1)


class ContentSection(HistorySection):
    """[train.content]."""

    title_weight: tuple[Positive, ...] = Field((1.0, 0.3), min_length=1)


class HybridSection(Section):
    """[train.hybrid]: each list but the first is searched on the validation period."""

    components: tuple[str, ...] = Field(
        ("ease", "item_neighbours", "als", "spectral", "user_neighbours", "content", "popularity"), min_length=1
    )
    candidates: tuple[Annotated[int, Field(ge=1)], ...] = Field((100,), min_length=1)
    ranker: tuple[Literal["auto", "lambdarank", "linear"], ...] = Field(("auto",), min_length=1)
    ranker_users: tuple[Annotated[int, Field(ge=1)], ...] = Field((2_000,), min_length=1)
    holdout_days: tuple[Annotated[int, Field(ge=1)], ...] = Field((56,), min_length=1)
    trees: tuple[Annotated[int, Field(ge=1)], ...] = Field((150,), min_length=1)
    leaves: tuple[Annotated[int, Field(ge=2)], ...] = Field((15,), min_length=1)
    learning_rate: tuple[Positive, ...] = Field((0.05,), min_length=1)


class TrainSection(Section):
    """[train]."""

    model: str = "als"
    every_days: int = Field(1, ge=1)
    seed: int = 20
    threads: int = Field(0, ge=0)
    block_mb: int = Field(64, ge=1)
    als: AlsSection = AlsSection()
    popularity: PopularitySection = PopularitySection()
    item_neighbours: ItemNeighboursSection = ItemNeighboursSection()
    user_neighbours: UserNeighboursSection = UserNeighboursSection()
    pure_svd: PureSvdSection = PureSvdSection()
    spectral: SpectralSection = SpectralSection()
    ease: EaseSection = EaseSection()
    content: ContentSection = ContentSection()
    hybrid: HybridSection = HybridSection()


class EvaluateSection(Section):
    """[evaluate]."""

    k: int = Field(10, ge=1)
    validation_days: int = Field(14, ge=1)
    test_days: int = Field(14, ge=1)
    min_warm_users: int = Field(200, ge=1)
    bootstrap_samples: int = Field(1_000, ge=100)


class TuneSection(Section):
    """[tune]: how long parameters are searched."""

    trials: int = Field(24, ge=1)
    long_trials: int = Field(60, ge=1)
    minutes: float = Field(30.0, gt=0, allow_inf_nan=False)


class GateSection(Section):
    """[gate]."""

    mode: Literal["warn", "refuse"] = "warn"
    max_loss_ndcg: float = Field(0.01, ge=0, le=1)
