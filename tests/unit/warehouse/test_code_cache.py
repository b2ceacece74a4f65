"""What a process derived from text, the next one reads."""

import os
from pathlib import Path

import pytest

from jobs.warehouse.code_cache import CodeCache


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a cache is kept, in a folder that is not there yet."""
    return tmp_path / "target" / "code_cache"


def never() -> str:
    raise AssertionError("it was made again")


def kept(path: Path) -> CodeCache:
    """A saved cache that holds a template."""
    cache = CodeCache(path, "versions")
    cache.get("template", "text", lambda: "made of it")
    cache.save()
    return cache


def test_what_one_process_made_the_next_one_reads(path: Path) -> None:
    kept(path)
    assert CodeCache(path, "versions").get("template", "text", never) == "made of it"


def test_code_runs_as_it_did(path: Path) -> None:
    source = "def twice(x):\n    return 2 * x\n"
    first = CodeCache(path, "versions")
    first.get("data class", source, lambda: compile(source, "<string>", "exec"))
    first.save()
    names: dict[str, object] = {}
    exec(CodeCache(path, "versions").get("data class", source, never), names)  # type: ignore[arg-type]  # noqa: S102
    assert callable(names["twice"])
    assert names["twice"](21) == 42


def test_another_version_of_a_package_makes_everything_anew(path: Path) -> None:
    kept(path)
    assert CodeCache(path, "other versions").get("template", "text", lambda: "anew") == "anew"


def test_the_same_text_is_one_thing_a_kind(path: Path) -> None:
    cache = kept(path)
    assert cache.get("schema", "text", lambda: "another") == "another"


def test_code_that_somebody_else_could_have_written_does_not_run(path: Path) -> None:
    kept(path)
    path.chmod(0o666)
    assert CodeCache(path, "versions").get("template", "text", lambda: "anew") == "anew"


@pytest.mark.parametrize("damaged", [b"", b"no marshal data", b"\xe9\x01\x00\x00\x00"])
def test_a_damaged_file_is_as_none(path: Path, damaged: bytes) -> None:
    kept(path)
    path.write_bytes(damaged)
    cache = CodeCache(path, "versions")
    assert cache.get("template", "text", lambda: "anew") == "anew"
    cache.save()
    assert CodeCache(path, "versions").get("template", "text", never) == "anew"


def test_of_what_changes_only_the_latest_is_kept(path: Path) -> None:
    for data in (b"monday", b"tuesday"):
        cache = CodeCache(path, "versions")
        assert cache.get_latest("manifest", data, lambda data=data: data.upper()) == data.upper()  # type: ignore[misc]
        cache.save()
    assert CodeCache(path, "versions").get_latest("manifest", b"tuesday", lambda: never().encode()) == b"TUESDAY"
    assert b"MONDAY" not in path.read_bytes()


def test_nothing_is_written_when_nothing_is_new(path: Path) -> None:
    kept(path)
    before = path.stat().st_ino
    cache = CodeCache(path, "versions")
    cache.get("template", "text", never)
    cache.save()
    assert path.stat().st_ino == before


def test_what_cannot_be_kept_is_given_all_the_same(path: Path) -> None:
    cache = CodeCache(path, "versions")
    assert cache.get("schema", "text", lambda: path) == path
    cache.save()
    assert CodeCache(path, "versions").get("schema", "text", lambda: Path("again")) == Path("again")


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_stops_nobody(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    cache = kept(tmp_path / "code_cache")
    assert cache.get("template", "text", never) == "made of it"
