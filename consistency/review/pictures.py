"""Small pictures of moments: before, after, and the rival, all of one place."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from consistency.draw.colours import BACKGROUND, WHITE
from consistency.draw.render import Style, draw_view, write_text
from consistency.draw.scene import Scene
from consistency.formats.buffer import Buffer
from consistency.review.moments import AROUND, Moment
from consistency.track.results import TrackedFrame
from consistency.track.tracklets import NONE

SIDE = 360  # pixels, the longer one of a picture
LEAST = 64  # pixels of the frame that are shown
TEXT = 16  # pixels
QUALITY = 85  # of JPEG, for photographs


class Pictures:
    """Draws the frames of one experiment."""

    def __init__(self, views: Scene, frames: Sequence[TrackedFrame]) -> None:
        self._views, self._buffer = views, Buffer()
        self._style = Style(size=views.size(), outline=True)
        self._frames = frames
        counts = [frame.kept.size for frame in frames]
        self._t = np.arange(len(frames)).repeat(counts)
        self._first = np.concatenate([[0], np.cumsum(counts)])

    def of(self, moment: Moment) -> list[tuple[str, str]]:
        """Return (caption, picture as a data URL) of what a moment shows."""
        masks = [m for m in (moment.before, moment.after, moment.rival) if m != NONE]
        place = self._place(masks, moment.after)
        found = []
        if moment.before == NONE:
            t = int(self._t[moment.after]) - 1
            found.append((f"before: frame {self._frames[t].name}", self._picture(t, NONE, place)))
        named = (("before", moment.before), ("after", moment.after), ("rival", moment.rival))
        for name, mask in named:
            if mask != NONE:
                t = int(self._t[mask])
                caption = f"{name}: label {self._label(mask)}, frame {self._frames[t].name}"
                found.append((caption, self._picture(t, mask, place)))
        return found

    def _place(self, masks: Sequence[int], after: int) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the part of the frames that shows what is around."""
        boxes = np.array([self._box(mask) for mask in masks])
        low, high = boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)
        frame = self._frames[self._t[after]]
        k = after - self._first[self._t[after]]
        reach = max(AROUND * frame.areas[k] ** 0.5, LEAST / 2)
        low = np.minimum(low, frame.centroids[k] - reach)
        high = np.maximum(high, frame.centroids[k] + reach)
        size = np.array(self._style.size[::-1])
        left, top = np.clip(low, 0, size - 1).astype(int).tolist()
        right, bottom = np.clip(high, 1, size).astype(int).tolist()
        return left, top, max(right, left + 1), max(bottom, top + 1)

    def _picture(self, t: int, mask: int, place: tuple[int, int, int, int]) -> str:
        """Draw a place in frame ``t``, and mark a mask there unless it is NONE."""
        view, layout = self._views.views[t], self._views.layout
        whole = Image.fromarray(draw_view(view, layout, self._style, self._buffer))
        part = whole.crop(place)
        scale = SIDE / max(part.size)
        width, height = (max(1, round(side * scale)) for side in part.size)
        picture = part.resize((width, height), Image.Resampling.BILINEAR)
        if mask != NONE:
            self._mark(picture, mask, place, scale)
        file, photograph = io.BytesIO(), view.image is not None
        picture.save(file, "JPEG" if photograph else "PNG", quality=QUALITY)
        kind = "jpeg" if photograph else "png"
        text = base64.b64encode(file.getvalue()).decode()
        return f"data:image/{kind};base64,{text}"

    def _mark(
        self, picture: Image.Image, mask: int, place: tuple[int, int, int, int], scale: float
    ) -> None:
        """Put a frame around a mask, and its label."""
        x, y, width, height = self._box(mask).tolist()
        corners = [x - place[0], y - place[1], x + width - place[0], y + height - place[1]]
        left, top, right, bottom = (round(value * scale) for value in corners)
        draw = ImageDraw.Draw(picture)
        draw.rectangle((left - 2, top - 2, right + 2, bottom + 2), outline=BACKGROUND, width=3)
        draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), outline=WHITE, width=1)
        middle = max(left, TEXT), max(top, TEXT)
        write_text(draw, middle, str(self._label(mask)), TEXT, (WHITE, BACKGROUND))

    def _label(self, mask: int) -> int:
        t = int(self._t[mask])
        return self._frames[t].labels[mask - self._first[t]]

    def _box(self, mask: int) -> np.ndarray:
        t = int(self._t[mask])
        return self._frames[t].boxes[mask - self._first[t]]
