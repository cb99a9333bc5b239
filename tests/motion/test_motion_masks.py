"""Regions of coherent motion: from flow that was made of known regions, and from images."""

import importlib.util
import json

import cv2
import numpy as np
import pytest

from consistency import motion_masks
from consistency.formats import open_dataset
from consistency.motion.model import TERMS, Volume, motions
from consistency.motion.search import doubled, find_regions, half
from consistency.motion.spline import basis

SHAPE, FRAMES = (64, 96), 8
# Motion in pixels at the middle of the frame, and what it changes by from there to a border.
MOTIONS = ([(1.0, 0.5), (0.4, 0.0)], [(-2.0, 1.0), (0.3, -0.3)], [(0.5, 3.0), (-0.4, 0.2)])
DISCS = ((22, 26, 13), (40, 70, 15))  # y, x, radius in the first frame


def true_regions(t):
    """Which region each pixel of a frame is of: a ground and two discs that go with their flow."""
    y, x = np.indices(SHAPE)
    owner = np.zeros(SHAPE, int)
    for k, (cy, cx, radius) in enumerate(DISCS, 1):
        (vx, vy), _ = MOTIONS[k]
        owner[(y - cy - vy * t / 4) ** 2 + (x - cx - vx * t / 4) ** 2 < radius**2] = k
    return owner


def flow_of(owner, t):
    """Flow of known regions; it grows and shrinks over time."""
    x = np.arange(SHAPE[1])
    u = (2 * x - SHAPE[1]) / SHAPE[1]
    flow = np.zeros((*SHAPE, 2), np.float32)
    for k, (mean, change) in enumerate(MOTIONS):
        mine = owner == k
        here = (np.array(mean) + u[:, None] * change) * (1 + 0.2 * np.sin(t / 3))
        flow[mine] = np.broadcast_to(here, flow.shape)[mine]
    return flow


def sequence(seed=0, wild=0.001):
    """Noisy flow fields of all frames, some vectors of which are wild, and the true regions."""
    rng = np.random.default_rng(seed)
    owners = np.stack([true_regions(t) for t in range(FRAMES)])
    flow = np.stack([flow_of(owner, t) for t, owner in enumerate(owners)])
    flow += rng.laplace(0, 0.15, flow.shape)
    some = rng.random(owners.shape) < wild
    flow[some] += rng.normal(0, 20, (np.count_nonzero(some), 2))
    return flow.astype(np.float32), owners


def jaccard(found, owners):
    """Of each true region the IoU of the region that is most like it."""
    best = []
    for k in np.unique(owners):
        true = owners == k
        ratios = [((found == j) & true).sum() / ((found == j) | true).sum() for j in range(3)]
        best.append(max(ratios))
    return best


@pytest.mark.parametrize("frames", [1, 3, 4, 9, 10])
def test_a_spline_follows_constants_and_lines(frames):
    weights = basis(frames)
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    line = np.arange(frames, dtype=float) if frames > 3 else np.ones(frames)
    control = np.linalg.lstsq(weights, line, rcond=None)[0]
    np.testing.assert_allclose(weights @ control, line, atol=1e-9)


def test_quadratic_motion_is_found_again_in_spite_of_wild_vectors():
    rng = np.random.default_rng(1)
    shape = (20, 30)
    true = rng.normal(0, 1, (TERMS, 2)).astype(np.float32)
    volume = Volume.of(np.zeros((5, *shape, 2), np.float32), np.ones((5, *shape)))
    flow = np.tile((true.T @ volume.terms).T.reshape(1, *shape, 2), (5, 1, 1, 1))
    flow[rng.random((5, *shape)) < 0.2] = 50
    volume = Volume.of(flow, np.ones((5, *shape)))
    residual = None
    for _ in range(60):
        control, residual = motions(volume, np.ones((1, 5, *shape), np.float32), residual)
    np.testing.assert_allclose(
        np.einsum("tk,kij->tij", volume.spline, control[0]), [true] * 5, atol=0.02
    )


@pytest.mark.parametrize("seed", [0, 1])
def test_known_regions_are_found(seed):
    flow, owners = sequence(seed)
    known = np.ones(owners.shape, np.float32)
    known[:, :10, :10] = 0
    flow[known == 0] = 0
    fit, tried = find_regions(flow, known, 3)
    assert min(jaccard(fit.shares.argmax(axis=0), owners)) > 0.9
    assert len(tried) > 1
    assert fit.steps[-1] > fit.steps[0]
    again, _ = find_regions(flow, known, 3)
    np.testing.assert_array_equal(fit.shares, again.shares)


def test_half_and_double_are_inverse_but_for_odd_lines():
    fields = np.random.default_rng(0).random((2, 6, 8, 3)).astype(np.float32)
    whole = doubled(np.moveaxis(fields, 3, 0), (13, 17), np)
    np.testing.assert_allclose(half(np.moveaxis(whole, 0, 3)), fields, rtol=1e-6)


@pytest.fixture
def fields(tmp_path):
    """Flow fields as .npy."""
    folder = tmp_path / "flow"
    folder.mkdir()
    for t, flow in enumerate(sequence()[0]):
        np.save(folder / f"{t:04d}.npy", flow)
    return folder


def refused(capsys, *flags):
    """Run on bad input; returns its one line on stderr."""
    assert motion_masks.main([*map(str, flags), "--quiet"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), err[:7]) == ("", 1, "error: ")
    return err


def test_the_output_is_a_data_set_with_labels_that_hold(fields, tmp_path, capsys):
    out = tmp_path / "masks"
    assert motion_masks.main(["--flow-path", str(fields), "--masks", "3", "--out", str(out)]) == 0
    assert "8 frames, 24 masks of 3 regions; log-likelihood" in capsys.readouterr().out
    dataset = open_dataset(out)
    assert [frame.name for frame in dataset.frames] == [f"{t:04d}" for t in range(FRAMES)]
    assert {frame.identities for frame in dataset.frames} == {(1, 2, 3)}
    owners = sequence()[1]
    found = np.zeros(owners.shape, int)
    for t, records in enumerate(json.loads((out / "sk_masks.json").read_text()).values()):
        for record in records:
            mask = np.load(out / record["segmentation"])
            assert mask.dtype == bool
            assert mask.sum() == record["area"]
            found[t][mask] = record["label"] - 1
    assert min(jaccard(found, owners)) > 0.9
    before = (out / "sk_masks.json").read_bytes()
    message = refused(capsys, "--flow-path", fields, "--out", out)
    assert "is not replaced; choose another --out" in message
    assert (out / "sk_masks.json").read_bytes() == before


def test_images_are_enough(tmp_path):
    rng = np.random.default_rng(2)
    ground = cv2.GaussianBlur(rng.integers(0, 255, (100, 140)).astype(np.uint8), (0, 0), 1.5)
    patch = cv2.GaussianBlur(rng.integers(0, 255, (40, 40)).astype(np.uint8), (0, 0), 1.5)
    folder = tmp_path / "frames"
    folder.mkdir()
    for t in range(6):
        image = ground.copy()
        image[30:70, 20 + 4 * t : 60 + 4 * t] = patch
        cv2.imwrite(str(folder / f"{t}.png"), cv2.normalize(image, None, 0, 255, cv2.NORM_MINMAX))
    flags = ["--masks", "2", "--out", str(tmp_path / "masks"), "--quiet"]
    assert motion_masks.main(["--frames-path", str(folder), *flags]) == 0
    for t in range(6):
        mask = np.load(tmp_path / "masks" / "numpy_masks" / str(t) / "2.npy")
        true = np.zeros(mask.shape, bool)
        true[30:70, 20 + 4 * t : 60 + 4 * t] = True
        assert (mask & true).sum() / (mask | true).sum() > 0.75


def test_bad_input_is_one_line_and_leaves_nothing(fields, tmp_path, capsys):
    out = tmp_path / "masks"
    wild = np.zeros((*SHAPE, 2), np.float32)
    wild[3, 4] = np.nan
    for name, content, words in (
        ("0004", wild, "1 of 6144 vectors are not finite numbers"),
        ("0004", np.zeros((50, 60, 2), np.float32), "50 × 60 pixels, but 64 × 96 before"),
        ("0009", wild, "0007 is followed by 0009; 1 frames are missing"),
    ):
        held = (fields / f"{name}.npy").read_bytes() if name == "0004" else None
        np.save(fields / f"{name}.npy", content)
        assert words in refused(capsys, "--flow-path", fields, "--out", out)
        if held:
            (fields / f"{name}.npy").write_bytes(held)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no flow fields; allowed: .flo" in refused(capsys, "--flow-path", empty, "--out", out)
    gone = tmp_path / "gone"
    assert "no such folder" in refused(capsys, "--frames-path", gone, "--out", out)
    cv2.imwrite(str(empty / "0.png"), np.zeros((40, 50), np.uint8))
    assert "one image has no motion" in refused(capsys, "--frames-path", empty, "--out", out)
    (empty / "1.png").write_text("none")
    assert "cannot be read as an image" in refused(capsys, "--frames-path", empty, "--out", out)
    assert not [path for path in tmp_path.iterdir() if "masks" in path.name]


@pytest.mark.skipif(importlib.util.find_spec("cupy") is not None, reason="CuPy is there")
def test_a_gpu_that_is_not_there_is_one_line(fields, tmp_path, capsys):
    flags = "--flow-path", fields, "--out", tmp_path / "masks", "--kernel", "cupy"
    assert "needs CuPy; install it" in refused(capsys, *flags)
