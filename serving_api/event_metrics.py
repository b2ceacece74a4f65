"""Numbers about posted events, for Prometheus."""

import os
from collections.abc import Iterable

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from serving_api.event_intake import EventIntake
from serving_api.metric_families import counter, gauge, labelled


class EventMetrics(Collector):
    """What one process did with events."""

    def __init__(self, intake: EventIntake) -> None:
        """Look at this intake."""
        self._intake = intake

    def collect(self) -> Iterable[Metric]:
        """Every metric with its samples."""
        intake, pid = self._intake, str(os.getpid())
        yield counter("reco_events_accepted", "Posted events that the store has.", pid, intake.accepted)
        yield labelled("reco_events_rejected", "Posted events that break the contract.", "reason", intake.rejected, pid)
        yield labelled("reco_events_refused", "Events that were answered with 503.", "cause", intake.refused, pid)
        yield counter("reco_recent_writes_failed", "Recent items not written.", pid, intake.recent.failed)
        yield counter("reco_recent_refreshed", "Users brought to a new generation.", pid, intake.recent.refreshed)
        yield gauge("reco_event_stream_entries", "Undrained requests with events.", pid, intake.stream.entries)
        yield gauge("reco_event_stream_bytes", "Memory of the streams of events.", pid, intake.stream.bytes)
