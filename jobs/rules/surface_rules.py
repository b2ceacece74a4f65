"""The rules of every surface of a generation, and what they did, in one place for the ranking."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from jobs.ranking.interaction_matrix import index_of
from jobs.ranking.save_lists import ListBlock
from jobs.rules.apply_pins import pin_blocks
from jobs.rules.compile_rules import RuleBook, compile_for_all, compile_rules
from jobs.rules.count_rules import count_rules, save_report
from jobs.rules.list_rules import ListRules, PinnedItem
from jobs.rules.select_items import Mask
from reco_contracts.columns import LIST_SUBJECT
from reco_contracts.surfaces import POPULAR, SubjectKind, subject_kind


@dataclass(frozen=True)
class SurfaceRules:
    """Rules of one generation, compiled once a surface.

    Attributes:
        book: rules, catalogue and people.
        compiled: by surface.
        users: ids of those whom the lists of a surface are for, sorted; not for surfaces without users.
    """

    book: RuleBook
    compiled: dict[str, ListRules] = field(default_factory=dict)
    users: dict[str, pl.Series] = field(default_factory=dict)

    def for_users(self, surface: str, users: pl.Series) -> ListRules:
        """Rules of lists that have a user each, in this order."""
        if surface not in self.compiled:
            self.compiled[surface] = compile_rules(self.book, surface, users)
            self.users[surface] = users
        return self.compiled[surface]

    def for_all(self, surface: str) -> ListRules:
        """Rules of lists that are the same for everybody."""
        if surface not in self.compiled:
            self.compiled[surface] = compile_for_all(self.book, surface)
        return self.compiled[surface]

    def allowed_everywhere(self, surface: str) -> Mask:
        """The items that lists of a surface without users may hold, bool, shape (n_items,).

        They are on sale and follow the rules for everybody: what may be shown in every market to somebody of
        the age that `rules.unknown_age` says. Rules for a segment, and the ages of those who are known to be
        younger than that, do not count: who reads such a list is not known when it is made.
        """
        return np.asarray(self.for_all(surface).allowed[0])

    def pinned(self, surface: str, blocks: Iterable[ListBlock]) -> Iterator[ListBlock]:
        """Finished lists of a surface with its pins; of home lists these are put in before reasons are given.

        An item is not pinned in its own list, nor in the list of a category that is not one of its own.
        """
        pins = self.compiled[surface].pins
        yield from pin_blocks(blocks, pins, self._asked_by(surface)) if pins else blocks

    def save(self, folder: Path, files: dict[str, Path]) -> None:
        """Keep the rules with the generation, and count what they did.

        Args:
            folder: of the generation.
            files: the list file of each surface.
        """
        if self.book.rules.checksum:
            (folder / "rules.yml").write_text(self.book.rules.text)
        rows: list[dict[str, Any]] = []
        for surface, path in files.items():
            rows += count_rules(path, surface, self._of_file(surface, path))
        save_report(folder / "rules.json", self.book.rules, rows)

    def _of_file(self, surface: str, path: Path) -> ListRules:
        """Rules with the audience of each list of a file: not every user has a list on every surface."""
        rules = self.compiled[surface]
        if surface not in self.users:
            return rules
        subjects = pl.read_parquet(path, columns=[LIST_SUBJECT])[LIST_SUBJECT]
        return replace(rules, audiences=rules.audiences[index_of(subjects, self.users[surface])])

    def _asked_by(self, surface: str) -> Callable[[str, PinnedItem], bool]:
        """Whether the list with a subject has a pin; what is known of users and pinned items is looked up here."""
        kind, rules = subject_kind(surface), self.compiled[surface]
        if kind is SubjectKind.USER:
            audiences = dict(zip(self.users[surface].to_list(), rules.audiences.tolist(), strict=True))
            return lambda subject, pin: bool(pin.audiences[audiences[subject]])
        rows = sorted({pin.item for pin in rules.pins})
        facts = self.book.items[rows].select("item_id", "categories").rows()
        ids = {row: item_id for row, (item_id, _) in zip(rows, facts, strict=True)}
        if kind is SubjectKind.ITEM:
            return lambda subject, pin: subject != ids[pin.item] and bool(pin.audiences[0])
        names = {row: set(categories or ()) for row, (_, categories) in zip(rows, facts, strict=True)}

        def is_asked(subject: str, pin: PinnedItem) -> bool:
            category = subject.partition("|")[2] if surface == POPULAR else subject
            return (not category or category in names[pin.item]) and bool(pin.audiences[0])

        return is_asked
