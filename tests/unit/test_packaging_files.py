"""Locks, compose file, images and Makefile: what a stranger's machine gets from them."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LOCKS = {
    name: ROOT / name for name in ("requirements.lock", "docker/api-requirements.lock", "docker/jobs-requirements.lock")
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
RUNS_ONCE = {"airflow-init"}
SECRET_NAME = re.compile(r"PASSWORD|SECRET|FERNET|TOKEN")


def pins(lock: Path) -> dict[str, set[str]]:
    """Package -> versions; a universal lock may pin one package differently on two machines."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", lock.read_text(), flags=re.MULTILINE):
        found.setdefault(_canonical(name), set()).add(version)
    return found


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _wanted(requirements: list[str]) -> set[str]:
    names = {_canonical(re.split(r"[\[<>=! ;]", requirement)[0]) for requirement in requirements}
    return names - {"reco"}


@pytest.mark.parametrize("lock", LOCKS.values(), ids=LOCKS)
def test_a_lock_holds_names_versions_and_hashes_and_no_address(lock: Path) -> None:
    text = lock.read_text()
    assert not re.findall(r"://|--(?:extra-)?index-url|--find-links| @ ", text)
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert len(blocks) >= 15
    assert [block for block in blocks if "==" not in block or "--hash=sha256:" not in block] == []


def test_the_locks_cover_what_pyproject_asks_for() -> None:
    extras = PROJECT["optional-dependencies"]
    base = PROJECT["dependencies"] + extras["serving"]
    assert _wanted(base + extras["dev"]) <= set(pins(LOCKS["requirements.lock"]))
    assert _wanted(base + extras["compose"]) <= set(pins(LOCKS["docker/jobs-requirements.lock"]))
    assert _wanted(extras["serving"]) <= set(pins(LOCKS["docker/api-requirements.lock"]))


@pytest.mark.parametrize("name", ["docker/api-requirements.lock", "docker/jobs-requirements.lock"])
def test_an_image_gets_the_versions_that_were_tested(name: str) -> None:
    tested = pins(LOCKS["requirements.lock"])
    differing = {
        package: versions for package, versions in pins(LOCKS[name]).items() if versions != tested.get(package)
    }
    added = {"apache-airflow-providers-postgres", "asyncpg", "psycopg", "psycopg-binary", "psycopg2-binary"}
    assert set(differing) <= (added if "jobs" in name else set())


def test_the_apis_image_is_light() -> None:
    heavy = {"polars", "duckdb", "implicit", "apache-airflow", "dbt-core", "feast", "great-expectations", "pandas"}
    assert not heavy & set(pins(LOCKS["docker/api-requirements.lock"]))


def test_the_extras_for_spark_and_deep_models_stay_out_of_the_base() -> None:
    assert not {"pyspark", "torch", "dbt-spark"} & set(pins(LOCKS["requirements.lock"]))


def test_every_package_of_ours_is_installed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    rooms = ("expectations", "jobs", "reco_client", "reco_contracts", "serving_api")
    there = {
        ".".join(path.parent.relative_to(ROOT).parts) for room in rooms for path in (ROOT / room).rglob("__init__.py")
    }
    assert there, "no package was found"
    assert listed == there


def test_no_secret_stands_in_the_compose_file() -> None:
    found = [
        (name, str(value))
        for service in COMPOSE["services"].values()
        for name, value in service.get("environment", {}).items()
        if SECRET_NAME.search(name) and not name.endswith("_FILE")
    ]
    assert len(found) >= 8
    for name, value in found:
        assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value) or name.endswith("SQL_ALCHEMY_CONN"), name
    urls = re.findall(r"\w+://[^\s]*@", (ROOT / "docker-compose.yml").read_text())
    assert all(re.search(r":\$\{\w+:\?", url) for url in re.findall(r"\w+://\S+@", " ".join(urls)))


def test_the_compose_file_asks_for_what_the_example_names() -> None:
    """A missing value is an error with its name; the example shows every name, and no value."""
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{([A-Z_0-9]+):\?", text))
    example = dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert asked == set(example)
    assert set(example.values()) == {""}
    assert ".env" in [line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines()]


def test_ports_are_published_on_loopback_and_services_are_watched() -> None:
    for name, service in COMPOSE["services"].items():
        assert all(str(port).startswith("127.0.0.1:") for port in service.get("ports", [])), name
        assert name in RUNS_ONCE or "healthcheck" in service, name


@pytest.mark.parametrize("name", ["jobs", "api"])
def test_an_image_is_pinned_runs_as_nobody_special_and_installs_by_hash(name: str) -> None:
    text = (ROOT / "docker" / f"{name}.Dockerfile").read_text()
    assert set(re.findall(r"^FROM (\S+)", text, flags=re.MULTILINE)) == {"python:3.12-slim-bookworm"}
    assert re.findall(r"^USER (\w+)", text, flags=re.MULTILINE) == ["reco"]
    assert "--require-hashes" in text
    for source in re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", text, flags=re.MULTILINE):
        for path in source.split():
            assert (ROOT / path).exists(), f"{path} is copied and does not exist"


def test_images_cannot_take_in_data_or_secrets() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*", "everything is left out first"
    assert not {"!data", "!.env", "!tests"} & set(lines)


def test_every_target_of_the_makefile_exists_and_is_explained() -> None:
    if shutil.which("make") is None:
        pytest.fail("make is needed")
    shown = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    wanted = ["demo", "stop", "test", "test-slow", "lint", "format", "bench", "bench-serving", "bench-publish"]
    for target in [*wanted, "airflow", "lock", "clean", "help"]:
        assert re.search(rf"^  {target} +\S", shown, flags=re.MULTILINE), target


def test_benchmarks_of_the_makefile_exist() -> None:
    modules = re.findall(r"-m benchmarks\.(\w+)", (ROOT / "Makefile").read_text())
    assert len(modules) >= 2
    assert [name for name in modules if not (ROOT / "benchmarks" / f"{name}.py").exists()] == []


def test_a_log_with_spaces_in_its_path_reaches_the_demo_whole() -> None:
    environment = {"PATH": "/usr/bin:/bin", "DATA": ""}
    done: Any = subprocess.run(
        ["make", "-n", "-o", ".venv/.reco-installed", "demo", 'DATA=my logs/shop "1".csv'],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert '--data "$DATA"' in done.stdout
