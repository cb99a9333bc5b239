"""Table and figures of stored results."""

import os
from pathlib import Path

import matplotlib
import model

matplotlib.use("Agg")
import matplotlib.pyplot as plt

# Okabe and Ito (2008): apart for every kind of colour vision.
COLOURS = {
    "read": "#0072B2",
    "measure": "#E69F00",
    "propagate": "#CC79A7",
    "write": "#009E73",
    "draw": "#999999",
}


def report(results: dict, stem: Path) -> str:
    """Write the table and the two figures beside ``stem``; returns the table."""
    text = table(results)
    stem.with_name(stem.name + ".md").write_text(text + "\n")
    _stages(results, stem.with_name(stem.name + "-stages.png"))
    _speed_up(results, stem.with_name(stem.name + "-speed-up.png"))
    return text


def renew(page: Path, name: str, text: str, pictures: list[Path]) -> None:
    """Put text and pictures between the lines of ``page`` that mark the place of ``name``."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    old = page.read_text(encoding="utf-8") if page.is_file() else ""
    if begin in old and end in old:
        links = [f"![{p.stem}]({os.path.relpath(p, page.parent)})" for p in pictures]
        text = "\n\n".join([text, *links])
        before, after = old.split(begin)[0], old.split(end)[1]
        page.write_text(f"{before}{begin}\n{text}\n{end}{after}", encoding="utf-8")


def heading(about: dict) -> str:
    """One line: data, machine, versions."""
    return (
        f"{about['data']}: {about['frames']} frames, {about['masks']} masks; --output "
        f"{about['output']}; {about['cpu']}, {about['cpus']} CPUs, NumPy {about['numpy']}; "
        f"{load(about)}median (min – max) of {about['repeat']} rounds"
    )


def load(about: dict) -> str:
    """Say how busy the machine was before; nothing where it was idle."""
    if about["load"] < 1:  # the run before leaves that much
        return ""
    return f"**others kept it busy, load {about['load']:.1f}**; "


def _spread(value: dict, digits: int = 2, scale: float = 1) -> str:
    low, high = scale * value["min"], scale * value["max"]
    return f"**{scale * value['median']:.{digits}f}** ({low:.{digits}f} – {high:.{digits}f})"


def table(results: dict) -> str:
    """Markdown: backends, then ways to compare two frames."""
    lines = [heading(results["about"]), ""]
    lines += [
        "| backend | command, ms a frame | processor, ms a frame | measuring stage, ms a frame "
        "| measuring, × `no` | command, × `no` | coordination, % |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, figures in results["backends"].items():
        ms = figures["ms a frame"]
        measuring = sum(ms[stage]["median"] for stage in ("read", "measure", "propagate"))
        ratios = [figures.get(f"speed-up, {what}") for what in ("measuring", "command")]
        cells = [f"`{name}`", _spread(ms["command"], 1), _spread(ms["processor"], 1)]
        cells += [f"{measuring:.1f}"]
        cells += [_spread(ratio) if ratio else "" for ratio in ratios]
        lines.append(f"| {' | '.join([*cells, _spread(figures['coordination'], 1, 100)])} |")
    lines += [
        f"| `{name}` | not measured: {why} | | | | | |" for name, why in results["missing"].items()
    ]
    lines += [
        "",
        f"Reading alone: {_spread(results['reading alone, ms a frame'], 1)} ms a frame.",
        "",
    ]
    lines += ["| two frames, all pairs of masks | ms |", "|---|---|"]
    for name, value in results["a pair of frames, ms"].items():
        lines.append(f"| {name} | {_spread(value, 1)} |")
    if "no" in results["backends"]:
        lines += ["", model.table(results)]
    return "\n".join(lines)


def _stages(results: dict, path: Path) -> None:
    """Bars: milliseconds a frame by stage."""
    names = list(results["backends"])
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(names) + 1.6), layout="constrained")
    left = [0.0] * len(names)
    for stage, colour in COLOURS.items():
        values = [results["backends"][n]["ms a frame"].get(stage) for n in names]
        if not any(values):
            continue
        widths = [value["median"] if value else 0 for value in values]
        axes.barh(names, widths, left=left, color=colour, label=stage)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    whole = [results["backends"][n]["ms a frame"]["command"] for n in names]
    low = [w["median"] - w["min"] for w in whole]
    high = [w["max"] - w["median"] for w in whole]
    middle = [w["median"] for w in whole]
    axes.errorbar(
        middle,
        names,
        xerr=[low, high],
        fmt="|",
        color="black",
        capsize=3,
        label="whole command, min – max",
    )
    axes.invert_yaxis()
    axes.set_xlabel("milliseconds a frame")
    _finish(figure, axes, results, path)


def _speed_up(results: dict, path: Path) -> None:
    """Points: how many times as fast as ``no``, with the spread over rounds."""
    names = [n for n, f in results["backends"].items() if "speed-up, command" in f]
    figure, axes = plt.subplots(figsize=(7, 0.5 * len(names) + 1.6), layout="constrained")
    for what, marker, shift, colour in (
        ("measuring", "o", -0.1, "#0072B2"),
        ("command", "s", 0.1, "#D55E00"),
    ):
        values = [results["backends"][n][f"speed-up, {what}"] for n in names]
        middle = [v["median"] for v in values]
        spread = [
            [v["median"] - v["min"] for v in values],
            [v["max"] - v["median"] for v in values],
        ]
        rows = [i + shift for i in range(len(names))]
        axes.errorbar(middle, rows, xerr=spread, fmt=marker, color=colour, capsize=3, label=what)
    axes.axvline(1, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("times as fast as one process (no)")
    _finish(figure, axes, results, path)


def _finish(figure, axes, results: dict, path: Path) -> None:
    about = results["about"]
    axes.set_title(
        f"{about['data']}, {about['frames']} frames, --output {about['output']}; "
        f"{about['cpu']}, {about['cpus']} CPUs",
        fontsize=9,
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=110)
    plt.close(figure)
