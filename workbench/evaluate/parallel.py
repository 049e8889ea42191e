"""Many incidents at once: joblib's processes on this machine, or a Dask cluster.

One task is one incident: it takes seconds, so that sending it costs nothing beside it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, TypeVar

import joblib

from workbench.errors import BadInput, MissingPart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["connected", "each"]

Result = TypeVar("Result")


def each(
    function: Callable[..., Result],
    tasks: Iterable[tuple[Any, ...]],
    *,
    n_jobs: int = 1,
    cluster: object | None = None,
) -> list[Result]:
    """Call a function once a task and return what it gave, in the order of the tasks.

    Parameters
    ----------
    function
        Called with a task's items.
    tasks
        One tuple of arguments each.
    n_jobs
        Processes on this machine; 1 stays in this one, -1 takes every processor.
    cluster
        A Dask ``Client``; its workers then do all of it, and must see the same files.

    Raises
    ------
    BadInput
        No number of processes.
    """
    if n_jobs == 0 or n_jobs < -1:
        fact = "Not a number of processes"
        raise BadInput(fact, value=n_jobs, hint="1, 2, …, or -1 for all")
    calls = (joblib.delayed(function)(*task) for task in tasks)
    if cluster is None:
        return list(joblib.Parallel(n_jobs=n_jobs)(calls))
    with joblib.parallel_config(backend="dask", client=cluster):
        # One task a message: joblib's own guess of a batch would keep workers waiting.
        return list(joblib.Parallel(n_jobs=-1, batch_size=1)(calls))


@contextlib.contextmanager
def connected(address: str | None) -> Iterator[object | None]:
    """Connect to the Dask scheduler at an address, for as long as the block lasts.

    Parameters
    ----------
    address
        For example ``tcp://127.0.0.1:8786``; None connects to nothing and gives None.

    Raises
    ------
    MissingPart
        Dask is not installed.
    BadInput
        No scheduler answers there.
    """
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ImportError as error:
        fact, hint = "Dask is not installed", "pip install 'incident-workbench[dask]'"
        raise MissingPart(fact, hint=hint) from error
    try:
        client = Client(address, timeout="10s", set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        fact, hint = "No Dask scheduler answers", "For example tcp://127.0.0.1:8786"
        raise BadInput(fact, value=address, hint=hint) from error
    try:
        yield client
    finally:
        client.close()
