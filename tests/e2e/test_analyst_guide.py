"""The analyst guide tells the truth: its questions are asked on its shop, and its answers are what comes out.

With RECO_RENEW_GUIDE=yes (`make guide`) the answers are written into the guide instead.
"""

import os
import subprocess
import sys

import duckdb
import pytest

from jobs.cli.answers import table_of
from jobs.warehouse.query_analytics import run
from reco_contracts.artifacts import Layout
from reco_contracts.settings import PathsSection, load_settings
from tests.e2e.conftest import LATE_AND_BROKEN, REPOSITORY, SIZE, Shop
from tests.e2e.guide_answers import GUIDE, Question, marts_in_the_map, questions, with_answer

IS_RENEWED = os.environ.get("RECO_RENEW_GUIDE") == "yes"
QUESTIONS = questions(GUIDE.read_text())

pytestmark = pytest.mark.timeout(400)  # the first one waits for a run of the whole DAG


def test_the_guide_has_ten_questions_and_doors_for_python() -> None:
    numbered = [question for question in QUESTIONS if question.heading[0].isdigit()]
    assert [question.heading.split(".")[0] for question in numbered] == [str(number) for number in range(1, 11)]
    assert [question.language for question in QUESTIONS].count("python") == 2
    assert IS_RENEWED or all(question.shown for question in QUESTIONS)


def test_the_guide_says_how_to_make_its_shop() -> None:
    guide = GUIDE.read_text()
    assert f"reco simulate --out data/guide/log {' '.join(SIZE)}\n" in guide
    assert f"reco import {LATE_AND_BROKEN.relative_to(REPOSITORY)}\n" in guide


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: f"{question.heading} ({question.language})")
def test_an_answer_is_what_comes_out(question: Question, published_shop: Shop) -> None:
    answer = _ask(question, published_shop.first)
    if IS_RENEWED:
        GUIDE.write_text(with_answer(GUIDE.read_text(), question, answer))
    else:
        assert answer == question.shown, "after a wanted change of the marts: make guide"


def test_every_mart_is_in_the_map(published_shop: Shop) -> None:
    with duckdb.connect(published_shop.first.analytics, read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables() where schema_name = 'marts'").fetchall()
    assert marts_in_the_map(GUIDE.read_text()) == {name for (name,) in tables}


def _ask(question: Question, layout: Layout) -> str:
    """What `reco sql` or Python prints."""
    if question.language == "sql":
        return table_of(run(question.code, load_settings(paths=PathsSection(data=layout.root))))
    command = [sys.executable, "-W", "error", "-c", question.code]
    done = subprocess.run(command, cwd=layout.root.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
