"""Folding in for the live generation: the store says which one that is."""

from datetime import UTC, datetime

import pytest

from benchmarks.list_folder import FolderShape, write_list_folder
from jobs.publishing import publish_lists
from jobs.ranking import fold_in_users
from reco_contracts.errors import EmptyPartitionError
from reco_contracts.settings import Settings

NOW = datetime(2026, 4, 1, tzinfo=UTC)


def test_without_a_live_generation_one_has_to_be_named(store_settings: Settings) -> None:
    with pytest.raises(EmptyPartitionError, match="no generation is live"):
        fold_in_users.run(store_settings, NOW, users=["user-1"])


def test_the_live_generation_is_taken_with_the_model_that_ranked_it(store_settings: Settings) -> None:
    write_list_folder(store_settings.layout, "20260401-001", FolderShape(users=3, items=20, k=5))
    publish_lists.run("20260401-001", store_settings)
    # These lists were made by a formula: there is no such model, and the message names it.
    with pytest.raises(EmptyPartitionError, match=r"is not in .*models"):
        fold_in_users.run(store_settings, NOW, users=["user-1"])
