"""The fast half of the faults; ``make faults`` runs all."""

import pytest
from fault_scene import Scene, Skipped
from fault_table import table

ROWS = [fault for fault in table() if fault.fast]


def test_each_fault_is_a_row():
    names = [fault.name for fault in table()]
    assert len(names) == len(set(names))
    assert 2 * len(ROWS) >= len(names), "the fast half"


@pytest.mark.parametrize("fault", ROWS, ids=lambda fault: fault.name)
def test_nothing_is_lost(tmp_path, fault):
    try:
        assert fault.provoke(Scene(tmp_path))
    except Skipped as reason:
        pytest.skip(str(reason))
