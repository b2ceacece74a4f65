"""`reco sql`: what analysts ask is answered read-only, and what goes wrong is said in words."""

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner, Result

from jobs.cli.answers import table_of
from jobs.cli.main import app
from jobs.warehouse import query_analytics
from reco_contracts.errors import ContractError, EmptyPartitionError, RecoError
from reco_contracts.settings import PathsSection, Settings, load_settings

ITEMS = """
    create schema marts;
    create table marts.items as
    select
        'i' || lpad(range::varchar, 3, '0') as item_id,
        range * 0.5::decimal(18, 4) as price,
        range / 3 as score,
        timestamptz '2024-04-01 23:30:00-02' as seen_at,
        if(range = 0, null, 'a' || chr(27) || '[31m') as title
    from range(120)
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A copy with 120 items, which is what `reco` finds too."""
    monkeypatch.setenv("RECO_PATHS__DATA", str(tmp_path))
    settings = load_settings(paths=PathsSection(data=tmp_path))
    settings.layout.analytics.parent.mkdir()
    with duckdb.connect(settings.layout.analytics) as connection:
        connection.execute(ITEMS)
    return settings


def sql(*arguments: str, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(app, ["sql", *arguments], input=stdin, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_a_table_has_numbers_to_the_right_times_in_utc_and_no_escapes(settings: Settings) -> None:
    lines = sql("from marts.items order by item_id limit 2").stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["item_id", "price", "score", "seen_at", "title"],
        [lines[1]],
        ["i000", "0.0000", "0", "2024-04-02", "01:30:00Z", "-"],
        ["i001", "0.5000", "0.333333", "2024-04-02", "01:30:00Z", "a\\x1b[31m"],
    ]
    assert lines[0].index("price") + 5 == lines[2].index("0.0000") + 6
    assert "\x1b" not in "".join(lines)


def test_a_table_is_cut_and_says_so_but_csv_and_json_are_whole(settings: Settings) -> None:
    query = "select item_id from marts.items"
    cut = sql(query)
    assert len(cut.stdout.splitlines()) == 2 + 50
    assert cut.stderr == "there are more rows: these are the first 50, --limit 0 gives all\n"
    exact = sql(query, "--limit", "120")
    assert (len(exact.stdout.splitlines()), exact.stderr) == (122, "")
    assert len(sql(query, "--limit", "0").stdout.splitlines()) == 122
    assert len(sql(query, "--csv").stdout.splitlines()) == 121
    assert json.loads(sql(query, "--json").stdout)["row_count"] == 120
    assert json.loads(sql(query, "--json", "--limit", "3").stdout)["is_cut"] is True


def test_on_a_narrow_screen_texts_are_folded_and_wide_answers_become_blocks(settings: Settings) -> None:
    """No column is ever lost, and an id or a number is never broken."""
    words = query_analytics.run(
        "select item_id, 'many words that go on and on' as text from marts.items limit 1", settings
    )
    folded = table_of(words, 40).splitlines()
    assert max(map(len, folded)) <= 40
    assert " ".join(" ".join(folded[2:]).split()) == "i000 many words that go on and on"
    rows = query_analytics.run("select item_id, price, title from marts.items order by item_id limit 2", settings)
    assert table_of(rows, 10) == (
        "item_id   i000\nprice     0.0000\ntitle     -\n\nitem_id   i001\nprice     0.5000\ntitle     a\\x1b[31m\n"
    )
    nothing = query_analytics.run("from marts.items where false", settings)
    assert table_of(nothing, 80).splitlines()[0].split() == nothing.columns
    assert table_of(nothing, 10) == "no rows of item_id, price, score, seen_at, title\n"


def test_csv_has_raw_values_and_empty_fields_for_nulls(settings: Settings) -> None:
    shown = sql("select item_id, price, seen_at, null as nothing, [1, null] as l from marts.items limit 1", "--csv")
    assert shown.stdout == 'item_id,price,seen_at,nothing,l\ni000,0.0000,2024-04-02 01:30:00Z,,"[1, null]"\n'


def test_json_has_numbers_types_and_a_name_for_each_column(settings: Settings) -> None:
    query = """
        select 1.5::decimal(18, 4) as a, 2 as a, 'nan'::double as n, date '2024-04-01' as d,
            {'k': [interval 1 hour]} as s, sum(9000000000000000000) as large from range(2)
    """
    answer = json.loads(sql(query, "--json").stdout.splitlines()[-1])
    assert answer["columns"]["a"] == "DECIMAL(18,4)"
    assert answer["rows"] == [
        {"a": 1.5, "a_2": 2, "n": None, "d": "2024-04-01", "s": {"k": ["1:00:00"]}, "large": 18000000000000000000}
    ]


def test_a_query_comes_from_standard_input(settings: Settings) -> None:
    assert sql("-", "--csv", stdin="-- how many\nselect count(*) as items from marts.items;\n").stdout == "items\n120\n"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("selec 1", r'(?s)syntax error at or near "selec".*LINE 1: selec 1'),
        ("from marts.itms", "Table with name itms does not exist"),
        ("select 'x'::integer", "Could not convert string 'x' to INT32"),
        ("drop table marts.items", "can be read, not written"),
        ("insert into marts.items by name select 'x' as item_id", "can be read, not written"),
        ("  ; ", "expected a query, got nothing"),
        ("-- nothing", "expected a query, got no statement"),
    ],
)
def test_what_cannot_be_answered_says_why(query: str, message: str, settings: Settings) -> None:
    with pytest.raises(ContractError, match=message):
        query_analytics.run(query, settings)


def test_a_broken_query_ends_without_a_traceback(settings: Settings) -> None:
    command = [sys.executable, "-m", "jobs.cli.main", "sql", "select [1] from nowhere"]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == ContractError.exit_code
    assert done.stdout == ""
    assert done.stderr.startswith("error: DuckDB cannot answer this query.")
    assert "select [1] from nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_copy_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmptyPartitionError, match="`reco copy-analytics` makes it now"):
        query_analytics.run("select 1", load_settings(paths=PathsSection(data=tmp_path)))


def test_a_copy_that_somebody_writes_is_named(settings: Settings) -> None:
    script = "import duckdb, sys\nc = duckdb.connect(sys.argv[1]); print('open', flush=True); input()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(settings.layout.analytics)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as writer:  # fmt: skip
        assert writer.stdin is not None
        assert writer.stdout is not None
        writer.stdout.readline()
        with pytest.raises(RecoError, match="If somebody opened it for writing"):
            query_analytics.run("select 1", settings)
        writer.stdin.write("\n")


def test_nobody_waits_for_an_answer_that_was_given(settings: Settings) -> None:
    """The connection is closed with the answer: another process may write the file."""
    query_analytics.run("from marts.items", settings)
    script = "import duckdb, sys\nduckdb.connect(sys.argv[1]).close()\n"
    subprocess.run([sys.executable, "-c", script, str(settings.layout.analytics)], check=True)
