"""One frame to a picture: masks in the colours of their labels, outlines, numbers, the photograph.

A picture is a uint8 array, either (h, w) of palette numbers or (h, w, 3) RGB; every step works on
both, with an ink that is a number or a colour.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from consistency.dataset import Layout
from consistency.draw import colours
from consistency.draw.colours import Palette
from consistency.draw.scene import View
from consistency.formats.buffer import Buffer
from consistency.masks.packed import PackedMasks
from consistency.options import StyleOptions

# A mask of which less than this share can be seen is hidden: its outline is drawn on top.
HIDDEN_SHARE = 0.5
CENTRE_GRID = 96  # cells per side in which the middle of a mask is looked for
SMALLEST_TEXT, LARGEST_TEXT = 12, 36  # pixels


@dataclass(frozen=True, eq=False, kw_only=True)
class Style(StyleOptions):
    """How to draw every frame.

    Attributes
    ----------
    (of StyleOptions) : what a user chooses.
    size : (height, width) of the masks in pixels.
    indexed : numbers and colours of all labels for pictures of palette numbers; None for RGB.
    """

    size: tuple[int, int]
    indexed: Palette | None = None

    @property
    def picture_size(self) -> tuple[int, int]:
        """(height, width) of the picture of one view in pixels."""
        height, width = (max(1, round(side * self.scale)) for side in self.size)
        return height, width

    def inks(self, numbers: tuple[int, ...]) -> np.ndarray:
        """Ink of the background and of the colours: uint8 (1 + n,) numbers or (1 + n, 3) RGB."""
        if self.indexed is None:
            return colours.colours([0, *numbers], self.palette)
        return np.concatenate([np.zeros(1, np.uint8), self.indexed.numbers(numbers)])

    @property
    def text_inks(self) -> tuple:
        """Ink of text and of the line around it."""
        if self.indexed is None:
            return colours.WHITE, colours.BACKGROUND
        return len(self.indexed.colours) - 1, 0


def draw_view(view: View, layout: Layout, style: Style, buffer: Buffer) -> np.ndarray:
    """Draw one frame, as high and wide as ``style.picture_size``.

    Raises
    ------
    ValueError
        If its masks or its photograph have another size than the first frame's masks.
    """
    if view.frame.records:
        masks = view.read(layout, buffer)
        if masks.shape != style.size:
            raise ValueError(
                f"frame {view.frame.name!r}: masks of {masks.shape} pixels, but {style.size} in "
                "the first frame; all masks of a sequence have one size"
            )
        owners, hidden = paint_owners(masks, style)
    else:
        owners, hidden = np.zeros(style.picture_size, np.uint8), {}
    inks = style.inks(view.inks)
    # One look-up paints all masks: an owner is its row in the table of inks.
    picture = np.take(inks, owners, axis=0)
    if view.image is not None:
        photograph = read_photograph(view.image, view.frame.name, style)
        picture = overlay(photograph, picture, owners, style.alpha)
    if style.outline:
        edge = borders(owners)
        # On plain ground borders are left out of the colours.  Over a photograph masks are
        # translucent, and an opaque border in the colour of its mask is seen better.
        if view.image is None:
            picture[edge] = inks[0]
        else:
            edge &= owners > 0
            picture[edge] = inks[owners[edge]]
    # Last, so that nothing covers them again.
    for index, outline in hidden.items():
        picture[outline] = inks[index + 1]
    return write_numbers(picture, owners, view.labels, style) if style.numbers else picture


def paint_owners(masks: PackedMasks, style: Style) -> tuple[np.ndarray, dict[int, tuple]]:
    """Tell which mask is seen where: small masks lie on large ones.

    Returns
    -------
    owners : unsigned integers of the picture's size, index of the mask + 1; 0 for background.
    hidden : pixels (rows, columns) of the outline of each mask that is hidden below others.
    """
    numbers = np.arange(1, masks.count + 1, dtype=np.min_scalar_type(masks.count))
    areas = masks.areas()
    # From large to small: a part lies on its whole, not below it.
    owners, visible = masks.paint(numbers, np.argsort(-areas, kind="stable").tolist())
    covered = np.flatnonzero(visible < HIDDEN_SHARE * areas)
    hidden = {}
    if covered.size:
        boxes = masks.boxes_and_centroids()[0]
        hidden = {int(i): outline_of(masks, int(i), boxes[i], style.scale) for i in covered}
    return scaled(owners, style.scale), hidden


def outline_of(masks: PackedMasks, index: int, box: np.ndarray, scale: float) -> tuple:
    """Rows and columns, in the scaled picture, of the inner border of one mask."""
    # Of each hidden mask only its box is unpacked, and of that the pixels that are shown.
    rows, columns = (picked(n, scale) for n in masks.shape)
    x, y, width, height = box.tolist()
    top, bottom = np.searchsorted(rows, [y, y + height])
    left, right = np.searchsorted(columns, [x, x + width])
    crop = masks.crop(index, box)[rows[top:bottom] - y][:, columns[left:right] - x]
    inside = np.pad(crop, 1)
    # Pixels all of whose four neighbours are inside, too; beyond the box is outside.
    core = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    edge = np.nonzero(crop & ~core)
    return edge[0] + top, edge[1] + left


def picked(length: int, scale: float) -> np.ndarray:
    """Which of ``length`` pixels a side scaled by ``scale`` shows: the nearest ones, ascending."""
    size = max(1, round(length * scale))
    # The middle of each pixel of the picture decides: so nothing is shifted to one side.
    return ((np.arange(size) + 0.5) * length / size).astype(np.intp)


def scaled(image: np.ndarray, scale: float) -> np.ndarray:
    """Resize (h, w, ...) by picking the nearest pixels, so that no new colours come up."""
    if scale == 1:
        return image
    rows, columns = (picked(n, scale) for n in image.shape[:2])
    return image[rows][:, columns]


def borders(owners: np.ndarray) -> np.ndarray:
    """Pixels beside a pixel of another owner to the right, to the left, above or below: bool."""
    edge = np.zeros(owners.shape, bool)
    across, down = owners[:, 1:] != owners[:, :-1], owners[1:] != owners[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge


def read_photograph(path: Path, frame: str, style: Style) -> np.ndarray:
    """Read the RGB image of a frame at the picture's size, uint8 (h, w, 3).

    Raises ValueError if it is not an image or has another size than the masks.
    """
    try:
        if style.picture_size == style.size:
            pixels = _read_whole(path, style.size)
            if pixels is not None:
                return pixels
        found, pixels = _read_resized(path, style)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: no readable image for frame {frame!r} ({error})") from error
    if pixels is not None:
        return pixels
    height, width = style.size
    raise ValueError(
        f"{path}: image of {found[0]} × {found[1]} pixels under masks of {width} × {height} in "
        f"frame {frame!r}; --frames-path needs the images that were segmented, at their full size"
    )


def _read_whole(path: Path, size: tuple[int, int]) -> np.ndarray | None:
    """Read an image as it is, uint8 (h, w, 3); None if it has another size."""
    import imageio.v3 as iio  # takes 0.1 s, and is needed for photographs alone

    file: Any
    with iio.imopen(path, "r", plugin="pillow") as file:
        if file.properties(index=0).shape[:2] != size:
            return None
        return file.read(index=0, mode="RGB", writeable_output=False)


def _read_resized(path: Path, style: Style) -> tuple[tuple[int, int], np.ndarray | None]:
    """Read an image at the picture's size.

    Pillow alone, as ``draft`` has a JPEG decoded at the reduced size: 7.0 ms for half of
    1920 × 1080, against 24.5 ms with imageio, which decodes it whole.

    Returns
    -------
    The image's (width, height), and its pixels, uint8 (h, w, 3), or None if that is another size.
    """
    height, width = style.size
    target = style.picture_size[::-1]
    with Image.open(path) as image:
        found = image.size
        if found != (width, height):  # cameras note a rotation instead of carrying it out
            image = ImageOps.exif_transpose(image)
        if image.size != (width, height):
            return found, None
        image.draft("RGB", target)
        return found, np.array(image.convert("RGB").resize(target, Image.Resampling.BILINEAR))


def overlay(
    photograph: np.ndarray, picture: np.ndarray, owners: np.ndarray, alpha: float
) -> np.ndarray:
    """Lay the masks of a picture over a photograph, all uint8 (h, w, 3); owners (h, w)."""
    mixed = Image.blend(Image.fromarray(photograph), Image.fromarray(picture), alpha)
    return np.where((owners > 0)[..., None], np.asarray(mixed), photograph)


def inside_centre(region: np.ndarray) -> tuple[float, float, float]:
    """Find the point of a region that is furthest from its border.

    The middle of the largest inscribed circle lies inside even where the centroid does not.

    Parameters
    ----------
    region : bool (h, w), with at least one pixel.

    Returns
    -------
    row, column, radius in pixels, to within a hundredth of the region's longer side.
    """
    from scipy import ndimage  # takes a third of a second, and only numbers need it

    step = -(-max(region.shape) // CENTRE_GRID)
    cells = region[step // 2 :: step, step // 2 :: step]
    # A thin mask may lie between the samples.
    if not cells.any():
        step, cells = 1, region
    distance = ndimage.distance_transform_edt(np.pad(cells, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(np.argmax(distance), cells.shape)
    return row * step + step // 2, column * step + step // 2, float(distance.max()) * step


def write_numbers(
    picture: np.ndarray, owners: np.ndarray, labels: tuple[int, ...], style: Style
) -> np.ndarray:
    """Write each label into the visible part of its mask, as large as there is room."""
    from scipy import ndimage

    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    if style.indexed is not None:
        draw.fontmode = "1"  # shades between two numbers would be other labels' colours
    for index, part in enumerate(ndimage.find_objects(owners)):
        if part is None:
            continue
        row, column, radius = inside_centre(owners[part] == index + 1)
        text = str(labels[index])
        # A digit is 0.4 of its height wide; half a height is left as a margin.
        size = int(np.clip(2 * radius / (0.5 + 0.4 * len(text)), SMALLEST_TEXT, LARGEST_TEXT))
        place = part[1].start + column, part[0].start + row
        write_text(draw, place, text, size, style.text_inks)
    return np.array(canvas)


def write_text(
    draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, size: int, inks: tuple
) -> None:
    """Write ``text`` with its middle at ``place`` (x, y), in the first ink on the second."""
    font = ImageFont.load_default(size)
    # Pillow's own stroke has shades even where the font mode forbids them.
    width = max(1, size // 14)
    ring = [(x, y) for x in (-width, 0, width) for y in (-width, 0, width) if x or y]
    for ink, shifts in ((inks[1], ring), (inks[0], [(0, 0)])):
        for x, y in shifts:
            draw.text((place[0] + x, place[1] + y), text, fill=ink, font=font, anchor="mm")
