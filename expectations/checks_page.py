"""The first page of a check report: every check with its outcome, readable without a network.

Great Expectations' own first page is drawn by scripts from other sites and stays
empty without them; its page a suite does not, and is linked from here.
"""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1c2024 }
h1 { font-size: 1.6rem } h2 { font-size: 1.15rem; margin-top: 2rem }
table { border-collapse: collapse; width: 100% } td { border-top: 1px solid #e3e6ea; padding: .35rem .6rem }
td:first-child { min-width: 4.5rem; font-weight: 600; white-space: nowrap; vertical-align: top }
.passed { color: #11773b } .failed { color: #c0232c }
.detail { color: #5c6670; font-size: .9em }
"""


class CheckResult(NamedTuple):
    """One check and its outcome.

    Attributes:
        suite: the suite that it belongs to.
        check: the check in words.
        is_passed: whether it held.
        detail: what was found; empty where it held.
    """

    suite: str
    check: str
    is_passed: bool
    detail: str


def write_checks_page(
    folder: Path, results: Sequence[CheckResult], rows: Mapping[str, int], measured: Mapping[str, str]
) -> Path:
    """Put the page into the folder of a report.

    Args:
        folder: Great Expectations' data docs.
        results: every check, suites together.
        rows: rows judged, by suite.
        measured: figures in words, by name.

    Returns:
        The page.
    """
    failed = sum(not result.is_passed for result in results)
    verdict = f"{failed} of {len(results)} checks failed" if failed else f"all {len(results)} checks passed"
    suites = [
        _suite(name, list(group), rows[name], folder) for name, group in groupby(results, lambda result: result.suite)
    ]
    title = escape(f"Checks of the {folder.name}: {verdict}")
    page = folder / "index.html"
    page.write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><h1>{title}</h1>{_figures(measured)}{''.join(suites)}</body></html>\n",
        encoding="utf-8",
    )
    return page


def _figures(measured: Mapping[str, str]) -> str:
    lines = [f"<tr><td>{escape(name)}</td><td>{escape(said)}</td></tr>" for name, said in measured.items()]
    return f"<h2>Measured</h2><table>{''.join(lines)}</table>" if lines else ""


def _suite(name: str, results: list[CheckResult], rows: int, folder: Path) -> str:
    pages = sorted(folder.glob(f"validations/{name}/**/*.html"))
    link = f' <a href="{quote(str(pages[-1].relative_to(folder)))}">in Great Expectations</a>' if pages else ""
    # What failed is what somebody came for.
    lines = [_line(result) for result in sorted(results, key=lambda result: result.is_passed)]
    return f"<h2>{escape(name)}, {rows:,} rows{link}</h2><table>{''.join(lines)}</table>"


def _line(result: CheckResult) -> str:
    outcome = "passed" if result.is_passed else "failed"
    detail = f'<br><span class="detail">{escape(result.detail)}</span>' if result.detail else ""
    return f'<tr><td class="{outcome}">{outcome}</td><td>{escape(result.check)}{detail}</td></tr>'
