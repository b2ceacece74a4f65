"""Samples as Prometheus' client library wants them."""

from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric


def counter(name: str, text: str, pid: str, value: float) -> Metric:
    """A counter with one sample."""
    family = CounterMetricFamily(name, text, labels=["pid"])
    family.add_metric([pid], value)
    return family


def labelled(name: str, text: str, label: str, counts: Mapping[str, int], pid: str) -> Metric:
    """A counter with a sample for each value of a label."""
    family = CounterMetricFamily(name, text, labels=[label, "pid"])
    for value, number in counts.items():
        family.add_metric([value, pid], number)
    return family


def gauge(name: str, text: str, pid: str, value: float) -> Metric:
    """A gauge with one sample."""
    family = GaugeMetricFamily(name, text, labels=["pid"])
    family.add_metric([pid], value)
    return family


def info(name: str, text: str, label: str, value: str, pid: str) -> Metric:
    """A gauge that is 1 and says something by its label."""
    family = GaugeMetricFamily(name, text, labels=[label, "pid"])
    family.add_metric([value, pid], 1)
    return family


def cumulated(bounds: Iterable[float], counts: Iterable[int]) -> list[tuple[str, float]]:
    """Buckets of a histogram: upper bound, and everything up to it.

    Args:
        bounds: rising.
        counts: what fell into each, with one more for what is above the last.
    """
    total, buckets = 0, []
    for bound, count in zip([*map(str, bounds), "+Inf"], counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets
