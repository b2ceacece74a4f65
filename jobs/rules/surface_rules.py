"""The rules of every surface of a generation, and what they did, in one place for the ranking."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from jobs.ranking.save_lists import ListBlock
from jobs.rules.apply_pins import pin_blocks
from jobs.rules.compile_rules import RuleBook, compile_for_all, compile_rules
from jobs.rules.count_rules import count_rules, save_report
from jobs.rules.list_rules import ListRules
from jobs.rules.select_items import Mask


@dataclass(frozen=True)
class SurfaceRules:
    """Rules of one generation, compiled once a surface.

    Attributes:
        book: rules, catalogue and people.
        compiled: by surface.
    """

    book: RuleBook
    compiled: dict[str, ListRules] = field(default_factory=dict)

    def for_users(self, surface: str, users: pl.Series) -> ListRules:
        """Rules of lists that have a user each, in this order."""
        return self.compiled.setdefault(surface, compile_rules(self.book, surface, users))

    def keep_users(self, surface: str, rows: npt.NDArray[np.int32]) -> None:
        """Note that of the users of a surface only some have got a list, rows in the order of the lists."""
        rules = self.compiled[surface]
        self.compiled[surface] = replace(rules, audiences=rules.audiences[rows])

    def for_all(self, surface: str) -> ListRules:
        """Rules of lists that are the same for everybody."""
        if surface not in self.compiled:
            self.compiled[surface] = compile_for_all(self.book, surface)
        return self.compiled[surface]

    def allowed_everywhere(self, surface: str) -> Mask:
        """The items that lists of a surface without users may hold, bool, shape (n_items,)."""
        return np.asarray(self.for_all(surface).allowed[0])

    def pinned(self, surface: str, blocks: Iterable[ListBlock]) -> Iterator[ListBlock]:
        """Lists of a surface without users, with its pins.

        An item is not pinned in its own list, nor in the list of a category that is not one of its own.
        """
        yield from pin_blocks(blocks, self.for_all(surface), self._fits)

    def save(self, folder: Path, files: dict[str, Path]) -> None:
        """Keep the rules with the generation, and count what they did.

        Args:
            folder: of the generation.
            files: the list file of each surface.
        """
        if self.book.rules.checksum:
            (folder / "rules.yml").write_text(self.book.rules.text)
        rows: list[dict[str, Any]] = []
        for surface, rules in self.compiled.items():
            if surface not in files:  # nobody has such a list
                continue
            rows += count_rules(files[surface], surface, rules)
        save_report(folder / "rules.json", self.book.rules, rows)

    def _fits(self, subject: str, item: int) -> bool:
        category = subject.rpartition("|")[2] if "|" in subject else None
        item_id, categories = self.book.items.select("item_id", "categories").row(item)
        return subject != item_id and (not category or category in categories)
