import csv
import gzip
import io
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.landing.importers.record_files import file_columns, read_records
from jobs.landing.importers.text_lines import MAX_LINE_CHARACTERS
from reco_contracts.errors import ContractError

# Without U+FFFD, which stands for undecodable bytes, and lone surrogates, which no UTF-8 file holds.
FIELDS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\ufffd"), max_size=12)


def read(path: Path, chunk_rows: int = 1_000, names: Iterable[str] = ("a", "b")) -> pl.DataFrame:
    return pl.concat(read_records(path, {name: name for name in names}, chunk_rows))


def write(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@given(rows=st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=20), chunk_rows=st.integers(1, 8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_csv_gives_back_every_field_at_its_physical_line(
    tmp_path: Path, rows: list[tuple[str, str]], chunk_rows: int
) -> None:
    written = io.StringIO(newline="")
    writer = csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(["a", "b"])
    starts = []
    for row in rows:
        starts.append(1 + len(re.findall("\r\n|\r|\n", written.getvalue())))
        writer.writerow(row)
    frame = read(write(tmp_path / "log.csv", written.getvalue()), chunk_rows)
    assert list(zip(frame["a"], frame["b"], strict=True)) == rows
    assert frame["line"].to_list() == starts
    assert frame["reason"].null_count() == len(rows)


@given(st.lists(st.dictionaries(st.sampled_from("ab"), FIELDS, min_size=1), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_json_lines_give_back_every_field(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    frame = read(write(tmp_path / "log.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert frame.select("a", "b").to_dicts() == [{"a": row.get("a"), "b": row.get("b")} for row in rows]
    assert frame["line"].to_list() == list(range(1, len(rows) + 1))


def test_a_quoted_newline_counts_as_a_physical_line(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "log.csv", 'a,b\n1,"two\nlines"\n3,4\n\n5,6\n'))
    assert frame["line"].to_list() == [2, 4, 6]
    assert frame["raw"].to_list() == ['1,"two\nlines"', "3,4", "5,6"]
    assert frame["b"].to_list() == ["two\nlines", "4", "6"]


def test_a_wrong_number_of_fields_is_one_malformed_record(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "log.csv", "a,b\n1,2\n3\n4,5,6\n7,8\n"))
    assert frame["reason"].to_list() == [None, "malformed_row", "malformed_row", None]
    assert frame["detail"].to_list()[1] == "1 fields, the header has 2"
    assert frame["raw"].to_list()[1:3] == ["3", "4,5,6"]


def test_a_stray_quote_costs_the_lines_it_swallowed_and_no_more(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "log.csv", 'a,b\n1,"open\n2,"shut"\n3,4\n'))
    assert frame.select("line", "raw", "reason").rows() == [
        (2, '1,"open', "malformed_row"),
        (3, '2,"shut"', "malformed_row"),
        (4, "3,4", None),
    ]


def test_a_quote_that_never_ends_costs_the_csv_field_limit_at_most(tmp_path: Path) -> None:
    lines = [f"{number},x" for number in range(60_000)]
    frame = read(write(tmp_path / "log.csv", 'a,b\n1,"open\n' + "\n".join(lines) + "\n"), 100_000)
    malformed = frame.filter(pl.col("reason") == "malformed_row")
    assert frame.height == 60_001
    assert malformed.height < 20_000
    assert malformed["line"].to_list() == list(range(2, 2 + malformed.height))
    assert frame["raw"].to_list()[-1] == "59999,x"


def test_a_line_without_end_is_cut_and_reading_goes_on(tmp_path: Path) -> None:
    frame = read(write(tmp_path / "log.csv", "a,b\n1," + "x" * (2 * MAX_LINE_CHARACTERS) + "\n3,4\n"))
    assert frame["reason"].to_list() == ["malformed_row", None]
    assert frame["line"].to_list() == [2, 3]
    assert len(frame["raw"][0]) == MAX_LINE_CHARACTERS


def test_undecodable_bytes_are_bad_encoding(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("a,b\nzażółć,2\n".encode() + "café,3\n".encode("latin-1"))
    frame = read(path)
    assert frame["reason"].to_list() == [None, "bad_encoding"]
    assert frame["a"][0] == "zażółć"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiter_byte_order_mark_and_crlf_are_understood(tmp_path: Path, delimiter: str) -> None:
    text = f"\ufeffa{delimiter}b\r\n1{delimiter}2\r\n"
    frame = read(write(tmp_path / "log.csv", text))
    assert frame.select("a", "b", "raw").row(0) == ("1", "2", f"1{delimiter}2")


def test_gzip_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(gzip.compress(b'{"a": 1, "b": 2.5}\n'))
    assert read(path).select("a", "b").row(0) == ("1", "2.5")


@pytest.mark.parametrize("bad", ["not json", "[1]", '{"a": 1', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 100_000])
def test_a_bad_json_line_is_malformed_and_reading_goes_on(tmp_path: Path, bad: str) -> None:
    frame = read(write(tmp_path / "log.jsonl", '{"a": true, "b": null}\n' + bad + '\n{"b": [1]}\n'))
    assert frame["reason"].to_list() == [None, "malformed_row", None]
    assert frame["raw"][1] == bad
    assert frame.select("a", "b").row(0) == ("true", None)
    assert frame["b"][2] == "[1]"


def test_parquet_rows_pass_as_text_with_their_row_number(tmp_path: Path) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
    table = pl.DataFrame({"a": [moment, None], "b": [["x", 'y"'], []], "other": [1.5, None]})
    table.write_parquet(tmp_path / "log.parquet")
    frame = read(tmp_path / "log.parquet", chunk_rows=1)
    assert frame["line"].to_list() == [1, 2]
    assert frame["a"].to_list() == ["2026-01-02 03:04:05.678000", None]
    assert frame["b"].to_list() == ['["x","y\\""]', "[]"]
    assert json.loads(frame["raw"][0])["other"] == "1.5"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x7fELF\x00\x01", "binary data"),
        ("a,b\n".encode("utf-16"), "UTF-16"),
        (b'[{"a": 1}]', "JSON array"),
        (b"PAR1 and nothing more", "Parquet"),
        (gzip.compress(b"a,b\n" + b"1,2\n" * 9_999, mtime=0)[:-20], "gzip data is damaged"),
        (b"a,a\n1,2\n", "more than once"),
        (b'"a,b\n1,2\n', "header"),
    ],
)
def test_what_cannot_be_read_is_refused_in_plain_words(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    with pytest.raises(ContractError, match=message):
        read(path, names=file_columns(path))
