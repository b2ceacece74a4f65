"""Where everything at rest lives, and how a file or folder is put there.

A file is written beside its place and moved in; a folder is complete or absent.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from reco_contracts.errors import ContractError, EmptyPartitionError
from reco_contracts.manifests import (
    MANIFEST_FILE,
    GenerationManifest,
    ModelManifest,
    decode_model_manifest,
    encode_manifest,
)


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one data folder.

    Attributes:
        root: the folder that `paths.data` names.
    """

    root: Path

    @property
    def inbox(self) -> Path:
        """Drop folder: `events/`, `items/` and `users/` files that the daily run lands."""
        return self.root / "inbox"

    def landing(self, kind: str) -> Path:
        """Valid rows of `events`, `items` or `users`: event_date=D/<file_sha>.parquet."""
        return self.root / "landing" / kind

    @property
    def ledger(self) -> Path:
        """One JSON file for each landed file, named <file_sha>.json."""
        return self.root / "landing" / "_ledger"

    @property
    def landing_work(self) -> Path:
        """Scratch of the landing in progress; what is there at the next start is from one that was killed."""
        return self.root / "landing" / "_work"

    def spool(self, origin: str) -> Path:
        """What was drained from the streams of `posted` events and `served` records, until it is landed."""
        return self.root / "spool" / origin

    @property
    def quarantine(self) -> Path:
        """Rejected rows: <file_sha>.parquet."""
        return self.root / "quarantine"

    @property
    def replayed(self) -> Path:
        """Which rejected rows were landed after a repair: <file_sha of the replay>.parquet."""
        return self.root / "quarantine" / "_replayed"

    @property
    def warehouse(self) -> Path:
        """DuckDB, one writer at a time."""
        return self.root / "warehouse" / "reco.duckdb"

    @property
    def analytics(self) -> Path:
        """The analysts' copy of the warehouse, replaced atomically."""
        return self.root / "warehouse" / "analytics.duckdb"

    @property
    def docs(self) -> Path:
        """The warehouse's documentation, one HTML page."""
        return self.root / "docs" / "warehouse.html"

    def export(self, mart: str) -> Path:
        """One mart as Parquet: a file, or a folder of months, `2024-03.parquet`, where its key has a date."""
        return self.root / "exports" / f"{mart}.parquet"

    def features(self, view: str) -> Path:
        """One feature view: event_date=D/part.parquet, one partition a run date."""
        return self.root / "features" / view

    @property
    def feast(self) -> Path:
        """Feast's registry."""
        return self.root / "feast" / "registry.db"

    @property
    def models(self) -> Path:
        """Model folders, one a version."""
        return self.root / "models"

    @property
    def tuning(self) -> Path:
        """Searches of parameters, a folder a model."""
        return self.root / "tuning"

    @property
    def lists(self) -> Path:
        """List folders, one a generation."""
        return self.root / "lists"

    def list_file(self, generation: str, surface: str, variant: str) -> Path:
        """The lists of one surface and variant."""
        return self.lists / generation / surface / f"{variant}.parquet"

    def why_file(self, generation: str, surface: str, variant: str) -> Path:
        """What speaks for the first items of the lists of one surface and variant."""
        return self.lists / generation / "why" / surface / f"{variant}.parquet"

    def overlay_file(self, generation: str, name: str) -> Path:
        """Lists of some users that were made after their generation, in the form of its home lists."""
        return self.root / "overlays" / generation / f"{name}.parquet"

    def catalogue_file(self, generation: str) -> Path:
        """The items of a generation; row number = item index."""
        return self.lists / generation / "catalogue.parquet"

    def report(self, run_date: date) -> Path:
        """Reports of one run: evaluation, checks, data docs."""
        return self.root / "reports" / run_date.isoformat()

    @property
    def store(self) -> Path:
        """Files of the embedded Redis-protocol server."""
        return self.root / "store"

    @property
    def airflow(self) -> Path:
        """Airflow's home when we start it."""
        return self.root / "airflow"

    def publication(self, generation: str) -> Path:
        """The record that a generation went live; its manifest as it stood in the store."""
        return self.root / "publications" / f"{generation}.json"

    @property
    def serving_fallback(self) -> Path:
        """The last known popular items, for an API that starts while Redis is down."""
        return self.root / "serving" / "fallback.msgpack"

    @property
    def serving_rules(self) -> Path:
        """The last good live rules, for an API that starts while Redis is down."""
        return self.root / "serving" / "rules.json"

    @property
    def erasure_key(self) -> Path:
        """The key of the tombstones where RECO_ERASURE__KEY gives none; readable by its owner only."""
        return self.root / "erasure" / "key"

    @property
    def tombstones(self) -> Path:
        """Who was erased, or is to be, as keyed hashes."""
        return self.root / "erasure" / "tombstones.json"

    @property
    def serving_keys(self) -> Path:
        """The last known hashed API keys, for the same."""
        return self.root / "serving" / "keys.json"

    @property
    def taken_down(self) -> Path:
        """Items that somebody took down by hand, until the rules file says so."""
        return self.root / "rules" / "taken_down.json"

    def generation_rules(self, generation: str) -> Path:
        """The rules file as it was when a generation was ranked; there is none where there were no rules."""
        return self.lists / generation / "rules.yml"

    def rules_report(self, generation: str) -> Path:
        """What each rule did to the lists of a generation."""
        return self.lists / generation / "rules.json"


@contextmanager
def replace_file(path: Path, *, mode: int = 0o644) -> Iterator[Path]:
    """Give a temporary path in the same folder; move it to `path` on success, remove it on error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; move it there on success, remove it on error.

    Raises:
        ContractError: `path` exists already; versions are never changed.
    """
    if path.exists():
        raise ContractError(f"{path} exists already; a finished folder is never changed, use a new name")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def next_version(parent: Path, stem: str) -> str:
    """The name `<stem>-<nnn>` behind the last one in a folder of versions, counting from 001.

    Gaps are not filled: the name of a version that was removed may still be in use elsewhere.
    """
    numbers = [entry.name.removeprefix(f"{stem}-") for entry in parent.glob(f"{stem}-*")] if parent.exists() else []
    last = max((int(number) for number in numbers if number.isdecimal()), default=0)
    return f"{stem}-{last + 1:03d}"


def next_generation(layout: Layout, run_date: date) -> str:
    """The next generation's name for a run date: `<yyyymmdd>-<nnn>`."""
    return next_version(layout.lists, f"{run_date:%Y%m%d}")


def complete_versions(parent: Path) -> list[str]:
    """The names of the complete folders (those with a manifest), in order of name."""
    return sorted(path.parent.name for path in parent.glob(f"[!.]*/{MANIFEST_FILE}"))


def released_model(layout: Layout) -> str | None:
    """The version whose lists are live, or None before the first release."""
    pointer = layout.models / "released"
    return pointer.read_text().strip() if pointer.exists() else None


def set_released_model(layout: Layout, model_version: str) -> None:
    """Record the version whose lists are live; this ends a promotion."""
    with replace_file(layout.models / "released") as path:
        path.write_text(model_version + "\n")
    (layout.models / "promoted").unlink(missing_ok=True)


def promoted_model(layout: Layout) -> str | None:
    """The version that somebody chose to rank until the next release, or None."""
    pointer = layout.models / "promoted"
    return pointer.read_text().strip() if pointer.exists() else None


def set_promoted_model(layout: Layout, model_version: str) -> None:
    """Let a version rank until the next release."""
    with replace_file(layout.models / "promoted") as path:
        path.write_text(model_version + "\n")


def record_publication(layout: Layout, manifest: GenerationManifest) -> None:
    """Note that a generation went live; a second time changes nothing."""
    if not (path := layout.publication(manifest.generation)).exists():
        with replace_file(path) as temporary:
            temporary.write_bytes(encode_manifest(manifest))


def published_generations(layout: Layout) -> list[str]:
    """The generations that went live and whose lists are still there, in order of name."""
    return [name for name in complete_versions(layout.lists) if layout.publication(name).exists()]


def read_model_manifest(layout: Layout, model_version: str) -> ModelManifest:
    """The manifest of one model version.

    Raises:
        EmptyPartitionError: there is no such complete version.
    """
    path = layout.models / model_version / MANIFEST_FILE
    if not path.exists():
        known = ", ".join(complete_versions(layout.models)) or "none"
        raise EmptyPartitionError(f"model {model_version!r} is not in {layout.models}; complete versions: {known}")
    return decode_model_manifest(path.read_bytes())
