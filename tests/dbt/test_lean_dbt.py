"""What is left out of a dbt process is missed by nobody."""

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from jinja2 import Environment

from jobs.warehouse.run_dbt import PROJECT_FOLDER, target_folder
from reco_contracts.settings import Settings

# In a process of its own: what it replaces in dbt stays replaced.
READ_TWICE = """
import sys
from pathlib import Path
from jobs.warehouse.code_cache import CodeCache
from jobs.warehouse.lean_dbt import keep_manifest, make_serializers_later

make_serializers_later()
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from dbt.parser.manifest import extended_mashumaro_encoder, extended_mashumuro_decoder

parsed = Path(sys.argv[1]).read_bytes()
cache = CodeCache(Path(sys.argv[2]), "versions")
read = Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)
keep_manifest(cache)
for _ in range(2):
    kept = Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)
    assert vars(kept).keys() == vars(read).keys()
    assert kept.to_msgpack(extended_mashumaro_encoder) == read.to_msgpack(extended_mashumaro_encoder)
    cache.save()
    cache = CodeCache(Path(sys.argv[2]), "versions")
print(len(kept.nodes))
"""


def test_a_kept_manifest_is_the_one_that_dbt_reads(empty_shop: Settings, tmp_path_factory: Any) -> None:
    parsed = target_folder(empty_shop.layout) / "partial_parse.msgpack"
    kept = tmp_path_factory.mktemp("kept") / "code_cache"
    command = [sys.executable, "-c", READ_TWICE, str(parsed), str(kept)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 50
    assert kept.exists()


def test_a_build_leaves_code_that_only_its_owner_may_write(empty_shop: Settings) -> None:
    assert (target_folder(empty_shop.layout) / "code_cache").stat().st_mode & 0o077 == 0


def test_a_log_for_debugging_has_every_statement(empty_shop: Settings) -> None:
    log = (empty_shop.layout.root / "dbt" / "logs" / "dbt.log").read_text()
    assert "set global max_vacuum_tasks = 0" in log
    assert 'On model.reco.dim_users: /* {"app": "dbt"' in log
    assert "[debug]" in log


@pytest.mark.parametrize(("looks_at_all_dates", "tasks"), [("true", "100"), ("false", "0")])
def test_row_groups_are_put_together_by_the_runs_that_look_at_all_dates(looks_at_all_dates: str, tasks: str) -> None:
    macro = (PROJECT_FOLDER / "macros" / "partitions" / "merge_row_groups.sql").read_text()
    variables: dict[str, bool | Callable[[str, str], str]] = {
        "execute": True,
        "env_var": lambda *_: looks_at_all_dates,
    }
    said = Environment(autoescape=False).from_string(macro + "{{ merge_row_groups() }}").render(variables)  # noqa: S701
    assert said.split() == ["set", "global", "max_vacuum_tasks", "=", f"{tasks};"]
