"""Numbers of this process for Prometheus: what it serves from, and how the store does."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric

from serving_api.metric_families import counter, cumulated, gauge, info
from serving_api.state import State
from serving_api.store_watch import ROUND_TRIP_BOUNDS

if TYPE_CHECKING:
    from serving_api.generation import Generation
    from serving_api.live import Live


def live_metrics(live: "Live", pid: str) -> Iterable[Metric]:
    """The generation, the rules, the keys, the state and the store.

    Args:
        live: of this process.
        pid: the label of every sample.
    """
    yield from _generation(live.generation, pid)
    yield info(
        "reco_rules_info",
        "1 for the live rules that hold; version is empty before any.",
        "version",
        live.rules.version,
        pid,
    )
    yield gauge(
        "reco_hidden_items",
        "Items of the catalogue that rules hide now.",
        pid,
        len(live.generation.catalogue.rules.hidden),
    )
    yield counter("reco_broken_rules", "Reads of live rules that failed.", pid, live.broken_rules)
    yield gauge("reco_api_keys", "API keys that are known.", pid, len(live.key_ring))
    yield from _state(live, pid)
    yield from _store(live, pid)


def age_seconds(created_at: str, now: datetime) -> float:
    """Seconds since a manifest's time."""
    created = datetime.fromisoformat(created_at)
    return (now - (created if created.tzinfo else created.replace(tzinfo=UTC))).total_seconds()


def _generation(generation: "Generation", pid: str) -> Iterable[Metric]:
    yield info("reco_generation_info", "1 for the generation that is served.", "generation", generation.name or "", pid)
    yield gauge("reco_generation_items", "Items in its catalogue.", pid, len(generation.catalogue))
    if generation.manifest:
        seconds = age_seconds(generation.manifest.created_at, datetime.now(UTC))
        yield gauge("reco_generation_age_seconds", "Since publishing of the live generation began.", pid, seconds)


def _state(live: "Live", pid: str) -> Iterable[Metric]:
    state = GaugeMetricFamily("reco_state", "1 for the state that this process is in.", labels=["state", "pid"])
    now = live.look().state
    for one in State:
        state.add_metric([one.value, pid], int(one is now))
    yield state
    yield counter("reco_state_changes", "Changes of the state or of the store's.", pid, live.states.changes)


def _store(live: "Live", pid: str) -> Iterable[Metric]:
    watch = live.watch
    yield gauge("reco_store_up", "1 while lookups reach the store.", pid, int(live.pipe.is_up))
    yield gauge("reco_store_left_alone", "1 while the breaker keeps lookups from the store.", pid, int(watch.is_open))
    yield counter("reco_breaker_opened", "How often the breaker opened.", pid, watch.times_opened)
    yield counter("reco_store_late_replies", "Replies that did not come in time.", pid, watch.late_replies)
    trips = HistogramMetricFamily(
        "reco_store_round_trip_seconds",
        "From sending to the reply, for the first command of each batch of replies.",
        labels=["pid"],
    )
    trips.add_metric([pid], cumulated(ROUND_TRIP_BOUNDS, watch.round_trips), watch.round_trip_seconds)
    yield trips
