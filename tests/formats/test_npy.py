"""The .npy writer against numpy.load and numpy.save."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consistency.formats import npy
from consistency.formats.buffer import Buffer


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 700), st.integers(1, 400)),
    label=st.sampled_from([1, 255, 256, 70000, 2**40]),
    step=st.sampled_from([64, 4096, 1 << 20]),
)
def test_a_written_mask_is_the_file_that_numpy_saves(tmp_path, seed, shape, label, step):
    rng = np.random.default_rng(seed)
    mask = np.zeros(shape, np.uint8)
    for _ in range(rng.integers(0, 3)):
        y, x = rng.integers(shape[0]), rng.integers(shape[1])
        mask[y : y + rng.integers(1, 90), x : x + rng.integers(1, 90)] = rng.integers(1, 256)
    dtype = np.min_scalar_type(label)
    flat = mask.ravel()
    pieces = (flat[i : i + step] for i in range(0, flat.size, step))
    npy.write_labelled(tmp_path / "a.npy", shape, pieces, label, dtype, Buffer())
    wanted = io.BytesIO()
    np.save(wanted, (mask != 0) * dtype.type(label))
    assert (tmp_path / "a.npy").read_bytes() == wanted.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_background_takes_no_room_on_disk(tmp_path, dtype):
    mask = np.zeros((1000, 1000), np.uint8)
    mask[500:505, 100:200] = 1
    npy.write_labelled(tmp_path / "a.npy", mask.shape, iter([mask.ravel()]), 3, dtype, Buffer())
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), mask * 3)
    stat = (tmp_path / "a.npy").stat()
    if not hasattr(stat, "st_blocks"):
        pytest.skip("this system does not tell how much of a file is on disk")
    (tmp_path / "whole").write_bytes(bytes(stat.st_size))
    if (tmp_path / "whole").stat().st_blocks * 512 < stat.st_size:
        pytest.skip("this file system compresses")
    assert stat.st_blocks * 512 < stat.st_size // 5
