#!/usr/bin/env python3
"""Windows against the whole sequence: time of each stage, the ranks worth having, and memory.

    windows.py --data-path DATA [--times 10] [--size 100] [--overlap M] [--long 4000] [--repeat 3]

The stages are timed in this process, in processor time, so that others who use the machine do not
count; that is all that the prediction for many ranks needs.  A frame of the sequence costs the time
of the slower of two that work at once:

    whole    ranks       (read + measure) · (1 + halo / chunk) / R
             sequential  labels, one after the other
    windows  ranks       (read + measure + labels) · N / (N - M) / min(R, number of windows)
             sequential  joining

N frames a window, of which it shares M with the window before; "labels" of windows is measured for
windows, per frame of a window.  Memory is that of whole commands, on frames with small masks.
"""

import argparse
import pickle
import sys
import tempfile
from pathlib import Path
from time import process_time

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

import floor  # noqa: E402
import long  # noqa: E402
import model  # noqa: E402
import study  # noqa: E402
from runs import Setup  # noqa: E402

from backends import open_backend  # noqa: E402
from consistency import windows  # noqa: E402
from consistency.cli.common import natural, positive, run_cli  # noqa: E402
from consistency.dataset import Dataset  # noqa: E402
from consistency.formats import open_dataset  # noqa: E402
from consistency.measurements import Measurements  # noqa: E402
from consistency.options import Options  # noqa: E402
from consistency.track.association import associate  # noqa: E402
from consistency.track.parameters import DEFAULTS  # noqa: E402
from consistency.track.results import finish  # noqa: E402
from consistency.track.window_seams import Joiner  # noqa: E402

STAGES = ("read and measure", "labels", "this process")


def stages(
    dataset: Dataset, options: Options, repeat: int
) -> dict[str, dict[str, dict[str, float]]]:
    """Milliseconds of a processor per frame of the sequence, {way: {stage: median, extremes}}."""
    taken: dict[str, dict[str, list[float]]] = {way: {} for way in ("whole", "windows")}
    spans = windows.cut(len(dataset.frames), options.cut_size, options.shared_frames())
    for _ in range(repeat):
        began = process_time()
        with open_backend("no") as backend:
            measured = list(Measurements(dataset, backend, options))
        reading = process_time() - began
        began = process_time()
        associate(iter(measured), Options())
        alone = process_time() - began
        _note(taken["whole"], reading, alone, alone)
        began = process_time()
        found = list(windows.labelled_windows(measured, spans, options, DEFAULTS))
        labels = process_time() - began
        travelling = [pickle.dumps(window) for window in found]
        began = process_time()
        joiner = Joiner()
        for span, data in zip(spans, travelling, strict=True):
            window = pickle.loads(data)
            joiner.add(span.start, window.frames, window.lineage)
        finish(joiner.finish()[0])
        _note(taken["windows"], reading, labels, process_time() - began)
    return {
        way: {name: floor.per_frame(values, dataset) for name, values in parts.items()}
        for way, parts in taken.items()
    }


def _note(taken: dict[str, list[float]], *seconds: float) -> None:
    for name, value in zip(STAGES, seconds, strict=True):
        taken.setdefault(name, []).append(value)


def predicted(results: dict, ranks: int) -> dict[str, tuple[float, str]]:
    """Frames a second with so many ranks, and what holds it back, of the whole and of windows."""
    about = results["about"]
    whole, cut = (
        {name: value["median"] for name, value in results[way].items()}
        for way in ("whole", "windows")
    )
    chunk = min(-(-model.SEQUENCE // ranks), model.CHUNK_FRAMES)
    step = about["size"] - about["overlap"]
    count = len(windows.cut(model.SEQUENCE, about["size"], about["overlap"]))
    again = about["size"] / step
    needed = {
        "whole": {
            "ranks": whole["read and measure"] * (1 + 1 / chunk) / ranks,
            "sequential": whole["labels"],
        },
        "windows": {
            # What was measured of labels counts shared frames twice already.
            "ranks": (cut["read and measure"] * again + cut["labels"]) / min(ranks, count),
            "sequential": cut["this process"],
        },
    }
    result = {}
    for way, parts in needed.items():
        slowest = max(parts, key=lambda part: parts[part])
        full = way == "windows" and slowest == "ranks" and ranks > count
        result[way] = 1000 / parts[slowest], "number of windows" if full else slowest
    return result


def memory(frames: int, size: int, overlap: int, scratch: Path) -> list[dict]:
    """Seconds and peak memory of whole commands, one row a way."""
    long.write_frames(scratch / "short")
    floor.repeated(open_dataset(scratch / "short"), frames // long.FRAMES, scratch / "long")
    target = ["--data-path", str(scratch / "long"), "--exp-name", "e", "--overwrite"]
    cut = ["--cut-size", str(size), "--cut-overlap", str(overlap)]
    ways = {"whole": [], "windows": cut, "windows, --low-memory": [*cut, "--low-memory"]}
    where = [*target, "--experiments", str(scratch), "--output", "none"]
    command = [*Setup("no", 1).command(), *where]
    return [{"way": way} | study.watched([*command, *flags]) for way, flags in ways.items()]


def tables(results: dict) -> str:
    """Markdown."""
    about = results["about"]
    cut = f"windows of {about['size']} frames that share {about['overlap']}"
    lines = [
        f"{about['data']}: {about['frames']} frames, {cut}; {about['cpu']}, one process; median "
        "(min – max)",
        "",
        "| ms of a processor per frame | read and measure | labels | what one process has to do |",
        "|---|---|---|---|",
    ]
    for way in ("whole", "windows"):
        cells = [
            f"**{v['median']:.2f}** ({v['min']:.2f} – {v['max']:.2f})"
            for v in results[way].values()
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Predicted frames a second, {model.SEQUENCE} frames like these (what holds it back):",
        "",
        "| ranks | whole | windows |",
        "|---|---|---|",
    ]
    for ranks in model.RANKS:
        cells = (f"{speed:.0f} ({why})" for speed, why in predicted(results, ranks).values())
        lines.append(f"| {ranks} | {' | '.join(cells)} |")
    lines += [
        "",
        f"{about['long']} frames of {long.MASKS} masks of {long.SHAPE[1]} × {long.SHAPE[0]}, `no`:",
        "",
        "| | seconds of a processor | peak memory, MB |",
        "|---|---|---|",
    ]
    lines += [
        f"| {r['way']} | {r['processor']:.1f} | {r['memory']:.0f} |" for r in results["memory"]
    ]
    return "\n".join(lines)


def _work(args: argparse.Namespace) -> int:
    options = Options(cut_size=args.size, cut_overlap=args.overlap)
    overlap = options.shared_frames()
    about = floor.machine() | {"size": args.size, "overlap": overlap, "long": args.long}
    with tempfile.TemporaryDirectory() as scratch:
        dataset = open_dataset(args.data_path)
        floor.repeated(dataset, args.times, Path(scratch) / "data")
        dataset = open_dataset(Path(scratch) / "data")
        about |= {"data": args.data_path.resolve().name, "frames": len(dataset.frames)}
        results = {
            "about": about,
            **stages(dataset, options, args.repeat),
            "memory": memory(args.long, args.size, overlap, Path(scratch)),
        }
    floor.keep(args.json, results, tables(results))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = floor.timing_parser(__doc__.splitlines()[0])
    parser.add_argument("--data-path", type=Path, required=True, help="data set of .npy files")
    parser.add_argument("--times", type=positive, default=10, help="repeat the data so many times")
    parser.add_argument("--size", type=positive, default=100, help="frames of a window")
    parser.add_argument("--overlap", type=natural, help="shared frames; default: the command's")
    parser.add_argument("--long", type=positive, default=4000, help="frames, to measure memory")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    return run_cli(_work, _parser().parse_args(argv))


if __name__ == "__main__":
    sys.exit(main())
