"""Analysts who read the copy all the time: one opens it for every look, one keeps it open."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

# One look: which state it is, and by how much tables that belong together differ in it. A copy of which a part is
# missing, or that is not ready yet, shows in the zeros.
LOOK = """
select
    (select count(*) from marts.dim_generations) as generations,
    (select count(*) from marts.rpt_data_quality) as files,
    (select count(*) from duckdb_tables() where schema_name = 'marts') as marts,
    (select count(*) from duckdb_views() where not internal) as views,
    (select sum(impressions) from marts.rpt_funnel) - (select count(*) from marts.fct_impressions) as impressions_apart,
    (select sum(rows_in_marts) from marts.rpt_data_quality where kind = 'events')
        - (select sum(interactions) from marts.feat_user_daily) as interactions_apart,
    (select sum(lists) from marts.dim_generations)
        - (select count(*) from marts.fct_list_items where position = 1) as lists_apart
"""
_READER = """
import json, sys, time, duckdb
from pathlib import Path

path, look, stop, is_holding = sys.argv[1], sys.argv[2], Path(sys.argv[3]), sys.argv[4] == "holding"
looks, states, failures = 0, [], []

def look_once(connection):
    cursor = connection.execute(look)
    return dict(zip([column[0] for column in cursor.description], cursor.fetchone()))

held = duckdb.connect(path, read_only=True) if is_holding else None
while not (looks and stop.exists()):
    try:
        if held:
            state = look_once(held)
        else:
            with duckdb.connect(path, read_only=True) as connection:
                state = look_once(connection)
        if state not in states[-1:]:
            states.append(state)
    except Exception as error:
        failures.append(str(error))
    looks += 1
    if looks == 1:
        print("looking", flush=True)
    time.sleep(0.3 if held else 0.04)
print(json.dumps({"looks": looks, "states": states, "failures": failures}))
"""


@dataclass
class Seen:
    """What one reader saw.

    Attributes:
        looks: how often it looked.
        states: every state that differs from the one before, in order.
        failures: messages of looks that failed.
    """

    looks: int = 0
    states: list[dict[str, int]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def broken_states(self) -> list[dict[str, int]]:
        """States in which tables that belong together do not."""
        zeros = ("views", "impressions_apart", "interactions_apart", "lists_apart")
        return [state for state in self.states if any(state[name] != 0 for name in zeros)]


@contextmanager
def analysts_reading(copy: Path, stop: Path) -> Iterator[tuple[Seen, Seen]]:
    """Have two processes read the copy while the block runs.

    Args:
        copy: the analysts' copy, already there.
        stop: a path where nothing is; a file there ends them.

    Yields:
        What the one who opens anew saw, and what the one who keeps it open saw; filled when the block has ended.
    """
    seen = (Seen(), Seen())
    readers = [_start(copy, stop, kind) for kind in ("anew", "holding")]
    try:
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "looking\n"
        yield seen
        time.sleep(0.5)  # a last look at what the block left
    finally:
        stop.touch()
        outputs = [reader.communicate(timeout=30)[0] for reader in readers]
        stop.unlink()
    for one, output in zip(seen, outputs, strict=True):
        vars(one).update(json.loads(output))


def _start(copy: Path, stop: Path, kind: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _READER, str(copy), LOOK, str(stop), kind]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
