"""Masks to several label images a frame: labels that overlap anywhere are in different layers."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from consistency.formats.labelled import LabelledSequence
from consistency.formats.writing import FrameTask

LIMIT = 2**32 - 1


@dataclass(frozen=True)
class Layers:
    """What workers need to draw the layers.

    Attributes
    ----------
    of_label : {label: its layer, from 0}; a label stays in one layer.
    count : number of layers, at least 1.
    shape : (height, width) of every image in pixels.
    dtype : unsigned, of the images; holds every label.
    """

    of_label: dict[int, int]
    count: int
    shape: tuple[int, int]
    dtype: np.dtype

    def names(self, name: str) -> list[str]:
        """Name of each layer: NAME if there is one, else NAME_layer0, NAME_layer1, ..."""
        return [f"{name}_layer{i}" for i in range(self.count)] if self.count > 1 else [name]


def plan_layers(sequence: LabelledSequence, output: str) -> Layers:
    """Give each label a layer; ValueError if a label is beyond 32 bits."""
    layers = colour_greedily(sequence)
    largest = max(layers, default=1)
    # Readers take images of up to 32 bits; labels of --matching seed may be larger.
    if largest > LIMIT:
        raise ValueError(f"label {largest}: {output} holds labels up to {LIMIT}; use --output rle")
    count = max(layers.values(), default=0) + 1
    return Layers(layers, count, sequence.shape, np.min_scalar_type(largest))


def colour_greedily(sequence: LabelledSequence) -> dict[int, int]:
    """Layer of each label, from 0: the first in which it overlaps no label before it."""
    others = defaultdict(set)
    labels = set()
    for frame in sequence.labelled_frames:
        labels.update(frame.labels)
        for i, j, _ in frame.overlaps.tolist():
            others[frame.labels[i]].add(frame.labels[j])
            others[frame.labels[j]].add(frame.labels[i])
    layers: dict[int, int] = {}
    # Labels with many neighbours first (Welsh and Powell 1967): it usually takes fewer layers.
    for label in sorted(labels, key=lambda label: (-len(others[label]), label)):
        # None for labels without a layer yet; no layer is called so.
        taken = {layers.get(other) for other in others[label]}
        # There are no more layers than labels that have one, so one of these numbers is free.
        layers[label] = next(k for k in range(len(layers) + 1) if k not in taken)
    return layers


def draw_layers(task: FrameTask, layers: Layers) -> Iterator[np.ndarray]:
    """Yield the label image of each layer, (height, width) of the layers' dtype."""
    for layer in range(layers.count):
        # A layer that is empty in this frame has an image all the same: all layers share their
        # frames.
        image = np.zeros(layers.shape, layers.dtype)
        labels = task.labelled_frame.labels
        mine = [k for k, label in enumerate(labels) if layers.of_label[label] == layer]
        if mine:
            numbers = np.asarray(task.numbers, layers.dtype)
            image, _ = task.reader.kept().paint(numbers, mine)
        yield image
