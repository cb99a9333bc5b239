"""Which flags go together, once for all commands: what each needs in order to have an effect."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """What flags need in order to have an effect; without it they are refused.

    Settings are written as a user types them: "--matching track", or "--keep-ids" for a flag that
    is there, whatever its value.

    Attributes
    ----------
    flags : each of them.
    any_of : settings of which one must hold; empty: none is needed.
    none_of : settings that take the effect away.
    """

    flags: tuple[str, ...]
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()


def _settings(flag: str, *values: str) -> tuple[str, ...]:
    return tuple(f"{flag} {value}" for value in values)


# One table for each group of flags; a command joins those of its groups (``cli.parser``).  A flag
# that is in several rows needs all of them.
BACKEND_NEEDS = (
    Needs(("--workers",), _settings("--multi", "multi", "mpi", "dask")),
    Needs(("--scheduler",), ("--multi dask",)),
)
KERNEL_NEEDS = (Needs(("--kernel",), ("--multi mpi",)),)
SEQUENCE_NEEDS = (
    Needs(("--split",), ("--sequences", "--data-file")),
    Needs(("--base-dir", "--save-vis"), ("--data-file",)),
    # The table has the paths.
    Needs(("--data-path",), none_of=("--sequences", "--data-file")),
    Needs(("--sequences", "--frames-path", "--flow-path"), none_of=("--data-file",)),
)
ASSOCIATION_NEEDS = (
    # Given identities are matched by IoU, from one frame to the next.
    Needs(("--min-iou",), (*_settings("--matching", "optimal", "greedy"), "--keep-ids")),
    Needs(("--memory",), _settings("--matching", "track", "optimal", "greedy")),
    Needs(("--long-memory", "--motion", "--on-split", "--passes"), ("--matching track",)),
    Needs(("--memory", "--long-memory", "--on-split", "--passes"), none_of=("--keep-ids",)),
    Needs(("--long-memory",), none_of=("--motion none",)),
    # The numbers are the input's, or the predecessor's.
    Needs(("--compact",), none_of=("--keep-ids", "--matching seed")),
    Needs(("--frames-path",), ("--motion frames", "--frame-interval", "--fill-gaps", "--report")),
    # The predecessor has its own rule for duplicates, and knows no identities.
    Needs(
        ("--duplicate-containment", "--keep", "--keep-ids"),
        _settings("--matching", "track", "optimal", "greedy"),
    ),
)
WINDOW_NEEDS = (
    Needs(("--cut-overlap", "--low-memory"), ("--cut-size",)),
    # Identities of the input hold throughout; labels of the predecessor are products.
    Needs(("--cut-size",), none_of=("--keep-ids", "--matching seed")),
)
CORRECTION_NEEDS = (
    # Labels of the predecessor are products, of which one may stand for several objects.
    Needs(("--corrections",), none_of=("--matching seed",)),
    Needs(("--no-corrections",), ("--overwrite",)),
    Needs(("--report",), none_of=("--matching seed",)),
)


_FILLING = ("--frame-interval", "--fill-gaps")
FILLING_NEEDS = (
    Needs(("--flow-path",), _FILLING),
    Needs(("--flow-preset",), ("--frames-path", "--data-file")),
    Needs(("--flow-preset",), _FILLING),
    Needs(("--scale",), ("--frames-path", "--flow-path", "--data-file")),
    Needs(("--scale",), _FILLING),
    Needs(("--change-driven",), ("--frame-interval",)),
    # A label of the predecessor does not stay with its object.
    Needs(_FILLING, none_of=("--matching seed",)),
)


def output_needs(flag: str) -> tuple[Needs, ...]:
    """Return what flags of outputs need, where ``flag`` chooses the outputs."""
    label_images = _settings(flag, "labelmaps", "davis", "gaussian-grouping", "mots", "ctc")
    return (
        Needs(("--flatten", "--max-ids", "--drop"), label_images),
        Needs(("--ids", "--invert", "--transforms"), _settings(flag, "nerfstudio")),
        Needs(("--first-frame", "--class-id"), _settings(flag, "mots")),
        Needs(("--link-unchanged",), _settings(flag, "masks")),
    )


_MOVING = _settings("--format", "gif", "mp4", "png", "blocks")  # one picture after the other
_SHEETS = (*_MOVING, "--format contact")
_DRAWN = (*_SHEETS, "--format html")
DRAWING_NEEDS = (
    Needs(("--input-format", "--sort", "--sequence"), ("--data-path",)),
    Needs(("--experiments",), ("--exp-name",)),
    Needs(("--before", "--side-by-side", "--only", "--hide-shorter"), ("--exp-name",)),
    Needs(("--before", "--side-by-side"), _MOVING),
    Needs(
        ("--only", "--hide-shorter", "--start", "--stop", "--step", "--palette"),
        (*_DRAWN, *_settings("--format", "timeline", "lineage")),
    ),
    Needs(("--frames-path", "--plain"), _DRAWN),
    Needs(("--alpha",), _DRAWN, ("--plain",)),
    Needs(("--outline", "--numbers"), _SHEETS),
    Needs(("--no-captions", "--legend"), _settings("--format", "gif", "mp4")),
    Needs(("--scale",), _DRAWN),  # the viewer scales nothing but images
    Needs(("--fps",), _settings("--format", "gif", "mp4", "blocks", "html")),
    Needs(("--workers",), (*_MOVING, "--format html")),
)
MOTION_MASKS_NEEDS = (Needs(("--flow-preset",), ("--frames-path",)),)
EVALUATION_NEEDS = (Needs(("--boundaries", "--metric"), ("--ground-truth",)),)
