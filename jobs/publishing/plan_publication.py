"""Lay out a generation in the store before anything is written: sizes, buckets, manifest, expiry."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from jobs.publishing.check_store import count_buckets
from jobs.publishing.read_lists import ListFileSize, measure_lists, measure_why
from reco_contracts.artifacts import Layout
from reco_contracts.list_codec import CODEC_VERSION
from reco_contracts.manifests import CATALOGUE_CHUNK_ITEMS, GenerationManifest, ListsManifest, SurfaceManifest
from reco_contracts.redis_keys import RedisKeys
from reco_contracts.settings import Settings

Sizes = dict[tuple[str, str], ListFileSize]


@dataclass(frozen=True, slots=True)
class Publication:
    """What is being published, where to, and until when it lives.

    Attributes:
        layout: the data folder.
        keys: the namespace.
        manifest: as it will stand in the store.
        sizes: (surface, variant) -> size of its list file.
        why_sizes: the same of the contributors that are published.
        subjects_per_bucket: lists in one hash.
        readback_sample: lists to compare after writing.
        connections: to each server of the store.
        expire_at: Unix time, seconds.
    """

    layout: Layout
    keys: RedisKeys
    manifest: GenerationManifest
    sizes: Sizes
    why_sizes: Sizes
    subjects_per_bucket: int
    readback_sample: int
    connections: int
    expire_at: int


def plan(lists: ListsManifest, settings: Settings, now: datetime) -> Publication:
    """Measure the list files and lay out the generation in the store.

    Args:
        lists: the folder's manifest.
        settings: bucket size, sample, expiry.
        now: when publishing began, UTC.
    """
    layout, per_bucket = settings.layout, settings.publish.subjects_per_bucket
    sizes = {
        (surface, variant): measure_lists(layout.list_file(lists.generation, surface, variant))
        for surface, variants in lists.lists.items()
        for variant in variants
    }
    why_sizes = {
        (surface, variant): measure_why(layout.why_file(lists.generation, surface, variant))
        for surface, variants in (lists.why if settings.publish.why else {}).items()
        for variant in variants
    }
    manifest = GenerationManifest(
        generation=lists.generation,
        run_date=lists.run_date,
        model_version=lists.model_version,
        created_at=now.isoformat(timespec="seconds"),
        codec_version=CODEC_VERSION,
        n_items=lists.n_items,
        catalogue_chunks=-(-lists.n_items // CATALOGUE_CHUNK_ITEMS),
        popular_windows_days=lists.popular_windows_days,
        surfaces=_laid_out(sizes, per_bucket),
        why=_laid_out(why_sizes, per_bucket),
    )
    return Publication(
        layout=layout,
        keys=settings.keys,
        manifest=manifest,
        sizes=sizes,
        why_sizes=why_sizes,
        subjects_per_bucket=per_bucket,
        readback_sample=settings.publish.readback_sample,
        connections=settings.publish.connections,
        expire_at=expiry(settings, now),
    )


def _laid_out(sizes: Sizes, per_bucket: int) -> dict[str, dict[str, SurfaceManifest]]:
    surfaces: dict[str, dict[str, SurfaceManifest]] = {}
    for (surface, variant), size in sizes.items():
        buckets = count_buckets(size.subjects, per_bucket)
        surfaces.setdefault(surface, {})[variant] = SurfaceManifest(subjects=size.subjects, buckets=buckets, k=size.k)
    return surfaces


def expiry(settings: Settings, now: datetime) -> int:
    """When keys that are written or renewed now go by themselves; Unix time, seconds."""
    return int((now + timedelta(days=settings.publish.safety_ttl_days)).timestamp())
