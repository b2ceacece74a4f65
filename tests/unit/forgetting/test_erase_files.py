"""Logs, tables and texts below the data folder: a user leaves them, and nothing else changes."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from benchmarks.list_folder import FolderShape, user_id, write_list_folder
from jobs.forgetting.erase_sources import erase_sources
from jobs.forgetting.erase_tables import erase_tables, user_column
from jobs.forgetting.erase_texts import erase_texts
from jobs.forgetting.erase_warehouse import erase_warehouse
from jobs.forgetting.find_users import find_users
from jobs.forgetting.search_users import search_users
from jobs.forgetting.tombstone_file import Forgotten
from jobs.landing.land_inbox import run as land_inbox
from jobs.landing.ledger import open_ledger, read_entries
from jobs.publishing.read_lists import read_lists_manifest
from reco_contracts.errors import RecoError
from reco_contracts.settings import Settings, WarehouseSection
from tests.unit.forgetting.conftest import HEADER, LOG, NEEDLE, NOW

USERS = frozenset([NEEDLE])
JSON_LINES = '{"user_id": "ann", "item_id": "i1"}\r\n\r\n{"user_id": "bob", "item_id": "ann"}\r\n{"user_id": "ann\r\n'


def sources(settings: Settings) -> dict[str, int]:
    with open_ledger(settings.layout) as ledger:
        found = erase_sources(settings.layout, ledger, USERS, NOW + timedelta(days=1))
    return {path.name: records for path, records in found.items()}


def test_lines_in_the_inbox_become_empty_and_keep_their_numbers(settings: Settings) -> None:
    path = settings.layout.inbox / "events" / "day.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join((HEADER, *LOG, "")))
    land_inbox(settings, NOW)
    assert sources(settings) == {"day.csv": 4}
    kept = ["" if row in (0, 2, 3, 5) else line for row, line in enumerate(LOG)]
    assert path.read_text().split("\n") == [HEADER, *kept, ""]


def test_a_log_that_was_changed_is_not_taken_for_a_new_one(
    settings: Settings, land: Callable[[Path], dict[str, Any]]
) -> None:
    path = settings.layout.inbox / "events" / "day.csv"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join((HEADER, *LOG, "")))
    land_inbox(settings, NOW)
    sources(settings)
    assert land_inbox(settings, NOW)["known_by_name"] == 1
    assert land(path)["already_landed"] == 1, "nor where it is named by hand"
    assert len(read_entries(settings.layout)) == 1


def test_a_zipped_log_keeps_its_form_and_its_line_ends(settings: Settings) -> None:
    path = settings.layout.root / "shop" / "events" / "day.jsonl.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(JSON_LINES.encode()))
    assert sources(settings) == {"day.jsonl.gz": 2}
    assert gzip.decompress(path.read_bytes()).decode() == '\r\n\r\n{"user_id": "bob", "item_id": "ann"}\r\n\r\n'


def test_a_record_over_several_lines_goes_as_a_whole(settings: Settings) -> None:
    path = settings.layout.inbox / "events" / "day.csv"
    path.parent.mkdir(parents=True)
    path.write_text('user_id,item_id\nbob,1\n"ann","two\nlines"\nbob,2\n')
    assert sources(settings) == {"day.csv": 1}
    assert path.read_text() == "user_id,item_id\nbob,1\n\n\nbob,2\n"


def test_list_folders_lose_their_lists_and_count_so(settings: Settings) -> None:
    layout, name = settings.layout, "20260301-001"
    write_list_folder(layout, name, FolderShape(users=5, items=8, k=3, has_why=True))
    erased = erase_tables(layout, frozenset([user_id(2)]))
    assert {str(path.relative_to(layout.lists / name)) for path in erased} == {
        "home/default.parquet",
        "why/home/default.parquet",
    }
    manifest = read_lists_manifest(layout, name)
    assert (manifest.lists["home"]["default"], manifest.why["home"]["default"]) == (4, 4)
    assert pl.read_parquet(layout.list_file(name, "home", "default"))["subject"].to_list() == [
        user_id(user) for user in (0, 1, 3, 4)
    ]


def test_a_list_of_an_item_with_the_same_id_stays(settings: Settings) -> None:
    layout = settings.layout
    subject = pl.DataFrame({"subject": [NEEDLE]})
    for surface in ("home", "similar", "popular", "again"):
        path = layout.list_file("20260301-001", surface, "default")
        path.parent.mkdir(parents=True)
        subject.write_parquet(path)
    assert [
        user_column(layout, layout.list_file("20260301-001", surface, "default"))
        for surface in ("home", "similar", "popular", "again")
    ] == ["subject", None, None, "subject"]
    overlay = layout.overlay_file("20260301-001", "folded_in")
    overlay.parent.mkdir(parents=True)
    subject.write_parquet(overlay)
    assert user_column(layout, overlay) == "subject"


def test_the_ids_of_a_model_keep_their_places(settings: Settings) -> None:
    path = settings.layout.models / "als-20260301-001" / "user_ids.parquet"
    path.parent.mkdir(parents=True)
    pl.DataFrame({"user_id": ["aaron", NEEDLE, "bob"]}).write_parquet(path)
    assert erase_tables(settings.layout, USERS) == {path: 1}
    assert pl.read_parquet(path)["user_id"].to_list() == ["aaron", None, "bob"]
    assert b"ann" not in path.read_bytes()


def test_a_file_that_holds_nobody_of_them_is_not_touched(settings: Settings) -> None:
    path = settings.layout.export("dim_users")
    path.parent.mkdir(parents=True)
    pl.DataFrame({"user_id": ["anna"]}).write_parquet(path)
    before = path.stat().st_mtime_ns, path.read_bytes()
    assert erase_tables(settings.layout, USERS) == {}
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A small warehouse: two tables with users, one of lists, one with comments and a view over it."""
    path = tmp_path / "reco.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("""
            create schema marts;
            create table marts.users (user_id varchar not null, n integer);
            insert into marts.users select 'user-' || i, i from range(5000) as t (i);
            insert into marts.users values ('needle-in-a-haystack', 1);
            create table marts.lists (subject varchar, subject_kind varchar);
            insert into marts.lists values
                ('needle-in-a-haystack', 'user'), ('needle-in-a-haystack', 'item'), (null, 'user');
            create table marts.items (item_id varchar primary key);
            insert into marts.items values ('needle');
            comment on column marts.items.item_id is 'an item';
            create view marts.seen as select * from reco.marts.users;
        """)
    return path


def test_a_warehouse_keeps_all_but_the_user(database: Path) -> None:
    assert erase_warehouse(database, frozenset(["needle-in-a-haystack"]), WarehouseSection()) == 2
    with duckdb.connect(database) as connection:
        assert connection.execute("select count(*), sum(n) from marts.seen").fetchone() == (5000, 12497500)
        assert connection.execute("select * from marts.lists order by all").fetchall() == [
            ("needle-in-a-haystack", "item"),
            (None, "user"),
        ]
        comment = "select comment from duckdb_columns() where table_name = 'items'"
        assert connection.execute(comment).fetchall() == [("an item",)]
        with pytest.raises(duckdb.ConstraintException):
            connection.execute("insert into marts.items values ('needle')")
    assert [path.name for path in database.parent.iterdir()] == [database.name]


def test_a_warehouse_that_somebody_writes_is_left_alone(database: Path) -> None:
    writer = (
        "import duckdb, sys; connection = duckdb.connect(sys.argv[1]); print('open', flush=True); sys.stdin.readline()"
    )
    command = [sys.executable, "-c", writer, str(database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        with pytest.raises(RecoError, match="held by another process"):
            erase_warehouse(database, frozenset(["needle-in-a-haystack"]), WarehouseSection())
        process.communicate("\n")


@pytest.mark.parametrize(
    ("user", "text", "wanted"),
    [
        ("needle", "rows of needle, e.g. user needle-7", "rows of [erased], e.g. user [erased]-7"),
        ("needle", "needles and pinneedle", "needles and pinneedle"),
        ("ż/ó-1", '"\\u017c/\\u00f3-1" %C5%BC%2F%C3%B3-1 ż/ó-1', '"[erased]" [erased] [erased]'),
        ("a<b>c", "<td>a&lt;b&gt;c</td>", "<td>[erased]</td>"),
        (
            "42",
            "42 of 100 rows, e.g. subject=42; user_id: 42, 142",
            "42 of 100 rows, e.g. subject=[erased]; user_id: [erased], 142",
        ),
        ("17850123", "customer 17850123", "customer [erased]"),
        (
            "null",
            '{"user_id": null, "seen": ["null", "user=null"]}',
            '{"user_id": null, "seen": ["[erased]", "user=[erased]"]}',
        ),
    ],
)
def test_texts_lose_an_id_where_it_can_mean_nobody_else(settings: Settings, user: str, text: str, wanted: str) -> None:
    path = settings.layout.root / "reports" / "2026-03-01" / "checks.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    erase_texts(settings.layout, frozenset([user]))
    assert path.read_text() == wanted


@pytest.mark.parametrize("user", ["20260301", "default", "home"])
def test_a_user_who_is_called_like_a_part_of_a_manifest_takes_no_generation_along(
    settings: Settings, user: str
) -> None:
    layout, name = settings.layout, "20260301-001"
    write_list_folder(layout, name, FolderShape(users=5, items=8, k=3, has_why=True))
    note = layout.export("fct_interactions").with_suffix(".json")
    note.parent.mkdir(parents=True)
    note.write_text(f'{{"warehouse": "{user}"}}')
    assert erase_texts(layout, frozenset([user])) == {}
    assert read_lists_manifest(layout, name).generation == name
    found = list(search_users(layout, frozenset([user])))
    assert note in {finding.path for finding in found}, "shown, for a person to judge"
    assert not any(finding.is_theirs for finding in found)


def test_the_search_finds_what_nobody_has_thought_of(settings: Settings) -> None:
    root, needle = settings.layout.root, "needle-7"
    root.mkdir()
    (root / "notes.bin").write_bytes(b"\0\1needle-7\0")
    (root / "airflow").mkdir()
    (root / "airflow" / "task.log").write_text("published the list of needle-7")
    pl.DataFrame({"user_id": [needle], "title": ["a needle-7 b"]}).write_parquet(root / "new_room.parquet")
    (root / "half.parquet").write_bytes(b"PAR1")
    found = {
        (finding.path.name, finding.what, finding.is_theirs)
        for finding in search_users(settings.layout, frozenset([needle]))
    }
    assert found == {
        ("notes.bin", "text", False),
        ("task.log", "text", True),
        ("new_room.parquet", "user_id", True),
        ("new_room.parquet", "title", False),
        ("half.parquet", "cannot be read: somebody writes it, or was killed", True),
    }


def test_a_file_that_a_drain_takes_away_meanwhile_is_no_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = settings.layout
    gone = [layout.landing("events") / ".day.parquet.abc", layout.spool("posted") / "00-1-0-2-0.jsonl"]
    monkeypatch.setattr("jobs.forgetting.find_users.parquet_files", lambda _: iter(gone[:1]))
    monkeypatch.setattr("jobs.forgetting.erase_tables.parquet_files", lambda _: iter(gone[:1]))
    monkeypatch.setattr("jobs.forgetting.find_users.record_texts", lambda _: gone[1:])
    monkeypatch.setattr("jobs.forgetting.erase_sources.record_texts", lambda _: gone[1:])
    assert find_users(layout, Forgotten(b"k" * 16, ["tombstone"])) == frozenset()
    assert (erase_tables(layout, USERS), sources(settings)) == ({}, {})
