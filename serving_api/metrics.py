"""Numbers of this process for Prometheus.

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
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from serving_api.live import Live
    from serving_api.served_log import ServedLog

CONTENT_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"
_BOUNDS_SECONDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)


class Metrics(Collector):
    """Counts of one process.

    Args:
        live: for the generation and the state of the store.

    Attributes:
        unreadable_lists: stored lists that broke their contract.
    """

    def __init__(self, live: "Live") -> None:
        """Start at zero."""
        self.unreadable_lists = 0
        self._live = live
        self._requests: dict[tuple[str, int], int] = {}
        self._sources: dict[str, int] = {}
        self._latencies: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
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
        request = (route, status)
        self._requests[request] = self._requests.get(request, 0) + 1
        if source:
            self._sources[source] = self._sources.get(source, 0) + 1
        counts = self._latencies.get(route)
        if counts is None:
            counts = self._latencies[route] = [0] * (len(_BOUNDS_SECONDS) + 1)
        counts[bisect_left(_BOUNDS_SECONDS, seconds)] += 1
        self._seconds[route] = self._seconds.get(route, 0.0) + seconds

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self._registry)

    def collect(self) -> Iterable[Metric]:
        """Every metric with its samples, for the registry."""
        pid = str(os.getpid())
        requests = CounterMetricFamily("reco_http_requests", "Requests answered.", labels=["route", "status", "pid"])
        for (route, status), count in self._requests.items():
            requests.add_metric([route, str(status), pid], count)
        yield requests
        sources = CounterMetricFamily("reco_lists_served", "Lists served, by source.", labels=["source", "pid"])
        for source, count in self._sources.items():
            sources.add_metric([source, pid], count)
        yield sources
        yield self._histogram(pid)
        unreadable = CounterMetricFamily("reco_unreadable_lists", "Stored lists that cannot be read.", labels=["pid"])
        unreadable.add_metric([pid], self.unreadable_lists)
        yield unreadable
        yield from self._state(pid)

    def _histogram(self, pid: str) -> Metric:
        histogram = HistogramMetricFamily("reco_http_request_seconds", "Time to answer.", labels=["route", "pid"])
        for route, counts in self._latencies.items():
            total, buckets = 0, []
            for bound, count in zip([*map(str, _BOUNDS_SECONDS), "+Inf"], counts, strict=True):
                total += count
                buckets.append((bound, total))
            histogram.add_metric([route, pid], buckets, self._seconds[route])
        return histogram

    def _state(self, pid: str) -> Iterable[Metric]:
        generation = self._live.generation
        info = GaugeMetricFamily(
            "reco_generation_info", "1 for the generation that is served.", labels=["generation", "pid"]
        )
        info.add_metric([generation.name or "", pid], 1)
        yield info
        items = GaugeMetricFamily("reco_generation_items", "Items in its catalogue.", labels=["pid"])
        items.add_metric([pid], len(generation.catalogue))
        yield items
        rules = GaugeMetricFamily(
            "reco_rules_info", "1 for the live rules that hold; version is empty before any.", labels=["version", "pid"]
        )
        rules.add_metric([self._live.rules.version, pid], 1)
        yield rules
        hidden = GaugeMetricFamily("reco_hidden_items", "Items of the catalogue that rules hide now.", labels=["pid"])
        hidden.add_metric([pid], len(generation.catalogue.rules.hidden))
        yield hidden
        broken = CounterMetricFamily("reco_broken_rules", "Reads of live rules that failed.", labels=["pid"])
        broken.add_metric([pid], self._live.broken_rules)
        yield broken
        yield from _served_log(self._live.served_log, pid)
        up = GaugeMetricFamily("reco_store_up", "1 while lookups reach the store.", labels=["pid"])
        up.add_metric([pid], int(self._live.pipe.is_up))
        yield up


def _served_log(log: "ServedLog", pid: str) -> Iterable[Metric]:
    logged = CounterMetricFamily("reco_served_records", "Served lists that the store took to its log.", labels=["pid"])
    logged.add_metric([pid], log.logged)
    yield logged
    lost = CounterMetricFamily("reco_served_records_lost", "Served lists not logged.", labels=["reason", "pid"])
    for reason, records in log.lost.items():
        lost.add_metric([reason, pid], records)
    yield lost
    waiting = GaugeMetricFamily("reco_served_records_waiting", "Served lists that were not sent yet.", labels=["pid"])
    waiting.add_metric([pid], log.waiting)
    yield waiting
    entries = GaugeMetricFamily(
        "reco_served_stream_entries", "Undrained entries of the stream that was written last.", labels=["pid"]
    )
    entries.add_metric([pid], log.stream_entries)
    yield entries
