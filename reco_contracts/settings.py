"""Settings: `reco.toml`, overridden by environment variables `RECO_SECTION__KEY`.

The file is the one that `RECO_CONFIG` names, else `reco.toml` in the working
directory, else the defaults below. Relative paths are read from the file's
folder. Every key is described in the repository's `reco.toml`.
"""

import os
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from pydantic_settings.exceptions import SettingsError

from reco_contracts.artifacts import Layout
from reco_contracts.doors_settings import BreakerSection, DoorsSection
from reco_contracts.errors import ConfigError
from reco_contracts.events import MAX_FUTURE_HOURS
from reco_contracts.list_settings import (
    CoverageSection,
    DiversitySection,
    RulesSection,
    SurfacesSection,
    ValidateSection,
)
from reco_contracts.redis_keys import RedisKeys
from reco_contracts.serving_settings import (
    ErasureSection,
    PublishSection,
    RedisSection,
    ServedSection,
    ServingSection,
    SessionSection,
    StreamsSection,
)
from reco_contracts.settings_section import Section
from reco_contracts.train_settings import EvaluateSection, GateSection, TrainSection, TuneSection


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
    doors: DoorsSection = DoorsSection()
    breaker: BreakerSection = BreakerSection()
    session: SessionSection = SessionSection()
    streams: StreamsSection = StreamsSection()
    served: ServedSection = ServedSection()
    erasure: ErasureSection = ErasureSection()

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
