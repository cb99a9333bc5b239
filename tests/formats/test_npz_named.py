"""Archives with an array per mask or frame: names that tell which, those that do not, pickles."""

import numpy as np
import pytest
import samples
import sequences

from consistency.formats import open_dataset

FRAMES = range(samples.CELLS)


def flat(name: str, make=lambda pixels: pixels) -> dict[str, np.ndarray]:
    """An array per mask; {t} and {k} of the name are frame and identity."""
    return {
        name.format(t=t, k=samples.IDS[k]): make(sequences.mask(k, t))
        for t in FRAMES
        for k in samples.present(t)
    }


def save(folder, arrays: dict[str, np.ndarray]):
    path = folder / "x.npz"
    np.savez_compressed(path, **arrays)
    return path


def assert_read(path) -> None:
    """All masks are there, with their identities."""
    dataset = open_dataset(path)
    found = sequences.pixels_of(dataset)
    expected = [{samples.IDS[k]: sequences.mask(k, t) for k in samples.present(t)} for t in FRAMES]
    sequences.assert_same(found, expected)


@pytest.mark.parametrize(
    "name",
    ["{t}/{k}", "{t:05d}.jpg/{k}", "frame_{t}/cup {k}", "{t}_{k}", "frame{t}_obj{k}",
     "frame_{t}_obj_id_{k}", "t{t}_mask_{k}", "IMG_{t}_{k}"],
)  # fmt: skip
@pytest.mark.parametrize(
    "make",
    [lambda pixels: pixels[None], lambda pixels: np.asfortranarray(pixels).astype(np.uint8) * 255],
)
def test_names_tell_frame_and_object(tmp_path, name, make):
    assert_read(save(tmp_path, flat(name, make)))


def test_numbers_without_a_word_are_explained(tmp_path, caplog):
    open_dataset(save(tmp_path, flat("{t}_{k}")))
    assert "array '0_1' is taken for object 1 of frame 0" in caplog.text
    caplog.clear()
    open_dataset(save(tmp_path, flat("frame_{t}/{k}")))
    assert not caplog.text


def test_ten_comes_after_two_and_an_empty_array_is_no_mask(tmp_path):
    pixels = sequences.mask("a", 0)
    arrays = {"10/1": pixels, "2/1": pixels, "3/1": np.array([])}
    dataset = open_dataset(save(tmp_path, arrays))
    assert [(f.name, len(f.records)) for f in dataset.frames] == [("2", 1), ("3", 0), ("10", 1)]


def test_stacks_of_frames(tmp_path):
    stacks = {f"arr_{t}": np.stack([sequences.mask(k, t) for k in samples.present(t)])[:, None]
              for t in FRAMES}  # fmt: skip
    dataset = open_dataset(save(tmp_path, stacks))
    assert [len(frame.records) for frame in dataset.frames] == [2, 1, 3, 3]
    assert [frame.identities for frame in dataset.frames] == [None] * 4


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        (flat("obj_{k}/frame_{t}"), "holds obj_1/frame_0"),
        (flat("{k}/frame_{t}"), "holds 1/frame_0"),
        (flat("a_{k}_b_{t}"), "masks need frame_indices (n,) beside them, or names FRAME/OBJECT"),
        (flat("{t}/{k}", lambda p: p * 0.5), "holds fractions such as 0.5"),
        (flat("{t}/{k}", lambda p: np.stack([p, p])), "'0/1' has shape (2, 37, 53); a mask is"),
        (flat("{t}/{k}", lambda p: p + 2 * p.T.reshape(p.shape)), "'0/1' holds several numbers"),
        ({"0": np.eye(5), "1": np.eye(5)}, "'0' has shape (5, 5); the masks of a frame are"),
        ({"0": np.ones((50, 60, 3)), "1": np.ones((50, 60, 3))}, "has shape (50, 60, 3); the"),
    ],
)
def test_what_may_mean_two_things_is_refused(tmp_path, refuse, arrays, said):
    assert said in refuse(save(tmp_path, arrays))


def nested() -> dict[int, dict[int, np.ndarray]]:
    """As the example of SAM 2 has it."""
    return {
        t: {samples.IDS[k]: sequences.mask(k, t)[None] for k in samples.present(t)} for t in FRAMES
    }


def whole(path):
    np.savez(path.with_suffix(".npz"), video_segments=nested())
    return path.with_suffix(".npz")


def beside_others(path):
    np.savez(path.with_suffix(".npz"), size=np.array([37, 53]), video_segments=nested())
    return path.with_suffix(".npz")


def by_frame(path):
    np.savez(path.with_suffix(".npz"), **{str(t): masks for t, masks in nested().items()})
    return path.with_suffix(".npz")


def saved(path):
    np.save(path.with_suffix(".npy"), nested(), allow_pickle=True)
    return path.with_suffix(".npy")


@pytest.mark.parametrize("write", [whole, beside_others, by_frame, saved])
def test_the_lines_for_a_pickled_dict_make_a_file_that_is_read(
    tmp_path, refuse, monkeypatch, write
):
    path = write(tmp_path / "x")
    message = refuse(path)
    assert f"{path}: holds Python objects (a pickle), which are not loaded here" in message
    lines = message.split("if you trust it: ")[1].split("; give ")[0]
    monkeypatch.chdir(tmp_path)
    exec(lines)
    assert_read(tmp_path / "x_masks.npz")


def test_the_lines_for_a_pickled_list_run(tmp_path, refuse, monkeypatch):
    frames = np.empty(4, object)
    for t in FRAMES:
        frames[t] = np.stack([sequences.mask(k, t) for k in samples.present(t)])
    np.save(tmp_path / "m.npy", frames, allow_pickle=True)
    lines = refuse(tmp_path / "m.npy").split("if you trust it: ")[1].split("; a frame is")[0]
    monkeypatch.chdir(tmp_path)
    exec(lines)
    found = sequences.labelled(tmp_path / "experiments" / "m")
    assert [len(frame) for frame in found] == [2, 1, 3, 3]
