"""The tool that looks for untested numbers finds them."""

import subprocess
import sys
from pathlib import Path

import mutate
import pytest

SOURCE = '''
from dataclasses import dataclass

OTHER = 5

@dataclass(frozen=True)
class Parameters:
    """Numbers."""

    # Größe
    tested: float = 0.6
    free: int = 10
    pair: tuple[int, int] = (1, -4)
    flag: bool = True


DEFAULTS = Parameters()
'''

TEST = """
from consistency.track.parameters import DEFAULTS, Parameters

def test_it(default=DEFAULTS):
    assert default.tested == Parameters().tested == Parameters.tested == {tested}
"""


def test_every_number_is_set_to_0_and_three_times_and_a_third():
    source = SOURCE.encode()
    found = [(c.name, c.old, c.new) for c in mutate.changes(source)]
    assert found == [
        *[("tested", 0.6, new) for new in (0.0, 3 * 0.6, 0.6 / 3)],
        *[("free", 10, new) for new in (0, 30, 3)],
        *[("pair", 1, new) for new in (0, 3)],  # a third of 1 is 0 again
        *[("pair", 4, new) for new in (0, 12, 1)],
    ]
    for change in mutate.changes(source):
        values: dict = {}
        exec(change.apply(source), values)
        now = vars(values["Parameters"])
        parts = [now["tested"], now["free"], *now["pair"]]
        assert sum(a != b for a, b in zip(parts, [0.6, 10, 1, -4], strict=True)) == 1
        assert change.new in [abs(v) for v in parts]


@pytest.fixture
def checkout(tmp_path):
    for name, content in ((mutate.FILE, SOURCE), ("tests/track/test_it.py", TEST)):
        file = tmp_path / "checkout" / name
        file.parent.mkdir(parents=True)
        file.write_text(content.format(tested=0.6) if content is TEST else content)
    (tmp_path / "checkout" / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    return tmp_path / "checkout"


def survivors(checkout, factor):
    """What a process of its own prints: pytest runs once in each."""
    code = (
        "import sys; from pathlib import Path; import mutate\n"
        "root = Path(sys.argv[1])\n"
        f"every = list(mutate.changes((root / mutate.FILE).read_bytes(), [{factor}]))\n"
        "print('alive', *(c.name for c in mutate.survivors(root, every, workers=2)))"
    )
    tools = Path(mutate.__file__).parent
    command = [sys.executable, "-c", code, str(checkout)]
    return subprocess.run(command, cwd=tools, capture_output=True, text=True, timeout=100)


def test_what_no_test_looks_at_survives(checkout):
    done = survivors(checkout, 0)
    assert "tested = 0 in place of 0.6: noticed" in done.stdout
    assert done.stdout.splitlines()[-1] == "alive free pair pair", done.stderr
    assert (checkout / mutate.FILE).read_text() == SOURCE


def test_tests_that_fail_as_they_are_tell_nothing(checkout):
    (checkout / "tests" / "track" / "test_it.py").write_text(TEST.format(tested=7))
    assert "RuntimeError: tests/track fails as it is" in survivors(checkout, 0).stderr
