"""The benchmark of home lists runs, and what it measures is what it says."""

from benchmarks.bench_home_lists import large_shop, measure
from benchmarks.published_size import LogSize
from reco_contracts.list_settings import CoverageSection


def test_with_coverage_more_of_the_catalogue_is_shown() -> None:
    work = large_shop(LogSize(users=300, items=600, interactions=1_500))
    without, covered = (measure("any", work, CoverageSection(share=share, goal=0.9)) for share in (0, 0.3))
    assert without["places spent"] == 0
    assert covered["coverage"] == 0.9 > without["coverage"]
