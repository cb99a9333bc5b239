"""OME-Zarr, GEFF and Parquet: each is loaded again by the library of its field."""

import csv
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import samples
import sequences
from launch import ROOT

import mark_label
from consistency import convert
from consistency.formats import WRITERS, writing


def written(output, data, tmp_path, *more):
    """Mark ``data`` with ``output`` and run lengths; skips where its package is missing."""
    try:
        writing.require_extras([output])
    except ImportError as error:
        pytest.skip(str(error))
    return sequences.mark(data, tmp_path / "out", "--output", "rle", output, *more)


@pytest.mark.parametrize(("sample", "layers"), [("disjoint", 1), ("overlapping", 2)])
def test_zarr_reads_all_pixels_of_ome_zarr(sample, layers, request, tmp_path):
    experiment = written("ome-zarr", request.getfixturevalue(sample), tmp_path)
    import zarr

    labels = zarr.open_group(experiment / "ome-zarr" / "exp.zarr" / "labels", mode="r")
    names = labels.attrs["labels"]
    assert names == (["exp"] if layers == 1 else ["exp_layer0", "exp_layer1"])
    stacks = [labels[f"{name}/0"][:] for name in names]
    truth = sequences.labelled(experiment)
    for t, masks in enumerate(truth):
        assert {v for s in stacks for v in np.unique(s[t]).tolist()} - {0} == set(masks)
        for label, pixels in masks.items():
            found = [stack[t] == label for stack in stacks if (stack == label).any()]
            assert len(found) == 1, "a label is in one layer"
            np.testing.assert_array_equal(found[0], pixels)


def test_ome_zarr_is_what_the_specification_asks_for(overlapping, tmp_path):
    models = pytest.importorskip("ome_zarr_models.v04")
    experiment = written("ome-zarr", overlapping, tmp_path)
    import zarr

    group = zarr.open_group(experiment / "ome-zarr" / "exp.zarr" / "labels", mode="r")
    labels = models.Labels.from_zarr(group)
    assert labels.attributes.labels == ["exp_layer0", "exp_layer1"]
    for name in labels.attributes.labels:
        label = models.ImageLabel.from_zarr(group[name])
        assert [axis.name for axis in label.attributes.multiscales[0].axes] == ["t", "y", "x"]


def test_frames_without_masks_are_background_in_ome_zarr(tmp_path):
    frames = [[], [{"segmentation": sequences.mask("a", 0)}], []]
    experiment = written("ome-zarr", sequences.write_native(tmp_path / "data", frames), tmp_path)
    import zarr

    array = zarr.open_array(experiment / "ome-zarr" / "exp.zarr" / "labels" / "exp" / "0", mode="r")
    assert array.shape == (3, sequences.HEIGHT, sequences.WIDTH)
    np.testing.assert_array_equal(array[:].any(axis=(1, 2)), [False, True, False])


def graph_of(folder):
    """Read a graph with the library of the format, after its own checks."""
    import geff
    from geff.core_io import read_to_memory
    from geff.validate.data import ValidationConfig

    checks = ValidationConfig(graph=True, tracklet=True)
    read_to_memory(folder, structure_validation=True, data_validation=checks)
    return geff.read(folder, backend="networkx")


def test_geff_holds_the_centres_and_steps_of_tracks(disjoint, tmp_path):
    experiment = written("geff", disjoint, tmp_path)
    graph, metadata = graph_of(experiment / "geff" / "exp.geff")
    assert metadata.directed
    assert [axis.name for axis in metadata.axes] == ["t", "y", "x"]
    truth = sequences.labelled(experiment)
    nodes = {(node["t"], node["label"]): (key, node) for key, node in graph.nodes(data=True)}
    assert set(nodes) == {(t, label) for t, masks in enumerate(truth) for label in masks}
    for (t, label), (_, node) in nodes.items():
        y, x = np.nonzero(truth[t][label])
        assert (node["y"], node["x"]) == (pytest.approx(y.mean()), pytest.approx(x.mean()))
        assert node["area"] == y.size
    # b (label 2) is away in frame 1: its edge goes over the gap
    steps = {1: (0, 1, 2, 3), 2: (0, 2, 3), 3: (2, 3)}
    wanted = {
        (nodes[a, label][0], nodes[b, label][0])
        for label, times in steps.items()
        for a, b in pairwise(times)
    }
    assert set(graph.edges) == wanted


def test_geff_branches_where_a_cell_divides(tmp_path):
    """c (3) comes from a (1), which is seen on: its track is two tracklets."""
    pytest.importorskip("geff")
    path = samples.ctc_truth(tmp_path / "data")
    assert convert.main([str(path), str(tmp_path / "out"), "--to", "geff", "--quiet"]) == 0
    graph, _ = graph_of(tmp_path / "out" / "geff" / "out.geff")
    branches = {node for node, degree in graph.out_degree if degree == 2}
    assert [(graph.nodes[n]["t"], graph.nodes[n]["label"]) for n in branches] == [(1, 1)]
    after = {graph.nodes[n]["label"] for b in branches for n in graph.successors(b)}
    assert after == {1, 3}
    of_mother = {node["tracklet"] for _, node in graph.nodes(data=True) if node["label"] == 1}
    assert len(of_mother) == 2


def test_pyarrow_reads_tracks_as_the_csv_has_them(overlapping, tmp_path):
    experiment = written("parquet", overlapping, tmp_path)
    from pyarrow import parquet

    table = parquet.read_table(experiment / "tracks.parquet")
    types = {
        name: str(kind) for name, kind in zip(table.column_names, table.schema.types, strict=True)
    }
    assert {types[name] for name in ("label", "frames", "gaps", "parent", "part_of")} == {"int64"}
    assert {types[name] for name in ("mean_area", "mean_iou", "least_confidence")} == {"double"}
    with open(experiment / "tracks.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    found = [{k: "" if v is None else str(v) for k, v in r.items()} for r in table.to_pylist()]
    assert found == rows


EXTRAS = [name for name in WRITERS if writing.find(name).extra]


@pytest.mark.parametrize("output", EXTRAS)
def test_a_missing_extra_is_one_line_before_any_work(
    output, disjoint, tmp_path, capsys, monkeypatch
):
    extra = writing.find(output).extra.name
    monkeypatch.setitem(sys.modules, extra, None)  # as if it were not installed
    flags = ["--experiments", str(tmp_path / "out"), "--exp-name", "x", "--output", output]
    assert mark_label.main([str(disjoint), *flags]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: output {output} needs {extra}")
    assert f'pip install "mask-label-consistency[{extra}]"' in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out" / "x").exists()


def test_the_packages_of_extras_are_not_loaded_for_other_outputs():
    code = "import sys, consistency.formats.writing as w; [w.find(n) for n in w.WRITERS]; "
    code += "print(sorted({'zarr', 'geff', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
