"""Tables of pairs travel without their zeros, and are read as if these were there."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sequences import in_memory

from consistency.masks.intersections import PairTable, no_pairs
from consistency.measure.chunks import Chunk, measure_chunk, measure_frames
from consistency.options import MeasureOptions

pytestmark = pytest.mark.usefixtures("inner_loops")


def squares(count: int, seed: int) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    masks = []
    for _ in range(count):
        mask = np.zeros((40, 50), bool)
        y, x = random.integers(0, 35, 2)
        mask[y : y + random.integers(1, 6), x : x + random.integers(1, 6)] = True
        masks.append(mask)
    return masks


@pytest.fixture
def chunk():
    counts = (30, 0, 1, 200, 200)
    masks = [squares(count, seed) for seed, count in enumerate(counts)]
    frames, layout = in_memory(masks)
    return Chunk(frames, 1), layout, MeasureOptions(lookback=2)


def test_what_arrives_is_what_was_measured(chunk):
    sent = list(measure_frames(*chunk))
    assert [len(m.earlier) for m in sent] == [1, 2, 2, 2]
    assert any(m.within.value.any() for m in sent)
    received = pickle.loads(pickle.dumps(measure_chunk(*chunk)))
    for a, b in zip(sent, received, strict=True):
        for one, other in zip((a.within, *a.earlier), (b.within, *b.earlier), strict=True):
            np.testing.assert_array_equal(one.dense(), other.dense())
        np.testing.assert_array_equal(a.areas, b.areas)
        assert (a.name, a.lookback, a.dropped) == (b.name, b.lookback, b.dropped)


def test_a_message_is_much_smaller_than_its_tables(chunk):
    last = list(measure_frames(*chunk))[-1]
    tables = (last.within, *last.earlier)
    assert len(pickle.dumps(tables)) < sum(table.dense().nbytes for table in tables) / 10


@given(
    hnp.arrays(
        np.int64,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=6),
        elements=st.integers(0, 2),
    )
)
def test_a_table_without_its_zeros_reads_like_the_table(table):
    pairs = PairTable.of(table)
    np.testing.assert_array_equal(pairs.dense(), table)
    expected = [[i, j, table[i, j]] for i, j in zip(*np.nonzero(table), strict=True)]
    assert pairs.listed().tolist() == expected
    rows, columns = (places.ravel() for places in np.indices(table.shape))
    np.testing.assert_array_equal(pairs.at(rows, columns), table.ravel())


def test_masks_that_share_nothing():
    assert no_pairs(3, 2).dense().tolist() == [[0, 0]] * 3


def test_chosen_masks_of_a_table():
    random = np.random.default_rng(2)
    table = random.integers(0, 4, (9, 9))
    for chosen in (np.array([4, 0, 8, 3]), np.arange(9), np.zeros(0, int), np.array([5])):
        found = PairTable.of(table).select(chosen)
        assert np.array_equal(found.dense(), table[np.ix_(chosen, chosen)])
        assert (np.diff(found.index.astype(int)) > 0).all()
