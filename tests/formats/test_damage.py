"""Whatever is in a file: it is read, or refused with a message; no reader fails otherwise."""

import numpy as np
import pytest
import samples

from consistency.formats import READERS, open_dataset, read_masks
from consistency.formats.buffer import Buffer

by_sample = pytest.mark.parametrize("sample", samples.SAMPLES, ids=lambda s: s.__name__)


def refusal(path, name="auto") -> str | None:
    """Read everything; returns the message of what is refused."""
    try:
        dataset = open_dataset(path, name)
        for frame in dataset.frames:
            read_masks(dataset.layout, frame, Buffer())
    except (ValueError, OSError) as error:
        return str(error)
    return None


@by_sample
def test_the_wrong_name_of_a_format(sample, tmp_path):
    path = sample(tmp_path / "data")
    messages = {name: refusal(path, name) for name in READERS}
    assert messages[samples.SAMPLES[sample][0]] is None
    assert [m for m in messages.values() if m], "some format does not fit"
    assert all(len(m) > 10 for m in messages.values() if m is not None)


@by_sample
def test_damaged_bytes(sample, tmp_path, capfd):
    random = np.random.default_rng(7)
    for i in range(10):
        path = sample(tmp_path / str(i))
        root = path if path.is_dir() else path.parent
        files = sorted(p for p in root.rglob("*") if p.is_file())
        file = files[random.integers(len(files))]
        content = bytearray(file.read_bytes())
        for _ in range(random.integers(1, 6)):
            content[random.integers(len(content))] = random.integers(256)
        file.write_bytes(content[: len(content) if i % 3 else random.integers(len(content))])
        message = refusal(path)
        assert message is None or len(message) > 10
    assert capfd.readouterr().err == "", "libraries print nothing of their own"
