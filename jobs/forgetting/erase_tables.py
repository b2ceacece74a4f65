"""Take users out of Parquet files, wherever they lie below the data folder.

Which column names a user follows from the file's columns and its place: `user_id`
everywhere, `subject` where lists are made for users. A file that holds nobody of them
is not touched.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from jobs.forgetting.forgotten_rows import USER
from jobs.ranking.explored_items import EXPLORED_FILE
from jobs.ranking.train_model import USER_IDS_FILE
from reco_contracts.artifacts import Layout, complete_versions, replace_file
from reco_contracts.columns import LIST_SUBJECT
from reco_contracts.errors import ContractError
from reco_contracts.manifests import MANIFEST_FILE, decode_lists_manifest, encode_manifest
from reco_contracts.surfaces import SubjectKind, subject_kind

_BATCH_ROWS: Final = 65_536


def erase_tables(layout: Layout, users: frozenset[str]) -> dict[Path, int]:
    """Take users out of all Parquet files; the counts of list folders follow.

    Args:
        layout: of the data folder.
        users: ids.

    Returns:
        File -> rows taken out, for those that held any.
    """
    erased: dict[Path, int] = {}
    for path in parquet_files(layout):
        with unless_gone(path):
            column = user_column(layout, path)
            if column and (rows := count_rows(path, column, users)):
                blank_users(path, users) if path.name == USER_IDS_FILE else erase_rows(path, column, users)
                erased[path] = rows
    for generation in complete_versions(layout.lists):
        renew_counts(layout, generation)
    return erased


def parquet_files(layout: Layout) -> Iterator[Path]:
    """Every Parquet file below the data folder that can be read, hidden ones too, in order."""
    for path in sorted(layout.root.rglob("*.parquet*")):
        if path.is_file() and is_readable(path):
            yield path


@contextmanager
def unless_gone(path: Path) -> Iterator[None]:
    """Pass over a file that landing moved in or took away since it was listed: what it lands knows the tombstones."""
    try:
        yield
    except (ContractError, FileNotFoundError):
        if path.exists():
            raise


def is_readable(path: Path) -> bool:
    """Whether a file is complete Parquet; one that a writer is still at, or that was killed, is not."""
    try:
        pq.read_metadata(path)
    except (pa.ArrowInvalid, OSError):
        return False
    return True


def user_column(layout: Layout, path: Path) -> str | None:
    """The column of a file that names users; None where none does."""
    names = pq.read_schema(path).names
    if USER in names:
        return USER
    if LIST_SUBJECT not in names:
        return None
    *_, parent, name = ("", *path.relative_to(layout.root).parts)
    room = path.relative_to(layout.root).parts[0]
    if room == layout.lists.name:
        is_of_folder = path.parent.parent == layout.lists
        is_of_users = name == EXPLORED_FILE if is_of_folder else subject_kind(parent) == SubjectKind.USER
        return LIST_SUBJECT if is_of_users else None
    return LIST_SUBJECT if room == layout.overlay_file("", "_").relative_to(layout.root).parts[0] else None


def count_rows(path: Path, column: str, users: frozenset[str]) -> int:
    """Rows of users in a file."""
    if not users:
        return 0
    return int(ds.dataset(path, format="parquet").count_rows(filter=pc.field(column).isin(sorted(users))))


def erase_rows(path: Path, column: str, users: frozenset[str]) -> int:
    """Write a file again without the rows of users; one that holds none stays as it is.

    Args:
        path: Parquet.
        column: that names users.
        users: ids.

    Returns:
        Rows taken out.
    """
    rows = count_rows(path, column, users)
    if rows:
        values = pa.array(sorted(users), pa.string())
        _rewrite(path, lambda batch: batch.filter(pc.invert(_is_theirs(batch, column, values))))
    return rows


def blank_users(path: Path, users: frozenset[str]) -> None:
    """Replace the ids of users by null: the number of a row is their index in a model."""
    values = pa.array(sorted(users), pa.string())

    def blank(batch: Any) -> Any:
        ids = pc.if_else(_is_theirs(batch, USER, values), pa.scalar(None, pa.string()), batch.column(USER))
        at = batch.schema.get_field_index(USER)
        return batch.set_column(at, batch.schema.field(USER), ids.cast(batch.schema.field(USER).type))

    _rewrite(path, blank)


def renew_counts(layout: Layout, generation: str) -> None:
    """Let the manifest of a list folder count what its files hold.

    Args:
        layout: of the data folder.
        generation: a complete folder.
    """
    path = layout.lists / generation / MANIFEST_FILE
    manifest = decode_lists_manifest(path.read_bytes())
    lists = _counts(layout, generation, "lists", manifest.lists)
    why = _counts(layout, generation, "why", manifest.why)
    if (lists, why) != (manifest.lists, manifest.why):
        with replace_file(path) as temporary:
            temporary.write_bytes(encode_manifest(msgspec.structs.replace(manifest, lists=lists, why=why)))


def _counts(
    layout: Layout, generation: str, kind: Literal["lists", "why"], noted: dict[str, dict[str, int]]
) -> dict[str, dict[str, int]]:
    place = layout.list_file if kind == "lists" else layout.why_file
    return {
        surface: {
            variant: pq.read_metadata(path).num_rows if (path := place(generation, surface, variant)).exists() else rows
            for variant, rows in variants.items()
        }
        for surface, variants in noted.items()
    }


def _is_theirs(batch: Any, column: str, values: Any) -> Any:
    return pc.is_in(pc.cast(batch.column(column), pa.string()), value_set=values)


def _rewrite(path: Path, change: Any) -> None:
    """Write a file again, batch by batch, in its own schema and compression."""
    with pq.ParquetFile(path) as file:
        metadata = file.metadata
        is_filled = metadata.num_row_groups and metadata.num_columns
        compression = metadata.row_group(0).column(0).compression.lower() if is_filled else "zstd"
        with (
            replace_file(path, mode=path.stat().st_mode & 0o777) as temporary,
            pq.ParquetWriter(temporary, file.schema_arrow, compression=compression) as writer,
        ):
            for batch in file.iter_batches(_BATCH_ROWS):
                if (kept := change(batch)).num_rows:
                    writer.write_batch(kept)
