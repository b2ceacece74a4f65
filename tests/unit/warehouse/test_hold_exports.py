"""Who reads the exports sees those of one build."""

import threading
from pathlib import Path

import pytest

from jobs.warehouse.hold_exports import reading_exports, renewing_exports
from reco_contracts.artifacts import Layout


def test_an_export_waits_for_readers_and_readers_wait_for_it(tmp_path: Path) -> None:
    layout, done, order = Layout(tmp_path), threading.Event(), []
    layout.export("_").parent.mkdir()

    def export() -> None:
        with renewing_exports(layout):
            order.append("export")
        done.set()

    with reading_exports(layout), reading_exports(layout):
        thread = threading.Thread(target=export)
        thread.start()
        assert not done.wait(0.3)
        order.append("readers")
    assert done.wait(5)
    thread.join()
    with reading_exports(layout):
        order.append("reader")
    assert order == ["readers", "export", "reader"]


def test_an_export_that_failed_lets_the_next_one_in(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), renewing_exports(Layout(tmp_path)):
        raise ZeroDivisionError
    with renewing_exports(Layout(tmp_path)):
        pass


def test_where_nothing_was_exported_there_is_nothing_to_hold(tmp_path: Path) -> None:
    with reading_exports(Layout(tmp_path)):
        assert not Layout(tmp_path).export("_").parent.exists()
