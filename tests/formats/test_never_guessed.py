"""Layouts that mean two things, or look like others, are read rightly or refused; never guessed."""

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import samples
import sequences
from sequences import mask

import consistency
import mark_label
from consistency import evaluate, validate

FRAMES = range(samples.CELLS)


def masks_of(t: int) -> list[np.ndarray]:
    return [mask(k, t) for k in samples.present(t)]


def save(path, array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def images(folder, name: str):
    """Write each mask as an image, {t} and {i} of the name are frame and index."""
    for t in FRAMES:
        for i, pixels in enumerate(masks_of(t)):
            samples.save(folder / name.format(t=t, i=i), pixels.astype(np.uint8) * 255)
    return folder


ALL = [len(masks_of(t)) for t in FRAMES]


def counts(data, out, *flags: str) -> list[int]:
    """Run the command; return the number of masks of each frame."""
    experiment = sequences.mark(data, out, "--output", "rle", *flags)
    return [len(frame) for frame in sequences.labelled(experiment)]


def assert_read(data, out, *flags: str) -> None:
    """Run the command; each mask of each frame must be there."""
    experiment = sequences.mark(data, out, "--output", "rle", *flags)
    for t, found in enumerate(sequences.labelled(experiment)):
        assert {m.tobytes() for m in found.values()} == {m.tobytes() for m in masks_of(t)}


def test_probabilities(tmp_path, refuse):
    for t in FRAMES:
        soft = [np.where(m, 0.9, 0.03).astype(np.float32) for m in masks_of(t)]
        save(tmp_path / "stacks" / "numpy_masks" / f"{t}.npy", np.stack(soft))
        for i, pixels in enumerate(soft):
            save(tmp_path / "files" / "numpy_masks" / str(t) / f"{i}.npy", pixels)
    everything = np.concatenate([masks_of(t) for t in FRAMES])
    times = np.repeat(FRAMES, ALL)
    np.savez(tmp_path / "x.npz", masks=np.where(everything, 0.9, 0.03), frame_indices=times)
    for path in ("stacks", "files", "x.npz"):
        message = refuse(tmp_path / path)
        assert "fractions such as 0.03; if they are probabilities, save mask > 0.5" in message
    for dtype in (np.float32, np.float16):  # whole numbers are masks
        for t in FRAMES:
            stack = np.stack(masks_of(t)) * dtype(255)
            save(tmp_path / "whole" / "numpy_masks" / f"{t}.npy", stack)
        assert_read(tmp_path / "whole", tmp_path / "out")


def test_frame_and_index_in_a_name(tmp_path, refuse):
    folder = images(tmp_path / "data", "{t:04d}_{i}.png")
    message = refuse(folder)
    assert "labelmaps and like png (an image per mask" in message
    assert "--input-format {labelmaps,png}" in message
    assert_read(folder, tmp_path / "out", "--input-format", "png")
    assert sum(counts(folder, tmp_path / "out", "--input-format", "labelmaps")) == 9
    for t in FRAMES:  # one number that counts, or images of several objects, are frames
        samples.save(tmp_path / "counted" / f"frame_{t}.png", masks_of(t)[0])
        samples.save(tmp_path / "several" / f"cam1_{t}.png", samples.label_image(2))
        samples.save(tmp_path / "several" / f"cam2_{t}.png", samples.label_image(2))
    for name, frames in (("counted", 4), ("several", 8)):
        assert len(counts(tmp_path / name, tmp_path / "out")) == frames


@pytest.mark.parametrize("name", ["{t:04d}/mask_{i}.png", "frame_{t}/object{i}.png"])
def test_a_folder_a_frame(tmp_path, refuse, name):
    folder = images(tmp_path / "data", name)
    message = refuse(folder)
    assert "if each is a mask of frame" in message
    assert "add --input-format png, if each is a frame of sequence" in message
    assert_read(folder, tmp_path / "out", "--input-format", "png")


def test_folders_of_sequences_of_binary_images_stay_what_they_are(tmp_path):
    for name in ("bear", "camel"):
        for t in FRAMES:
            samples.save(tmp_path / "data" / name / f"{t:05d}.png", mask("a", t))
    flags = ["--experiments", str(tmp_path / "out"), "--quiet"]
    assert mark_label.main([str(tmp_path / "data"), *flags]) == 0
    assert (tmp_path / "out" / "data" / "camel" / "camel.json").exists()


@pytest.mark.parametrize("inside", ["numpy_masks/", ""])
def test_stacks_with_the_masks_last(tmp_path, refuse, inside):
    for t in FRAMES:
        save(tmp_path / "data" / f"{inside}{t}.npy", np.stack(masks_of(t), axis=-1))
    message = refuse(tmp_path / "data")
    assert "shape (37, 53, 2) looks like (height, width, masks)" in message
    assert "np.moveaxis(masks, -1, 0)" in message
    assert validate.main([str(tmp_path / "data")]) == 2


def test_label_images_with_the_frames_last(tmp_path, refuse):
    wide = np.zeros((300, 400, 4), np.uint8)
    wide[50:90, 20:70] = 1
    save(tmp_path / "x.npy", wide)
    assert "shape (300, 400, 4) looks like (h, w, t)" in refuse(tmp_path / "x.npy")


def test_the_same_in_memory():
    with pytest.raises(ValueError, match=r"frame '000000': array .* looks like \(h, w, n\)"):
        consistency.label([np.stack(masks_of(t), axis=-1) for t in FRAMES])
    with pytest.raises(ValueError, match="are they probabilities"):
        consistency.label([np.where(masks_of(0), 0.9, 0.03)])
    empty = consistency.label([np.stack(masks_of(0)), np.array([]), np.stack(masks_of(2))])
    assert [len(frame) for frame in empty] == [2, 0, 3]


def test_numpy_files_need_no_folder_of_a_certain_name(tmp_path, refuse):
    for t in FRAMES:
        save(tmp_path / "stacks" / f"{t:04d}.npy", np.stack(masks_of(t)))
        for i, pixels in enumerate(masks_of(t)):
            save(tmp_path / "files" / f"{t:04d}" / f"{i}.npy", pixels)
    for name in ("stacks", "files"):
        assert_read(tmp_path / name, tmp_path / "out")
    for name in ("one", "two"):  # folders of stacks are sequences
        shutil.copytree(tmp_path / "stacks", tmp_path / "many" / name)
    flags = ["--experiments", str(tmp_path / "out"), "--quiet"]
    assert mark_label.main([str(tmp_path / "many"), *flags]) == 0
    assert (tmp_path / "out" / "many" / "two" / "two.json").exists()
    for t in FRAMES:
        save(tmp_path / "single" / f"{t:04d}.npy", masks_of(t)[0])
        save(
            tmp_path / "numbers" / f"{t:04d}.npy",
            np.stack(masks_of(2)) * np.uint8([[[1]], [[2]], [[3]]]),
        )
    shutil.rmtree(tmp_path / "out")
    assert "0000.npy: is one (h, w) array; the masks of a frame" in refuse(tmp_path / "single")
    assert "0000.npy: a stack of several numbers; if they are" in refuse(tmp_path / "numbers")


def test_an_empty_array_is_a_frame_without_masks(tmp_path):
    for t in FRAMES:
        stack = np.array([]) if t == 1 else np.stack(masks_of(t))
        save(tmp_path / "stacks" / "numpy_masks" / f"{t}.npy", stack)
        for i, pixels in enumerate(masks_of(t)):
            pixels = np.array([]) if t == 1 else pixels
            save(tmp_path / "files" / "numpy_masks" / str(t) / f"{i}.npy", pixels)
    for name in ("stacks", "files"):
        assert counts(tmp_path / name, tmp_path / "out") == [2, 0, 3, 3]


def test_a_folder_of_mots_files_is_many_sequences(tmp_path):
    text = samples.mots_text(tmp_path / "one")
    for name in ("0002", "0010"):
        (tmp_path / "data").mkdir(exist_ok=True)
        shutil.copy(text, tmp_path / "data" / f"{name}.txt")
    flags = ["--experiments", str(tmp_path / "out"), "--quiet"]
    assert mark_label.main([str(tmp_path / "data"), *flags]) == 0
    content = json.loads((tmp_path / "out" / "data" / "0010" / "0010.json").read_text())
    assert [len(records) for records in content.values()] == ALL
    one = [*flags, "--exp-name", "one", "--sequence", "0002"]
    assert mark_label.main([str(tmp_path / "data"), *one]) == 0
    assert (tmp_path / "out" / "one" / "one.json").exists()


def test_images_beside_masks_are_no_sequence(tmp_path, capsys, refuse):
    root = tmp_path / "data"
    samples.davis(root / "Annotations")
    for t in FRAMES:
        samples.save(root / "JPEGImages" / f"{t:05d}.jpg", np.full((37, 53, 3), 9 * t, np.uint8))
    flags = ["--experiments", str(tmp_path / "out"), "--quiet"]
    assert mark_label.main([str(root), *flags]) == 0
    assert "left out, images without masks: JPEGImages" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out" / "data").iterdir()] == ["Annotations"]
    whole = tmp_path / "davis"
    for name in ("Annotations", "JPEGImages"):
        shutil.copytree(root / name, whole / name / "480p" / "bear")
    shutil.rmtree(tmp_path / "out")
    assert f"give {whole / 'Annotations' / '480p'}\n" in refuse(whole)


def test_images_of_cells_are_no_label_images(tmp_path, refuse, capsys):
    noise = np.random.default_rng(0).integers(100, 900, (4, 37, 53)).astype(np.uint16)
    for t in FRAMES:
        samples.save(tmp_path / "set" / "01" / f"t{t:03d}.tif", noise[t])
    message = refuse(tmp_path / "set" / "01")
    assert "frame 't000.tif': looks like a photograph, not like a label image" in message
    samples.ctc(tmp_path / "set" / "01_RES")
    flags = ["--experiments", str(tmp_path / "out"), "--quiet"]
    assert mark_label.main([str(tmp_path / "set"), *flags]) == 0
    assert "left out, images without masks: 01\n" in capsys.readouterr().err
    assert [p.name for p in (tmp_path / "out" / "set").iterdir()] == ["01_RES"]


def test_files_that_are_sequences_are_named_where_the_folder_is_none(tmp_path, refuse):
    """SA-V has two of a video, which show the same objects."""
    good = samples.sav_json(tmp_path / "good")
    folder = tmp_path / "sav"
    folder.mkdir()
    shutil.copy(good, folder / "x_auto.json")
    (folder / "README.md").write_text("SA-V")
    assert f"no masks found; give the file itself: {folder}/x_auto.json\n" in refuse(folder)
    shutil.copy(good, folder / "x_manual.json")
    message = refuse(folder)
    assert f"give one of its files: {folder}/x_auto.json, x_manual.json\n" in message
    assert sum(counts(folder / "x_manual.json", tmp_path / "out")) == sum(ALL)


def test_a_copied_experiment_keeps_its_labels_or_is_refused(tmp_path, refuse, capsys):
    experiment = sequences.mark(sequences.disjoint(tmp_path / "data"), tmp_path / "out")
    copy = tmp_path / "copy"
    shutil.copytree(experiment, copy)
    shutil.rmtree(tmp_path / "out")
    assert "copy: is experiment 'exp' under another name; rename exp.json to copy.json" in refuse(
        copy, "--experiments", str(tmp_path / "experiments")
    )
    assert evaluate.main([str(copy)]) == 2
    assert "no such experiment; rename exp.json to copy.json" in capsys.readouterr().err
    (copy / "exp.json").rename(copy / "copy.json")
    assert validate.main([str(copy)]) == 0
    assert "identities: 3, on 9 masks" in capsys.readouterr().out


def test_truth_whose_names_say_nothing_is_paired_aloud(tmp_path, capsys):
    experiment = sequences.mark(sequences.disjoint(tmp_path / "data"), tmp_path / "out")
    for t in FRAMES:
        samples.save(tmp_path / "truth" / f"{'abcd'[t]}.png", samples.label_image(t))
    flags = [str(experiment), "--ground-truth", str(tmp_path / "truth")]
    capsys.readouterr()
    assert evaluate.main(flags) == 0
    assert "paired by position: 'a.png' with '0000.png'" in capsys.readouterr().err


def test_mpi_without_a_launcher_says_so(tmp_path):
    pytest.importorskip("mpi4py")
    data = sequences.disjoint(tmp_path / "data")
    command = [sys.executable, "mark_label.py", str(data), "--multi", "mpi", "--quiet"]
    out = ["--experiments", str(tmp_path / "out")]
    done = subprocess.run([*command, *out], capture_output=True, text=True, check=True)
    assert "--multi mpi without a launcher is one rank" in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("masks.pkl", pickle.dumps([1]), "masks.pkl is a pickle, which is not loaded here"),
        ("masks.dat", pickle.dumps([1]), "masks.dat is a pickle, which is not loaded here"),
        ("masks.pt", b"PK\3\4data.pkl", 'frames = torch.load("masks.pt", weights_only=True)'),
        ("film.mp4", b"\0\0\0\x18ftypmp42", "film.mp4 is a video: it holds images, not masks"),
        ("film.avi", b"RIFF\0\0\0\0AVI ", "is a video"),
        ("0.jpg", b"\xff\xd8\xff\xe0", "0.jpg is a photograph: it holds images, not masks"),
    ],
)
@pytest.mark.parametrize("alone", [True, False])
def test_what_is_no_format_of_masks_is_recognised(tmp_path, refuse, name, content, said, alone):
    path = tmp_path / "data" / name
    path.parent.mkdir()
    path.write_bytes(content)
    message = refuse(path if alone else path.parent)
    assert said in message
    assert "import consistency; consistency.label(" in message


def test_the_lines_for_a_pickle_run(tmp_path, refuse, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frames = [[{"segmentation": pixels} for pixels in masks_of(t)] for t in FRAMES]
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(frames))
    lines = refuse(tmp_path / "m.pkl").split("if you trust it: ")[1].split("; a frame is")[0]
    exec(lines)
    found = sequences.labelled(tmp_path / "experiments" / "m")
    assert [len(frame) for frame in found] == ALL
