"""The page of all models on public logs: made from reports alone, and replaced between its markers only."""

from pathlib import Path

import pytest
from small_shop import RUN_DATE

from benchmarks.models_report import BEGIN, END, PAGE, overview, page_text, write_page
from jobs.evaluation.evaluate_family import evaluate_family
from jobs.evaluation.evaluation_tasks import make_tasks, read_marts


@pytest.fixture
def reports(make_shop) -> dict:
    settings = make_shop(surfaces={"home": {"exclude_seen": "off"}}).settings
    tasks = make_tasks(read_marts(settings.layout, RUN_DATE), RUN_DATE, settings)
    return {"completejourney": evaluate_family(tasks, RUN_DATE, settings, ["als"])}


def test_the_best_is_bold_and_both_tables_are_there(reports: dict) -> None:
    text = page_text(reports)
    best = reports["completejourney"]["all_items"]["models"]["als"]["ndcg"]["value"]
    assert f"| ALS | **{best:.4f}** |" in overview(reports)
    assert text.index("### All items") < text.index("### Only items that are new to the user")
    assert "images/models/completejourney-popularity-bias.png" in text


def test_only_what_stands_between_the_markers_is_replaced(reports: dict, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nfrom the last run\n{END}\nafter\n")
    write_page(page, page_text(reports))
    once = page.read_text()
    assert once.startswith(f"before\n{BEGIN}\n")
    assert once.endswith(f"{END}\nafter\n")
    assert "from the last run" not in once
    write_page(page, page_text(reports))
    assert page.read_text() == once
    page.write_text("no markers")
    with pytest.raises(SystemExit, match="lacks the lines"):
        write_page(page, "text")


def test_the_page_of_the_docs_has_the_markers() -> None:
    text = PAGE.read_text()
    assert text.index(BEGIN) < text.index(END)
