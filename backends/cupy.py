"""The backend "cupy": this process reads and packs, a GPU counts.

Two threads take chunks in turn, so that one reads while the GPU counts for the other.
"""

import importlib
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from backends.interface import Wanted
from backends.kernel import Kernel
from backends.windowed import run_in_order
from consistency.backend import Item, Result
from consistency.masks.packed import PackedMasks

# One reads while the GPU counts for the other; a third would find the GPU busy.
THREADS = 2
WINDOW = 2 * THREADS
INSTALL = "pip install -r requirements-gpu.txt"
# cudaError_t, CUDA Runtime API
INSUFFICIENT_DRIVER, NO_DEVICE = 35, 100

# The kernel of each thread: what it has uploaded and its stream belong to that thread.
_of_thread = threading.local()


def intersections(earlier: PackedMasks, later: PackedMasks) -> np.ndarray:
    """Count shared pixels on this thread's GPU, int64 (n, m); see ``backends.kernel``."""
    if not hasattr(_of_thread, "kernel"):
        import cupy

        _of_thread.stream = cupy.cuda.Stream(non_blocking=True)
        _of_thread.kernel = Kernel(
            cupy,
            lambda: cupy.cuda.runtime.memGetInfo()[0],
            cupy.cuda.memory.OutOfMemoryError,
            cupy.get_default_memory_pool().free_all_blocks,
        )
    with _of_thread.stream:
        return _of_thread.kernel(earlier, later)


class Gpu:
    """See ``consistency.backend`` for the contract."""

    name = "cupy"
    workers = THREADS
    shares_folder = True
    intersections = staticmethod(intersections)

    def __init__(self, executor: ThreadPoolExecutor):
        self._executor = executor

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Generator[Result, None, None]:
        """Yield ``function(item)`` for each item."""
        yield from run_in_order(self._executor, function, items, WINDOW)


@contextmanager
def open(wanted: Wanted) -> Iterator[Gpu]:
    """Yield the backend; raises as ``bind``, ValueError for a number of workers."""
    if wanted.workers is not None:
        raise ValueError(
            f"--workers {wanted.workers} with --multi cupy, which has one GPU; leave it out"
        )
    bind(0)
    with ThreadPoolExecutor(THREADS) as executor:
        try:
            yield Gpu(executor)
        except BaseException:
            # Else leaving the executor would wait for all that is handed out.
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def bind(number: int) -> None:
    """Let this thread use GPU ``number``, counted round and round over those there are.

    Raises ImportError without CuPy, OSError without a CUDA library, a driver or a GPU.
    """
    try:
        cuda = importlib.import_module("cupy").cuda
    except ModuleNotFoundError as error:
        if error.name != "cupy":
            raise
        raise ImportError(f"the kernel on a GPU needs CuPy; install it: {INSTALL}") from error
    except ImportError as error:
        raise OSError(f"CuPy does not find CUDA's libraries ({error}): {INSTALL}") from error
    try:
        count = cuda.runtime.getDeviceCount()
    except cuda.runtime.CUDARuntimeError as error:
        if error.status == INSUFFICIENT_DRIVER:
            raise OSError(
                "CuPy finds no NVIDIA driver, or one older than its CUDA; install the driver from "
                "nvidia.com/drivers and see what nvidia-smi says"
            ) from error
        if error.status != NO_DEVICE:
            raise OSError(f"CUDA does not start: {error}; see what nvidia-smi says") from error
        count = 0
    if count == 0:
        raise OSError(
            "no GPU is visible; see nvidia-smi and the variable CUDA_VISIBLE_DEVICES, or use "
            "--multi multi"
        )
    cuda.Device(number % count).use()
