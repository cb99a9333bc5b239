"""One frame of the input, read once for all outputs."""

from collections.abc import Iterator

import numpy as np

from consistency.dataset import Frame, Layout
from consistency.formats import read_masks, reader, rle
from consistency.formats.buffer import SLICE_BYTES, Buffer
from consistency.formats.damage import naming_frame
from consistency.formats.labelled import LabelledFrame
from consistency.limits import within
from consistency.masks.packed import PackedMasks


class FrameReader:
    """Reads the masks of one frame once, when the first output asks for them."""

    def __init__(self, layout: Layout, frame: Frame, labelled_frame: LabelledFrame, buffer: Buffer):
        self.layout, self.frame, self.buffer = layout, frame, buffer
        self.labelled_frame = labelled_frame
        self._masks: PackedMasks | None = None
        self._kept: PackedMasks | None = None
        self._run_lengths: list[dict] | None = None

    def masks(self) -> PackedMasks:
        """All masks of the input frame, packed."""
        if self._masks is None:
            self._masks = read_masks(self.layout, self.frame, self.buffer)
        return self._masks

    def kept(self) -> PackedMasks:
        """The kept masks, packed, in the order of their labels."""
        if self._kept is None:
            self._kept = self.masks().select(self.labelled_frame.kept)
        return self._kept

    def run_lengths(self) -> list[dict]:
        """COCO run lengths of the kept masks, in the order of their labels."""
        if self._run_lengths is None:
            # The input's own text, where it has one, is passed on byte by byte and needs no pixels.
            self._run_lengths = self._given() or self._encoded()
        return self._run_lengths

    def _given(self) -> list[dict] | None:
        """Run lengths of the input, if it has them as text; they have been checked."""
        records = [self.frame.records[index] for index in self.labelled_frame.kept.tolist()]
        values = [record.get("segmentation") for record in records]
        if all(isinstance(v, dict) and isinstance(v.get("counts"), str) for v in values):
            return [{"size": list(v["size"]), "counts": v["counts"]} for v in values]
        return None

    def _encoded(self) -> list[dict]:
        if not self.labelled_frame.labels:
            return []
        kept, boxes = self.kept(), self.labelled_frame.boxes
        # Mask by mask costs the pixels of all boxes, at once the pixels of the frame; an image
        # cannot hold masks that overlap.
        looked_at = int((boxes[:, 2] * boxes[:, 3]).sum())
        if len(self.labelled_frame.overlaps) or looked_at < kept.shape[0] * kept.shape[1]:
            return [rle.encode(kept, i, box) for i, box in enumerate(boxes)]
        # Disjoint masks with large boxes: one pass over the frame is less work.
        number = np.arange(1, kept.count + 1, dtype=np.min_scalar_type(kept.count))
        image, _ = kept.paint(number, range(kept.count))
        found = rle.of_labels(image)
        return [found[value] for value in number.tolist()]

    def pixel_slices(self, k: int) -> tuple[int, Iterator[np.ndarray]]:
        """Where the rows of the box of a kept mask begin, and their pixels, slice by slice.

        The number of the first pixel, then uint8 or bool, non-zero is foreground, the cheapest way
        there is.
        """
        index, (_, y, _, height) = self.labelled_frame.kept[k], self.labelled_frame.boxes[k]
        rows, width = (int(y), int(y + height)), (self.labelled_frame.shape or (0, 0))[1]
        direct = getattr(reader(self.layout.format), "pixel_slices", None)
        if direct and self._masks is None:  # what another output has read is not read again
            with within(self.layout.limits), naming_frame(self.frame):
                slices = direct(self.layout, self.frame, int(index), rows, self.buffer)
            if slices is not None:
                return rows[0] * width, slices
        pixels = self.masks().unpack(int(index))[rows[0] : rows[1]].ravel().view(np.uint8)
        return rows[0] * width, (
            pixels[i : i + SLICE_BYTES] for i in range(0, pixels.size, SLICE_BYTES)
        )
