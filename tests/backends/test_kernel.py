"""The kernel of the GPU with NumPy as array module; what is missing for a GPU; a GPU, if any."""

import itertools
import sys
from types import ModuleType, SimpleNamespace

import contract
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends import kernel as module
from backends import open_backend
from backends.kernel import Kernel, popcount
from consistency.masks.intersections import intersections
from consistency.masks.packing import pack


def plenty() -> int:
    return 1 << 30


def without_popcount() -> ModuleType:
    """NumPy without bitwise_count, as CuPy was before version 14."""
    functions = {name: value for name, value in vars(np).items() if name != "bitwise_count"}
    return SimpleNamespace(**functions)


@pytest.mark.parametrize("xp", [np, without_popcount()], ids=["popcount", "add in pairs"])
def test_kernel_meets_the_contract_with_numpy_as_array_module(xp):
    with open_backend("no") as serial:
        own = SimpleNamespace(map=serial.map, intersections=Kernel(xp, plenty), workers=1)
        contract.check_kernel(own)


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_popcount_without_a_function_for_it(words):
    expected = [word.bit_count() for word in words]
    assert popcount(without_popcount(), np.array(words, np.uint64)).tolist() == expected


@pytest.fixture
def pair():
    random = np.random.default_rng(0)
    masks = [[random.random((60, 70)) < 0.3 for _ in range(20)] for _ in range(2)]
    return [pack(frame, (60, 70)) for frame in masks]


class CountingArrays:
    """NumPy that counts uploads and has memory for ``limit`` pairs of words."""

    def __init__(self, limit: int):
        self.limit, self.uploads, self.attempts = limit, 0, []

    def __getattr__(self, name):
        return getattr(np, name)

    def asarray(self, array):
        self.uploads += 1
        return array.copy()

    def arange(self, start, stop):
        self.attempts.append(stop - start)
        if stop - start > self.limit:
            raise MemoryError
        return np.arange(start, stop)


def test_out_of_memory_halves_the_work_until_it_fits(pair):
    arrays = CountingArrays(limit=3000)
    free = 20000 * module.BYTES_PER_PAIR / module.SHARE
    counted = Kernel(arrays, lambda: free)(*pair)
    np.testing.assert_array_equal(counted, intersections(*pair))
    assert arrays.attempts[:4] == [20000, 10000, 5000, 2500]
    assert set(arrays.attempts[4:-1]) == {2500}


def test_work_is_cut_to_the_free_memory(pair):
    arrays = CountingArrays(limit=3000)
    counted = Kernel(arrays, lambda: 3000 * module.BYTES_PER_PAIR / module.SHARE)(*pair)
    np.testing.assert_array_equal(counted, intersections(*pair))
    assert max(arrays.attempts) == 3000


def test_no_memory_at_all_is_an_error(pair):
    with pytest.raises(RuntimeError, match="the GPU has no memory left"):
        Kernel(CountingArrays(limit=1), lambda: 0)(*pair)


def test_the_frame_before_stays_on_the_device():
    arrays = CountingArrays(limit=1 << 30)
    count = Kernel(arrays, plenty)
    frames = [pack([np.ones((4, 9), bool)], (4, 9)) for _ in range(40)]
    for before, now in itertools.pairwise(frames):
        assert count(before, now).tolist() == [[36]]
    assert arrays.uploads == 3 * len(frames)  # position, mask and word, each frame once


def test_frames_of_two_sizes_are_refused():
    small, large = (pack([np.ones(shape, bool)], shape) for shape in ((4, 9), (5, 9)))
    with pytest.raises(ValueError, match="cannot overlap"):
        Kernel(np, plenty)(small, large)


class CudaError(RuntimeError):
    """As cupy.cuda.runtime.CUDARuntimeError."""

    def __init__(self, status):
        super().__init__(f"status {status}")
        self.status = status


def cupy_whose_count(answer) -> SimpleNamespace:
    def count():
        if isinstance(answer, Exception):
            raise answer
        return answer

    runtime = SimpleNamespace(getDeviceCount=count, CUDARuntimeError=CudaError)
    return SimpleNamespace(cuda=SimpleNamespace(runtime=runtime))


MISSING = [
    (None, ImportError, "needs CuPy; install it: pip install -r requirements-gpu.txt"),
    (cupy_whose_count(CudaError(35)), OSError, "finds no NVIDIA driver"),
    (cupy_whose_count(CudaError(100)), OSError, "no GPU is visible"),
    (cupy_whose_count(0), OSError, "no GPU is visible"),
    (cupy_whose_count(CudaError(999)), OSError, "CUDA does not start: status 999"),
]


@pytest.mark.parametrize(("cupy", "kind", "message"), MISSING)
def test_what_is_missing_is_said(cupy, kind, message, monkeypatch):
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    with pytest.raises(kind, match=message), open_backend("cupy"):
        pass


def test_no_fallback_from_the_command_line(tmp_path, monkeypatch, capsys):
    import mark_label

    monkeypatch.setitem(sys.modules, "cupy", None)
    assert mark_label.main(["--multi", "cupy", "--data-path", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: the kernel on a GPU needs CuPy")


@pytest.mark.parametrize("name", ["no", "multi"])
def test_kernel_on_a_gpu_belongs_to_two_backends(name):
    with pytest.raises(ValueError, match="use --multi mpi or --multi cupy"):
        open_backend(name, kernel="cupy")
