"""What people have in place of masks, and the lines that make masks of it.

Nothing is loaded: the name tells, or the first bytes do.
"""

from pathlib import Path

from consistency.formats.source import Source
from consistency.limits import check_file

PICKLES = (".pkl", ".pickle", ".p")
TENSORS = (".pt", ".pth")
VIDEOS = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".gif")
PHOTOGRAPHS = (".jpg", ".jpeg", ".webp", ".heic")
LOOKED_AT = 12  # bytes of a file
PROTOCOL = 0x80  # with which a pickle begins, then comes its version
VERSIONS = range(2, 6)

LABEL = 'import consistency; consistency.label({what}).write("experiments/{stem}", ["rle"])'
SEGMENT = (
    "holds images, not masks; segment it first: import consistency; "
    "consistency.label(generator.generate(image) for image in images), where generator is "
    "Segment Anything's; docs/python.md shows all of it"
)


def recognised(source: Source) -> str:
    """Return what a file, or the first file of a folder, is and what to do; empty if unknown."""
    files = [source.path] if source.path.is_file() else [p for p in source.entries if p.is_file()]
    if not files:
        return ""
    kind = kind_of(files[0])
    name, stem = files[0].name, files[0].stem
    if kind == "pickle":
        load = f'import pathlib, pickle; frames = pickle.loads(pathlib.Path("{name}").read_bytes())'
        return _refused(name, "a pickle", load, stem)
    if kind == "tensors":
        load = f'import torch; frames = torch.load("{name}", weights_only=True)'
        return _refused(name, "a file of PyTorch", load, stem)
    if kind:
        return f"{name} is {kind}: it {SEGMENT}"
    return ""


def _refused(name: str, what: str, load: str, stem: str) -> str:
    label = LABEL.format(what="frames", stem=stem)
    return (
        f"{name} is {what}, which is not loaded here as loading can run code; if you trust it: "
        f"{load}; {label}; a frame is an (n, h, w) array or a list of records"
    )


def of_objects(path: Path, name: str | None, shape: tuple[int, ...]) -> str:
    """Return what to do about a file of NumPy with an array of Python objects.

    ``name`` is that of the array, empty in a .npy file; None: each array is a frame.  ``shape`` is
    that of the objects.
    """
    load = f'numpy.load("{path.name}", allow_pickle=True)'
    load += f'["{name}"]' if name else ""
    if shape:
        frames, what = f"list({load})", "a frame is an (n, h, w) array or a list of records"
        make = LABEL.format(what="frames", stem=path.stem)
    else:
        frames = f"{load}.item()"
        if name is None:
            frames = f"{{t: array.item() for t, array in {load}.items()}}"
        what = f"give {path.stem}_masks.npz then; frames is {{frame: {{object: mask}}}}"
        make = (
            'named = {f"{t}/{k}": mask for t, each in frames.items() for k, mask in each.items()}; '
            f'numpy.savez_compressed("{path.stem}_masks.npz", **named)'
        )
    return (
        f"{path}: holds Python objects (a pickle), which are not loaded here as loading can run "
        f"code; if you trust it: import numpy; frames = {frames}; {make}; {what}"
    )


def kind_of(path: Path) -> str:
    """Return "pickle", "tensors", "a video", "a photograph", or nothing."""
    suffix = path.suffix.lower()
    # By name alone: torch.save writes a zip archive, as many programs do.
    if suffix in TENSORS:
        return "tensors"
    check_file(path)
    with open(path, "rb") as file:
        first = file.read(LOOKED_AT)
    if suffix in PICKLES or (first[:1] == bytes([PROTOCOL]) and first[1:2] in map(_byte, VERSIONS)):
        return "pickle"
    if suffix in VIDEOS or first[4:8] == b"ftyp" or first[:4] in (b"RIFF", b"\x1a\x45\xdf\xa3"):
        # AVI and WebP share the container RIFF; bytes 8 to 11 tell which it is.
        return "a video" if first[8:12] != b"WEBP" else "a photograph"
    if suffix in PHOTOGRAPHS or first[:3] == b"\xff\xd8\xff":
        return "a photograph"
    return ""


def _byte(number: int) -> bytes:
    return bytes([number])
