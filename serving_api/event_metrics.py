"""Numbers about posted events, for Prometheus."""

import os
from collections.abc import Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from serving_api.event_intake import EventIntake


class EventMetrics(Collector):
    """What one process did with events."""

    def __init__(self, intake: EventIntake) -> None:
        """Look at this intake."""
        self._intake = intake

    def collect(self) -> Iterable[Metric]:
        """Every metric with its samples."""
        intake = self._intake
        yield _counter("reco_events_accepted", "Posted events that the store has.", "", {"": intake.accepted})
        yield _counter("reco_events_rejected", "Posted events that break the contract.", "reason", intake.rejected)
        yield _counter("reco_events_refused", "Events that were answered with 503.", "cause", intake.refused)
        yield _counter("reco_recent_writes_failed", "Recent items not written.", "", {"": intake.recent.failed})
        yield _counter("reco_recent_refreshed", "Users brought to a new generation.", "", {"": intake.recent.refreshed})
        yield _gauge("reco_event_stream_entries", "Undrained requests with events.", intake.stream.entries)
        yield _gauge("reco_event_stream_bytes", "Memory of the streams of events.", intake.stream.bytes)


def _counter(name: str, text: str, label: str, counts: Mapping[str, int]) -> Metric:
    labels = [label] if label else []
    metric = CounterMetricFamily(name, text, labels=[*labels, "pid"])
    for value, number in counts.items():
        metric.add_metric([value, _pid()] if label else [_pid()], number)
    return metric


def _gauge(name: str, text: str, value: int) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=["pid"])
    metric.add_metric([_pid()], value)
    return metric


def _pid() -> str:
    return str(os.getpid())
