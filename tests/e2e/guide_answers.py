"""The analyst guide as questions and answers: each fenced block of SQL or Python that a block of text follows."""

import re
from dataclasses import dataclass
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "analyst-guide.md"
_BLOCK = re.compile(r"```(?P<language>sql|python)\n(?P<code>.*?)```\n\n```text\n(?P<shown>.*?)```\n", re.DOTALL)
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
_MART = re.compile(r"`((?:dim|fct|feat|rpt)_\w+)`")


@dataclass(frozen=True)
class Question:
    """A block of code and the answer that the guide shows.

    Attributes:
        heading: the last heading above it.
        language: sql or python.
        code: what is asked.
        shown: the answer below it.
    """

    heading: str
    language: str
    code: str
    shown: str


def questions(guide: str) -> list[Question]:
    """Every question of the guide, from top to bottom."""
    return [_question(guide, block) for block in _BLOCK.finditer(guide)]


def with_answer(guide: str, question: Question, answer: str) -> str:
    """The guide with another answer to one question."""

    def block(shown: str) -> str:
        return f"```{question.language}\n{question.code}```\n\n```text\n{shown}```\n"

    return guide.replace(block(question.shown), block(answer))


def marts_in_the_map(guide: str) -> set[str]:
    """The marts that have a row in the guide's map."""
    rows = [line for line in guide.splitlines() if line.startswith("| `")]
    return {mart for row in rows for mart in _MART.findall(row.split("|")[1])}


def _question(guide: str, block: re.Match[str]) -> Question:
    heading = _HEADING.findall(guide, 0, block.start())[-1]
    return Question(heading, block["language"], block["code"], block["shown"])
