"""Settings: `reco.toml`, overridden by environment variables `RECO_SECTION__KEY`.

The file is the one that `RECO_CONFIG` names, else `reco.toml` in the working
directory, else the defaults below. Relative paths are read from the file's
folder. Every key is described in the repository's `reco.toml`.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from reco_contracts.artifacts import Layout
from reco_contracts.errors import ConfigError
from reco_contracts.events import MAX_FUTURE_HOURS
from reco_contracts.redis_keys import RedisKeys

ExcludeSeen = Literal["forever", "off"] | Annotated[int, Field(ge=1)]
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """A table of reco.toml: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ProjectSection(Section):
    """[project]."""

    namespace: str = Field("reco", pattern=r"^[a-z][a-z0-9_]{0,40}$")


class PathsSection(Section):
    """[paths]."""

    data: Path = Path("data")


class LandingSection(Section):
    """[landing]."""

    chunk_rows: int = Field(200_000, ge=1_000)
    max_future_hours: int = Field(MAX_FUTURE_HOURS, ge=0)
    max_quarantined_share: float = Field(0.5, ge=0, le=1)
    late_after_days: int = Field(1, ge=0)


class WarehouseSection(Section):
    """[warehouse]."""

    memory_limit: str = "4GB"
    threads: int = Field(2, ge=1)
    kept_generations: int = Field(7, ge=1)


class InteractionsSection(Section):
    """[interactions]."""

    view_weight: float = 1.0
    click_weight: float = 2.0
    add_to_cart_weight: float = 4.0
    purchase_weight: float = 8.0
    return_weight: float = -8.0
    rating_weight: float = 8.0
    rating_positive_min: float = 4.0
    positive_events: tuple[Literal["view", "click", "add_to_cart", "purchase", "rating"], ...] = ("purchase", "rating")


class EngagementSection(Section):
    """[engagement]: what belongs to a shown item, and where a session ends."""

    click_window_hours: int = Field(24, ge=1, le=168)
    conversion_window_hours: int = Field(24, ge=1, le=168)
    session_gap_minutes: int = Field(30, ge=1, le=720)


class CatalogueSection(Section):
    """[catalogue]."""

    categories: Literal["tree", "tags"] = "tree"
    diversity_level: int = Field(2, ge=1)


class AlsSection(Section):
    """[train.als]: each list is searched on the validation period; the first values are the defaults."""

    factors: tuple[_Count, ...] = Field((64, 128), min_length=1)
    regularization: tuple[_Positive, ...] = Field((1.0, 10.0, 30.0, 100.0), min_length=1)
    alpha: tuple[_Positive, ...] = Field((1.0, 3.0, 10.0), min_length=1)
    half_life_days: tuple[_NotNegative, ...] = Field((0.0, 90.0), min_length=1)
    weighting: tuple[Literal["linear", "log"], ...] = Field(("linear",), min_length=1)
    iterations: tuple[_Count, ...] = Field((15,), min_length=1)
    content_users: tuple[_NotNegative, ...] = Field((10.0,), min_length=1)
    content_regularization: tuple[_Positive, ...] = Field((1.0,), min_length=1)


class PopularitySection(Section):
    """[train.popularity]: the opponent is tuned on the same period."""

    window_days: tuple[Annotated[int, Field(ge=0)], ...] = Field((0, 90, 30, 7), min_length=1)
    by: tuple[Literal["all", "segment", "category"], ...] = Field(("all",), min_length=1)


class HistorySection(Section):
    """How a model reads histories; the same two keys in most sections of [train]."""

    half_life_days: tuple[_NotNegative, ...] = Field((0.0, 90.0, 30.0), min_length=1)
    weighting: tuple[Literal["binary", "log", "linear"], ...] = Field(("binary", "log"), min_length=1)


class ItemNeighboursSection(HistorySection):
    """[train.item_neighbours]."""

    neighbours: tuple[_Count, ...] = Field((200, 50, 1_000), min_length=1)
    shrinkage: tuple[_NotNegative, ...] = Field((10.0, 0.0, 50.0), min_length=1)
    feature_weighting: tuple[Literal["none", "bm25", "tfidf"], ...] = Field(("none", "bm25", "tfidf"), min_length=1)


class UserNeighboursSection(HistorySection):
    """[train.user_neighbours]."""

    neighbours: tuple[_Count, ...] = Field((200, 50, 500), min_length=1)
    shrinkage: tuple[_NotNegative, ...] = Field((0.0, 10.0), min_length=1)


class PureSvdSection(HistorySection):
    """[train.pure_svd]."""

    factors: tuple[_Count, ...] = Field((128, 32, 64, 256), min_length=1)
    item_exponent: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field((0.25, 0.0, 0.5), min_length=1)


class SpectralSection(HistorySection):
    """[train.spectral]."""

    factors: tuple[_Count, ...] = Field((128, 32, 256), min_length=1)
    alpha: tuple[_NotNegative, ...] = Field((0.3, 0.0, 0.1, 1.0), min_length=1)


class EaseSection(HistorySection):
    """[train.ease]."""

    regularization: tuple[_Positive, ...] = Field((300.0, 30.0, 100.0, 1_000.0), min_length=1)
    # LAPACK ends the process, without an error, on a matrix whose size its 32-bit indices cannot hold.
    max_items: tuple[Annotated[int, Field(ge=1, le=24_000)], ...] = Field((12_000,), min_length=1)


class ContentSection(HistorySection):
    """[train.content]."""

    title_weight: tuple[_Positive, ...] = Field((1.0, 0.3), min_length=1)


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
    learning_rate: tuple[_Positive, ...] = Field((0.05,), min_length=1)


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


class HomeSurface(Section):
    """[surfaces.home]: one list a user."""

    k: int = Field(50, ge=1, le=1_000)
    exclude_seen: ExcludeSeen = "forever"
    silent_users: bool = True
    new_items_share: float = Field(0.05, ge=0, le=0.5)
    new_items_first: int = Field(20, ge=2)
    new_item_days: int = Field(30, ge=1)
    new_item_until_impressions: int = Field(1_000, ge=1)
    new_item_until_users: int = Field(20, ge=1)


class SimilarSurface(Section):
    """[surfaces.similar]: one list an item."""

    k: int = Field(50, ge=1, le=1_000)


class PopularSurface(Section):
    """[surfaces.popular]: one list a window and category."""

    k: int = Field(100, ge=1, le=1_000)
    windows_days: tuple[Annotated[int, Field(ge=1)], ...] = Field((30, 7), min_length=1)


class AlsoBoughtSurface(Section):
    """[surfaces.also_bought]: one list an item that goes with others."""

    k: int = Field(20, ge=1, le=1_000)
    basket_days: int = Field(1, ge=1)
    wider_days: int = Field(30, ge=1)
    max_basket_items: int = Field(100, ge=2, le=1_000)
    min_baskets: int = Field(2, ge=1)
    min_evidence: float = Field(3.0, ge=0, allow_inf_nan=False)
    substitutes_damping: float = Field(0.8, ge=0, le=1)


class TrendingSurface(Section):
    """[surfaces.trending]: one list a category."""

    k: int = Field(50, ge=1, le=1_000)
    window_days: int = Field(7, ge=1)
    half_life_days: float = Field(3.0, gt=0, allow_inf_nan=False)
    baseline_windows: int = Field(8, ge=1)
    min_users: int = Field(5, ge=1)
    min_growth: float = Field(1.0, ge=0, allow_inf_nan=False)
    shrinkage_users: float = Field(5.0, gt=0, allow_inf_nan=False)


class NewSurface(Section):
    """[surfaces.new]: one list a category."""

    k: int = Field(50, ge=1, le=1_000)
    days: int = Field(30, ge=1)
    half_life_days: float = Field(7.0, gt=0, allow_inf_nan=False)
    shrinkage_users: float = Field(10.0, gt=0, allow_inf_nan=False)


class AgainSurface(Section):
    """[surfaces.again]: one list a user to whom something is due."""

    k: int = Field(20, ge=1, le=1_000)
    horizon_days: int = Field(14, ge=1)
    min_probability: float = Field(0.02, ge=0, le=1)
    min_repeat_users: int = Field(2, ge=1)
    min_repeat_share: float = Field(0.05, ge=0, le=1)


class SurfacesSection(Section):
    """[surfaces]."""

    home: HomeSurface = HomeSurface()
    similar: SimilarSurface = SimilarSurface()
    popular: PopularSurface = PopularSurface()
    also_bought: AlsoBoughtSurface = AlsoBoughtSurface()
    trending: TrendingSurface = TrendingSurface()
    new: NewSurface = NewSurface()
    again: AgainSurface = AgainSurface()


class DiversitySection(Section):
    """[diversity]: how home lists are chosen from pools of candidates."""

    method: Literal["none", "mmr", "calibrated", "dpp"] = "none"
    strength: float = Field(0.3, ge=0, le=1)
    candidates: int = Field(200, ge=1, le=2_000)
    first: int = Field(10, ge=1)
    min_categories: int = Field(0, ge=0)
    max_per_category: int = Field(0, ge=0)
    exploration: float = Field(0.1, ge=0, le=1)


class CoverageSection(Section):
    """[coverage]: places that are spent so that every item is shown to somebody."""

    share: float = Field(0.0, ge=0, le=0.5)
    goal: float = Field(0.85, ge=0, le=1)
    min_lists: int = Field(1, ge=1)
    most_per_list: int = Field(2, ge=1, le=5)


class RulesSection(Section):
    """[rules]."""

    file: str = "rules.yml"
    unknown_age: Literal["child", "adult"] = "child"


class ValidateSection(Section):
    """[validate]."""

    min_list_length: int = Field(1, ge=1)
    min_users_share: float = Field(0.95, ge=0, le=1)
    min_diversity: float = Field(0.5, ge=0, le=1)
    min_diverse_share: float = Field(0.95, ge=0, le=1)
    min_coverage: float = Field(0.8, ge=0, le=1)
    max_gini: float = Field(0.99, ge=0, le=1)
    overlap_low: float = Field(0.2, ge=0, le=1)
    overlap_low_new_model: float = Field(0.02, ge=0, le=1)
    overlap_high: float = Field(1.0, ge=0, le=1)
    data_docs: bool = True


class PublishSection(Section):
    """[publish]."""

    subjects_per_bucket: int = Field(64, ge=1, le=512)
    readback_sample: int = Field(200, ge=1)
    safety_ttl_days: int = Field(14, ge=1)
    why: bool = True


class RedisSection(Section):
    """[redis]; the password comes from RECO_REDIS__PASSWORD only."""

    url: str = "redis://127.0.0.1:6379/0"
    username: str | None = None
    password: SecretStr | None = None
    connect_timeout_seconds: float = Field(2.0, gt=0)
    timeout_seconds: float = Field(5.0, gt=0)

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        """Refuse what is no address; no part of it is shown, any could be of a password."""
        if not _is_store_address(url):
            raise ValueError(
                "redis://HOST:PORT/DATABASE, rediss:// (TLS) or unix://PATH?db=DATABASE expected; "
                "a password goes into RECO_REDIS__PASSWORD, or into the address percent-encoded"
            )
        return url


def _is_store_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises where it is no number
    except ValueError:
        return False
    database = parse_qs(parts.query).get("db", ["" if parts.scheme == "unix" else parts.path.strip("/")])[-1]
    is_cut = bool(parts.fragment) or "@" in parts.query  # a password with a ? or # in it
    return parts.scheme in ("redis", "rediss", "unix") and not is_cut and (database or "0").isdecimal()


class ServingSection(Section):
    """[serving]."""

    host: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65_535)
    workers: int = Field(1, ge=1)
    default_limit: int = Field(20, ge=1)
    max_limit: int = Field(100, ge=1)
    read_timeout_seconds: float = Field(0.05, gt=0)
    poll_seconds: float = Field(0.5, gt=0, le=1.0)


class Settings(BaseSettings):
    """All settings, read once a process through `get_settings`."""

    model_config = SettingsConfigDict(
        env_prefix="RECO_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    project: ProjectSection = ProjectSection()
    paths: PathsSection = PathsSection()
    landing: LandingSection = LandingSection()
    warehouse: WarehouseSection = WarehouseSection()
    interactions: InteractionsSection = InteractionsSection()
    engagement: EngagementSection = EngagementSection()
    catalogue: CatalogueSection = CatalogueSection()
    train: TrainSection = TrainSection()
    evaluate: EvaluateSection = EvaluateSection()
    tune: TuneSection = TuneSection()
    gate: GateSection = GateSection()
    surfaces: SurfacesSection = SurfacesSection()
    diversity: DiversitySection = DiversitySection()
    coverage: CoverageSection = CoverageSection()
    rules: RulesSection = RulesSection()
    validate_: ValidateSection = Field(ValidateSection(), alias="validate")
    publish: PublishSection = PublishSection()
    redis: RedisSection = RedisSection()
    serving: ServingSection = ServingSection()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the base class names it
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())

    @property
    def layout(self) -> Layout:
        """The paths below the data folder, absolute."""
        return Layout((config_file().parent / self.paths.data).resolve())

    @property
    def rules_file(self) -> Path:
        """The business rules; the file need not exist."""
        return (config_file().parent / self.rules.file).resolve()

    @property
    def keys(self) -> RedisKeys:
        """The Redis keys of this namespace."""
        return RedisKeys(self.project.namespace)


def config_file() -> Path:
    """The settings file that is in force; it need not exist unless RECO_CONFIG names it."""
    return Path(os.environ.get("RECO_CONFIG", "reco.toml")).resolve()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings afresh.

    Raises:
        ConfigError: a key is unknown or a value is out of range; names each one.
    """
    if "RECO_CONFIG" in os.environ and not config_file().is_file():
        raise ConfigError(f"RECO_CONFIG names {config_file()}, which is not a file")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = [f"  {'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()]
        raise ConfigError(f"settings ({config_file()} and RECO_* variables) are wrong:\n" + "\n".join(lines)) from error
    except (SettingsError, ValueError) as error:
        raise ConfigError(f"settings ({config_file()} and RECO_* variables) cannot be read: {error}") from error


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process; tests call `get_settings.cache_clear()` after changing the environment."""
    return load_settings()
