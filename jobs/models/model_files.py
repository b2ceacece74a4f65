"""The one file that a model is saved to: arrays, and a few plain values."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from reco_contracts.errors import ContractError

Arrays = dict[str, npt.NDArray[Any]]
_STATE = "state"


def save_arrays(folder: Path, name: str, arrays: Mapping[str, npt.NDArray[Any]], **state: Any) -> None:
    """Write <name>.npz into an existing folder.

    Args:
        folder: of the model.
        name: of the model.
        arrays: what was learned.
        state: plain values beside it.
    """
    text = np.frombuffer(msgspec.json.encode(state), dtype=np.uint8)
    np.savez(folder / f"{name}.npz", allow_pickle=False, **{_STATE: text, **arrays})


def load_arrays(folder: Path, name: str, expected: tuple[str, ...]) -> tuple[Arrays, dict[str, Any]]:
    """Read what `save_arrays` wrote.

    Args:
        folder: of the model.
        name: of the model.
        expected: names of the arrays that must be there.

    Raises:
        ContractError: the file is missing, cut off, or not of this kind of model.
    """
    path = folder / f"{name}.npz"
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {key: file[key] for key in expected}
            return arrays, msgspec.json.decode(file[_STATE].tobytes())
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ContractError(
            f"{path} is no complete {name} model ({type(error).__name__}: {error}); train again"
        ) from error


def csr_arrays(prefix: str, matrix: csr_matrix) -> Arrays:
    """A sparse matrix as arrays to save, named after it."""
    return {
        f"{prefix}_data": matrix.data,
        f"{prefix}_indices": matrix.indices,
        f"{prefix}_indptr": matrix.indptr,
        f"{prefix}_shape": np.array(matrix.shape),
    }


def csr_names(prefix: str) -> tuple[str, ...]:
    """The names that `csr_arrays` gives."""
    return tuple(f"{prefix}_{part}" for part in ("data", "indices", "indptr", "shape"))


def csr_from(prefix: str, arrays: Arrays) -> csr_matrix:
    """The sparse matrix that `csr_arrays` took apart."""
    data, indices, indptr, shape = (arrays[name] for name in csr_names(prefix))
    return csr_matrix((data, indices, indptr), shape=tuple(shape.tolist()))
