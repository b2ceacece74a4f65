"""The table of formats, and which of them a file or folder has."""

from pathlib import Path
from typing import Final

from jobs.landing.importers.complete_journey import CompleteJourney
from jobs.landing.importers.event_files import EventFiles
from jobs.landing.importers.movielens import MovieLens
from jobs.landing.importers.online_retail import OnlineRetail
from jobs.landing.importers.protocol import Importer
from jobs.landing.importers.record_files import file_columns, record_files
from reco_contracts.errors import ContractError

AUTO: Final = "auto"
_IMPORTERS: Final[tuple[Importer, ...]] = (MovieLens(), OnlineRetail(), CompleteJourney(), EventFiles())
IMPORTERS: Final = {importer.name: importer for importer in _IMPORTERS}


def choose_importer(path: Path, name: str, is_mapped: bool) -> Importer:
    """The importer of a name, or for `auto` the one that knows the content.

    Args:
        path: file or folder.
        name: a format or `auto`.
        is_mapped: the user has named columns, which only our own contract has.

    Raises:
        ContractError: there is no such format or path, or none fits.
    """
    if name not in (AUTO, *IMPORTERS):
        raise ContractError(f"--format {name}: expected one of {AUTO}, {', '.join(IMPORTERS)}")
    if not path.exists():
        raise ContractError(f"{path} does not exist; give a file or a folder with a log")
    if is_mapped and name not in (AUTO, EventFiles.name):
        raise ContractError(f"--map goes with --format {EventFiles.name}; the columns of {name} are fixed")
    if name != AUTO:
        return IMPORTERS[name]
    if is_mapped:
        return IMPORTERS[EventFiles.name]
    for importer in IMPORTERS.values():
        if importer.recognises(path):
            return importer
    raise ContractError(_nothing_fits(path))


def _nothing_fits(path: Path) -> str:
    expected = "\n".join(f"  {importer.name}: {importer.description}" for importer in IMPORTERS.values())
    return (
        f"{path} is no log that Reco knows. Expected one of\n{expected}\n"
        f"found {_found(path)}.\n"
        "If only the columns have other names: --map user_id=YOUR_COLUMN,item_id=YOUR_COLUMN,..."
    )


def _found(path: Path) -> str:
    if path.is_file():
        return f"a file with the columns {', '.join(file_columns(path))[:500] or '(none)'}"
    if files := record_files(path):
        return f"a folder whose first file, {files[0].name}, has the columns {', '.join(file_columns(files[0]))[:500]}"
    names = sorted(entry.name for entry in path.iterdir())
    return (
        f"a folder with {', '.join(names[:10]) if names else 'nothing in it'}, and no CSV, JSON Lines or Parquet file"
    )
