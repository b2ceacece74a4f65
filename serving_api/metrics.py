"""Numbers of this process for Prometheus: what it answered, and how fast.

Counted in plain integers, because a client library's counters cost more than the
lookup; the library formats them. Each process counts for itself and labels every
sample with its pid: with several workers a scrape meets one of them, so sum
`rate(...)` over `pid`, and expect gaps in a single one.
"""

import os
from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from serving_api.error_log import ErrorLog
from serving_api.live_metrics import live_metrics
from serving_api.metric_families import counter, cumulated, gauge, labelled

if TYPE_CHECKING:
    from serving_api.live import Live
    from serving_api.served_log import ServedLog

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
_BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
_BUCKETS: Final = len(_BOUNDS_SECONDS) + 1


class _Series:
    """Answers of one route, status and source."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * _BUCKETS
        self.seconds = 0.0

    def add(self, other: "_Series") -> None:
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds


class Metrics(Collector):
    """Counts of one process.

    Args:
        live: for the generation and the state of the store.
        errors: for the lines that were not written.

    Attributes:
        unreadable_lists: stored lists that broke their contract.
    """

    def __init__(self, live: "Live", errors: ErrorLog) -> None:
        """Start at zero."""
        self.unreadable_lists = 0
        self._live = live
        self._errors = errors
        self._series: dict[tuple[str, int, str], _Series] = {}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def observe(self, route: str, status: int, source: str, seconds: float) -> None:
        """Count one answered request.

        Args:
            route: its template, never its path.
            status: HTTP status.
            source: of a list, else "".
            seconds: from the request's arrival to the last byte handed over.
        """
        series = self._series.get((route, status, source))
        if series is None:
            series = self._series[route, status, source] = _Series()
        series.counts[bisect_left(_BOUNDS_SECONDS, seconds)] += 1
        series.seconds += seconds

    def register(self, collector: Collector) -> None:
        """Show further metrics beside these."""
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Every metric with its samples, for the registry."""
        pid = str(os.getpid())
        requests = CounterMetricFamily("reco_http_requests", "Requests answered.", labels=["route", "status", "pid"])
        for (route, status), series in self._by(0, 1).items():
            requests.add_metric([str(route), str(status), pid], sum(series.counts))
        yield requests
        sources = CounterMetricFamily("reco_lists_served", "Lists served, by source.", labels=["source", "pid"])
        for (source,), series in self._by(2).items():
            if source:
                sources.add_metric([str(source), pid], sum(series.counts))
        yield sources
        yield self._histogram(pid)
        yield counter("reco_unreadable_lists", "Stored lists that cannot be read.", pid, self.unreadable_lists)
        yield counter(
            "reco_unwritten_errors", "Refused or failed requests without a log line.", pid, self._errors.unwritten
        )
        yield from live_metrics(self._live, pid)
        yield from _served_log(self._live.served_log, pid)

    def _by(self, *places: int) -> dict[tuple[str | int, ...], _Series]:
        """The series added up over the labels that are not named, by place: route, status, source."""
        found: dict[tuple[str | int, ...], _Series] = {}
        for labels, series in self._series.items():
            found.setdefault(tuple(labels[place] for place in places), _Series()).add(series)
        return found

    def _histogram(self, pid: str) -> Metric:
        histogram = HistogramMetricFamily(
            "reco_http_request_seconds",
            "Time to answer; source is empty where no list is served.",
            labels=["route", "source", "pid"],
        )
        for (route, source), series in self._by(0, 2).items():
            histogram.add_metric(
                [str(route), str(source), pid], cumulated(_BOUNDS_SECONDS, series.counts), series.seconds
            )
        return histogram


def _served_log(log: "ServedLog", pid: str) -> Iterable[Metric]:
    yield counter("reco_served_records", "Served lists that the store took to its log.", pid, log.logged)
    yield labelled("reco_served_records_lost", "Served lists not logged.", "reason", log.lost, pid)
    yield gauge("reco_served_records_waiting", "Served lists that were not sent yet.", pid, log.waiting)
    yield gauge(
        "reco_served_stream_entries", "Undrained entries of the stream that was written last.", pid, log.stream_entries
    )
