"""Write the viewer: a page, what it says of the sequence, and a block of masks per frame."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from importlib.resources import files
from pathlib import Path
from shlex import quote
from typing import Any, TextIO

from consistency.backend import Backend
from consistency.draw import colours, history
from consistency.draw.render import Style
from consistency.draw.render_job import RenderJob
from consistency.draw.scene import Scene, View, input_indices
from consistency.draw.viewer.blocks import Stretch, encode_stretch, jpeg, stretches
from consistency.experiment import Experiment
from consistency.formats.damage import naming_file
from consistency.plain_text import to_json
from consistency.progress import Progress

STRETCH_FRAMES = 12  # that a worker encodes at a time
# In this order: what a script does when it is read may use those before it.
SCRIPTS = (
    "data.js", "masks.js", "corrections.js", "stage.js", "gestures.js", "timeline.js", "lineage.js",
    "tracks.js", "editing.js", "panels.js", "keys.js", "main.js",
)  # fmt: skip
SPARE_COLOURS = 32  # for labels that corrections make
# Longest side of images in pixels and quality of their JPEGs; the first that fit are taken: 1280 is
# enough for a screen, 240 the least that tells what is there.
PHOTOGRAPHS = ((1280, 75), (960, 75), (640, 70), (480, 60), (400, 50), (320, 40), (240, 30))
LARGEST_PAGE = 40e6  # bytes that images may make a page grow to
BASE64 = 4 / 3  # letters per byte
SAMPLES = 9  # frames by which a page is estimated
CAREFUL = 0.95  # others may be larger

log = logging.getLogger("consistency")


def write_html(job: RenderJob, path: Path, backend: Backend, progress: Progress) -> None:
    """Write one HTML file that opens from disk, without a network."""
    source = labelled_input(job)
    numbers = {label: i for i, label in enumerate(history.spans(_kept(source)))}
    page = _asset("viewer.html")
    head, body, foot = page.split("<!-- here -->")
    about = describe(job, source)
    parts = head, body, foot, _asset("viewer.css"), script(), as_json(about)
    chosen = photograph_style(source, job.style, numbers, sum(map(len, parts)))
    if chosen is None:
        views = tuple(replace(view, image=None) for view in source.views)
        source = replace(source, views=views)
        about["photographs"] = False
    style, quality = chosen or (job.style, 1)
    function = partial(
        encode_stretch, layout=source.layout, style=style, tracks=numbers, quality=quality
    )
    stretched = backend.map(function, stretches(source.views, STRETCH_FRAMES))
    blocks = progress((block for part in stretched for block in part), "html", len(source.views))
    # Written as it comes: the masks of a long sequence may not fit into memory at once.
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{head}<style>\n{_asset('viewer.css')}</style>{body}")
        _write_data(file, "about", "application/json", as_json(about))
        _write_blocks(file, blocks)
        file.write(f"<script>\n{script()}</script>{foot}")


def photograph_style(
    source: Scene, style: Style, tracks: dict[int, int], fixed: int = 0
) -> tuple[Style, int] | None:
    """Choose style and quality of a page's images: the best that keep it small enough to open.

    A line says so where they are not the best that there are, and where nothing but masks fits:
    then there is no style.

    Parameters
    ----------
    fixed : letters of the page beside masks and images.
    """
    # Photographs alone are scaled, and never enlarged: masks are exact at any size.
    choices = [
        (replace(style, scale=min(style.scale, 1.0, side / max(style.size))), quality)
        for side, quality in PHOTOGRAPHS
    ]
    count = len(source.views)
    some = [source.views[(2 * i + 1) * count // (2 * SAMPLES)] for i in range(min(SAMPLES, count))]
    images = [(view.image, view.frame.name) for view in some if view.image is not None]
    if not images:
        return choices[0]
    views = tuple(replace(view, image=None) for view in some)
    masks = encode_stretch(Stretch(None, views), source.layout, style, tracks, 1)
    each = sum(len(text) for text, _ in masks) / len(masks)
    room = (CAREFUL * LARGEST_PAGE - fixed) / count - each
    for (side, _), chosen in zip(PHOTOGRAPHS, choices, strict=True):
        sizes = [len(jpeg(path, frame, *chosen)) for path, frame in images]
        if BASE64 * sum(sizes) / len(sizes) <= room:
            if chosen != choices[0]:
                log.warning(
                    "images of %d pixels at most keep the page below %g MB",
                    side,
                    LARGEST_PAGE / 1e6,
                )
            return chosen
    log.warning(
        "images are left out: masks and the least of images of %d frames are more than %g MB; draw "
        "fewer with --start, --stop or --step",
        count,
        LARGEST_PAGE / 1e6,
    )
    return None


def script() -> str:
    """All scripts as one, in a function of its own: their names are nobody else's."""
    return '"use strict";\n(() => {\n' + "\n".join(map(_asset, SCRIPTS)) + "})();\n"


def _asset(name: str) -> str:
    return (files("consistency.draw.viewer") / name).read_text(encoding="utf-8")


def _write_blocks(file: TextIO, blocks: Iterable[tuple[str, str]]) -> None:
    for t, (block, photograph) in enumerate(blocks):
        _write_data(file, f"masks{t}", "text/plain", block)
        if photograph:
            _write_data(file, f"image{t}", "text/plain", photograph)


def _write_data(file: TextIO, name: str, kind: str, text: str) -> None:
    # Browsers keep a script of an unknown type as text: no markup in it counts, none is drawn.
    file.write(f'<script type="{kind}" id="{name}">{text}</script>\n')


def as_json(value: Any) -> str:
    """JSON in which no text can end the element that holds it."""
    text = to_json(value, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def labelled_input(job: RenderJob) -> Scene:
    """All masks of the input with their labels, 0 for those that the result leaves out.

    Where the input is gone, the masks of the result; for a data set, all masks with label 0.
    """
    if job.before is None:
        return job.scenes[0]
    views = []
    for t, view in enumerate(job.before.views):
        known: dict[int, int] = {}
        if job.after is not None:
            result = job.after.views[t]
            known = dict(zip(input_indices(result), result.labels, strict=True))
        views.append(replace(view, labels=tuple(known.get(i, 0) for i in view.indices)))
    return replace(job.before, views=tuple(views))


def _kept(scene: Scene) -> list[View]:
    return [view.keep(lambda _, label: label > 0) for view in scene.views]


def describe(job: RenderJob, source: Scene) -> dict[str, Any]:
    """What the page says beside the masks; labels are text, as they may exceed its numbers."""
    kept = _kept(source)
    spans = history.spans(kept)
    inks = job.colours_of(spans)
    # Only the input knows what its categories are called.
    names = history.names(job.experiment, source.categories) if job.experiment else {}
    table = history.tracks(job.experiment.folder) if job.experiment else {}
    tracks = [
        {
            "label": str(label),
            "name": names.get(label),
            "colour": _hex(ink),
            "spans": parts,
            "columns": table.get(label, {}),
        }
        for (label, parts), ink in zip(spans.items(), inks, strict=True)
    ]
    most = max((index + 1 for view in source.views for index in view.indices), default=0)
    return {
        "name": job.name,
        "size": job.style.size,
        "order": source.layout.order,
        "fps": job.fps,
        "alpha": job.style.alpha,
        "frames": [view.frame.name for view in source.views],
        "tracks": tracks,
        "events": _events(job, kept, {label: i for i, label in enumerate(spans)}),
        "numbers": [_hex(c) for c in colours.colours(range(most + 1), job.style.palette)],
        "spare": [_hex(c) for c in colours.colours(range(most + 1, most + 1 + SPARE_COLOURS))],
        "input": job.experiment and job.experiment.run.get("labels"),
        "largest": str(_largest(job.experiment)),
        "moments": _moments(job),
        "command": command(job),
        "labelled": job.after is not None,
        "duplicates": job.before is not None,
        "photographs": any(view.image is not None for view in source.views),
    }


def _largest(experiment: Experiment | None) -> int:
    """The largest label, also of those that are not drawn: a new one must not be another's."""
    frames = experiment.frames if experiment else ()
    return max((label for frame in frames for label in frame.labels), default=0)


def command(job: RenderJob) -> str:
    """What to type to have the labels of this page corrected."""
    if job.experiment is None:
        return ""
    return f"python -m consistency.correct {quote(str(job.experiment.folder))} corrections.json"


def _moments(job: RenderJob) -> list[dict]:
    """The lines of report.csv, the most worth checking first, of frames that are drawn."""
    if job.experiment is None:
        return []
    frames = {view.frame.name: t for t, view in enumerate(job.scenes[0].views)}
    path = job.experiment.folder / "report.csv"
    with naming_file(path):
        return [
            {
                "frame": frames[row["frame"]],
                "label": row["label"],
                "text": f"{row['kind']}: label {row['label']} in {row['frame']}, wrong with "
                f"{float(row['probability']):.0%}, {float(row['masks']):.0f} masks hang on it",
            }
            for row in history.read_table(path)
            if row["frame"] in frames
        ]


def _events(job: RenderJob, kept: Sequence[View], tracks: dict[int, int]) -> list[list]:
    """[frame, kind, track or -1, columns] of each event."""
    if job.experiment is None:
        return []
    return [
        [
            event.frame,
            event.kind,
            -1 if event.label is None else tracks.get(event.label, -1),
            event.columns,
        ]
        for event in history.happenings(job.experiment.folder, kept)
    ]


def _hex(colour: Sequence[int]) -> str:
    return "#" + "".join(f"{int(channel):02x}" for channel in colour)
