"""Many sequences in one run."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from launch import needs_mpi, ranks, start

import mark_label
from consistency.formats.source import Source
from consistency.sequences import Sequence, in_folder, in_table, shard


def write_sequence(folder: Path, size: int = 3) -> None:
    """Write two frames of one square."""
    records = {}
    for t in range(2):
        path = folder / "numpy_masks" / str(t) / "0.npy"
        path.parent.mkdir(parents=True)
        mask = np.zeros((10, 12), bool)
        mask[t : t + size, :size] = True
        np.save(path, mask)
        records[f"{t}.png"] = [{"segmentation": str(path.relative_to(folder))}]
    (folder / "sk_masks.json").write_text(json.dumps(records))


@pytest.fixture
def data(tmp_path) -> Path:
    """A folder of three sequences, of which "seq2" lacks a mask, and a hidden folder."""
    root = tmp_path / "data"
    for name in ("seq10", "seq2", "seq1"):
        write_sequence(root / name)
    (root / "seq2" / "numpy_masks" / "1" / "0.npy").unlink()
    (root / ".cache").mkdir()
    return root


def mark(data: Path, *options) -> int:
    root = data if data.name == "data" else data.parent
    folder = root.parent / "experiments"
    source = [] if "--sequences" in options else ["--data-path", str(data)]
    return mark_label.main([*source, "--experiments", str(folder), *options])


def done(data: Path) -> list[str]:
    folder = data.parent / "experiments"
    return sorted(str(p.relative_to(folder)) for p in folder.glob("*/*/*.json") if p.stem != "run")


def test_folder_of_sequences_is_in_natural_order(data):
    assert [s.name for s in in_folder(Source(data))] == ["seq1", "seq2", "seq10"]


def test_a_dataset_is_no_folder_of_sequences(data):
    assert in_folder(Source(data / "seq1")) == []


def test_a_failing_sequence_is_reported_and_does_not_stop_the_others(data, capsys):
    assert mark(data) == 2
    out, err = capsys.readouterr()
    assert done(data) == ["data/seq1/seq1.json", "data/seq10/seq10.json"]
    assert err.count("\n") == 1
    assert err.startswith("error: sequence 'seq2': frame '1.png': ")
    lines = out.splitlines()
    assert [line.split(": ")[1].split(" s")[0].rpartition(" ")[0] for line in lines[:2]] == [
        "2 frames, 2 masks, 1 object,"
    ] * 2
    assert [Path(line.split(": ")[0]).name for line in lines] == ["seq1", "seq10", "data"]
    assert "data: 2 sequences, 4 frames, 4 masks, 2 objects, " in lines[2]
    assert lines[2].endswith(" seconds; 1 failed")
    assert not list((data.parent / "experiments").rglob(".*"))


def test_each_sequence_is_the_experiment_it_is_alone(data):
    mark(data)
    mark(data / "seq1", "--exp-name", "alone")
    together, alone = (data.parent / "experiments" / name for name in ("data/seq1", "alone"))
    for path in ("numpy_masks/1/0.npy", "tracks.csv", "events.csv"):
        assert (together / path).read_bytes() == (alone / path).read_bytes()
    assert (together / "seq1.json").read_bytes() == (alone / "alone.json").read_bytes()


def test_fail_fast_stops_at_the_first_that_fails(data, capsys):
    assert mark(data, "--fail-fast") == 2
    assert done(data) == ["data/seq1/seq1.json"]
    assert "error: sequence 'seq2': frame '1.png': " in capsys.readouterr().err


@pytest.mark.parametrize("backend", ["no", "multi"])
def test_shards_together_are_all_sequences_once(data, backend):
    write_sequence(data / "seq3")
    shutil.rmtree(data / "seq2")
    assert mark(data, "--shard", "1/2", "--multi", backend) == 0
    assert done(data) == ["data/seq1/seq1.json", "data/seq10/seq10.json"]
    assert mark(data, "--shard", "2/2", "--multi", backend) == 0
    assert len(done(data)) == 3


def test_a_shard_without_sequences_has_nothing_to_do(data, capsys):
    assert mark(data, "--shard", "4/4") == 0
    assert "0 sequences, 0 frames, 0 masks, 0 objects" in capsys.readouterr().out


@needs_mpi
def test_ranks_go_on_behind_a_failing_sequence(data, tmp_path):
    command = [*ranks(3), sys.executable, "mark_label.py", "--multi", "mpi"]
    done = start([*command, "--data-path", data, "--experiments", tmp_path / "out"])
    assert done.returncode == 2
    assert done.stderr.count("error: ") == 1
    assert "error: sequence 'seq2': rank " in done.stderr
    assert "2 sequences, 4 frames, 4 masks, 2 objects, " in done.stdout
    assert not list((tmp_path / "out").rglob(".*"))


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_shards_are_a_partition(count):
    all_of_them = [Sequence(str(i), Path(str(i))) for i in range(5)]
    shards = [shard(all_of_them, i, count) for i in range(1, count + 1)]
    assert sorted(s.name for part in shards for s in part) == [s.name for s in all_of_them]


def test_a_table_names_sequences_and_a_split_chooses_among_them(data):
    table = data / "list.csv"
    table.write_text("name,path,split\na,seq1,val\nb,seq10,train\nc,seq10,val\n")
    assert in_table(table, "val") == [Sequence("a", data / "seq1"), Sequence("c", data / "seq10")]
    assert mark(data, "--sequences", str(table), "--split", "train") == 0
    assert done(data) == ["list/b/b.json"]


BAD_TABLES = [
    ("name,where\na,b\n", None, "no column 'path'"),
    ("name,path\na,b\n", "val", "no column 'split'"),
    ("name,path\na,b\na,c\n", None, "line 2: name 'a' appears twice"),
    ("name,path\n../a,b\n", None, r"line 2: sequence '\.\./a' is not a plain name"),
    ("name,path\na,\n", None, "line 2: name or path is empty"),
    ("name,path,split\na,b,val\n", "test", "no sequence of split 'test'"),
    ("name,path\n", None, "no sequence; add one"),
]


@pytest.mark.parametrize(("text", "split", "message"), BAD_TABLES)
def test_bad_tables(tmp_path, text, split, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        in_table(tmp_path / "t.csv", split)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sequences", "nowhere.csv"), "nowhere.csv: no such file"),
        (("--data-path", "{data}/seq1", "--shard", "1/2"), "seq1 is not a folder of sequences"),
        (("--data-path", "{data}/seq1", "--fail-fast"), "--fail-fast is for many sequences"),
        (("--data-path", "{data}/seq1", "--sequence", "a"), "holds one sequence, as every native"),
    ],
)
def test_bad_options(data, capsys, options, message):
    assert mark(data, *(option.format(data=data) for option in options)) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("value", ["0/2", "3/2", "1", "a/b", "1/2/3"])
def test_bad_shards(data, capsys, value):
    with pytest.raises(SystemExit):
        mark(data, "--shard", value)
    assert "is not i/n with i from 1 to n" in capsys.readouterr().err


def test_sequences_do_not_go_into_an_experiment(data, capsys):
    assert mark(data / "seq1", "--exp-name", "data") == 0
    assert mark(data) == 2
    assert "is one experiment; choose another --exp-name" in capsys.readouterr().err
