"""Where parcels run: in this process, or on a Dask cluster through joblib."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from bot.errors import ConfigError

PATIENCE: Final = 10.0  # seconds for the scheduler to answer
Given = TypeVar("Given")
Found = TypeVar("Found")


class Executor(Protocol):
    """Where parcels run. `width`: how many it can take at once."""

    @property
    def width(self) -> int: ...

    def run(self, function: Callable[[Given], Found], items: Sequence[Given]) -> list[Found]: ...


class Here:
    """This process: one parcel at a time, its paths on all threads."""

    width = 1

    def run(self, function: Callable[[Given], Found], items: Sequence[Given]) -> list[Found]:
        return [function(item) for item in items]


class Cluster:
    """A Dask cluster that joblib sends parcels to."""

    def __init__(self, width: int) -> None:
        self.width = width

    def run(self, function: Callable[[Given], Found], items: Sequence[Given]) -> list[Found]:
        joblib = importlib.import_module("joblib")
        return list(joblib.Parallel(pre_dispatch="all", batch_size=1)(joblib.delayed(function)(item) for item in items))


@contextmanager
def executor(address: str | None) -> Iterator[Executor]:
    """This process, or the Dask cluster whose scheduler is at `address`. Raises ConfigError when it cannot be had."""
    if address is None:
        yield Here()
        return
    try:
        joblib, distributed = importlib.import_module("joblib"), importlib.import_module("distributed")
    except ImportError:
        raise ConfigError("--cluster needs Dask: pip install -r requirements/sweep.in") from None
    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=True)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        raise ConfigError(f"--cluster: no scheduler at {address}: {said}") from None
    with client, joblib.parallel_config(backend="dask"):
        workers = client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            raise ConfigError(f"--cluster: the scheduler at {address} has no workers")
        yield Cluster(sum(int(worker["nthreads"]) for worker in workers.values()))
