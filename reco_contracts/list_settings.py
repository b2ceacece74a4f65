"""Settings of lists: surfaces, diversity, coverage, rules, and the checks before publishing."""

from typing import Annotated, Literal

from pydantic import Field

from reco_contracts.settings_section import Section

ExcludeSeen = Literal["forever", "off"] | Annotated[int, Field(ge=1)]


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

    method: Literal["none", "mmr", "calibrated", "dpp"] = "calibrated"
    strength: float = Field(0.1, ge=0, le=1)
    candidates: int = Field(200, ge=1, le=2_000)
    first: int = Field(10, ge=1)
    min_categories: int = Field(5, ge=0)
    max_per_category: int = Field(0, ge=0)
    exploration: float = Field(0.1, ge=0, le=1)


class CoverageSection(Section):
    """[coverage]: places that are spent so that every item is shown to somebody."""

    share: float = Field(0.2, ge=0, le=0.5)
    goal: float = Field(0.85, ge=0, le=1)
    min_lists: int = Field(1, ge=1)
    most_per_list: int = Field(3, ge=1, le=5)


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
