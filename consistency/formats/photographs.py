"""The images that were segmented: which file of a folder shows which frame."""

from pathlib import Path

from consistency.dataset import Frame

# Of several files of one frame the first of these is taken.
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm")


def find_photograph(frame: Frame, folder: Path) -> Path:
    """Return the image of ``frame``: of its very name, or its stem with the ending of an image.

    Raises FileNotFoundError, with the name of the frame, if there is none.
    """
    # Cameras write 0000.JPG.  The names are tried: to list the folder for every frame would make
    # the search grow with the square of the frames.
    endings = [ending for suffix in SUFFIXES for ending in (suffix, suffix.upper())]
    for name in (frame.name, *(frame.stem + ending for ending in endings)):
        if (folder / name).is_file():
            return folder / name
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; give the images with --frames-path")
    raise FileNotFoundError(
        f"{folder}: no image for frame {frame.name!r}; name the images like the frames, for "
        f"example {frame.stem}.png or {frame.stem}.jpg"
    )


# Folders that data sets keep beside those of masks.
FOLDERS = ("jpegimages", "imagesets")
PHOTOGRAPHS = (".jpg", ".jpeg", ".webp")  # which lose pixels, so that no mask is kept so
RESULTS = ("RES", "GT", "ST")  # what the Cell Tracking Challenge calls what belongs to images 01


def is_segmented(folder: Path) -> bool:
    """Whether a folder holds images that others beside it hold the masks of."""
    if folder.name.lower() in FOLDERS:
        return True
    if folder.name.isdigit() and any(
        folder.with_name(f"{folder.name}_{ending}").is_dir() for ending in RESULTS
    ):
        return True
    files = [path for path in folder.iterdir() if not path.name.startswith(".")]
    return bool(files) and all(path.suffix.lower() in PHOTOGRAPHS for path in files)
