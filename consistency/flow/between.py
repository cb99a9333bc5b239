"""Where the pixels of frames come from that lie between two key frames, whose masks are known.

Every pixel of a frame between is looked up in the key frame before and in the one after, along
flows that are chained from frame to frame (those of the images, those that are given, or both),
and along one direct flow where frames are further apart.  A source counts the more, the better the
colours fit where it leads, and the nearer it is in time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from consistency.flow.carrying import carried, chained, inside, inverted, returning
from consistency.flow.dis import dense_flow
from consistency.flow.fields import Field
from consistency.options import FLOW_FAST

WINDOW = 5  # pixels of the images at half their size, side of the window of comparing colours
FITS = 3.0  # grey values: colours that are off by so much more make a source count 1 / e
UNKNOWN = 30.0  # grey values that the colours count as off by where a flow is not known
LEAST = 1e-9  # weight that a source keeps, so that weights can be divided by their sum


@dataclass(frozen=True, eq=False)
class Source:
    """Where the pixels of a frame come from.

    Attributes
    ----------
    after : from the key frame after it, not from the one before.
    vectors : float32 (h, w, 2), to the key frame, in pixels.
    weight : float32 (h, w), how much it counts; those of all sources add up to 1.
    """

    after: bool
    vectors: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True, eq=False)
class View:
    """One frame between.

    Attributes
    ----------
    sources : of its pixels.
    lost : bool (h, w), whether what a pixel shows is in no key frame.
    image : uint8 (h, w, 3), None where there is none.
    """

    sources: tuple[Source, ...]
    lost: np.ndarray
    image: np.ndarray | None


class Footage:
    """What is known of the frames from one key frame to the next, both included."""

    def __init__(
        self,
        count: int,
        images: Sequence[np.ndarray],
        forward: Sequence[Field],
        closed: bool,
        preset: str,
    ):
        """Take in images, flow fields, or both.

        Parameters
        ----------
        count : number of frames.
        images : uint8 (h, w, 3) each; none: the colours of sources are not compared.
        forward : flow from each frame to the next one, that from the last frame where there is a
            next one; none: that of the images alone.
        closed : whether the last frame is a key frame, not the end of the sequence.
        preset : how flow is computed, one of ``options.FLOW_PRESETS``.
        """
        self._images, self._forward, self._preset = images, forward, preset
        self._grey = [_grey(image) for image in images]
        self._halves: dict[int, np.ndarray] = {}
        self._backward: dict[int, Field] = {}
        self._count, self._closed = count, closed
        # With images the flow that is given is one more opinion.  Followed alone it was worse than
        # none: what is computed from colours fits them better than what is not, right or wrong, so
        # that the direct flow won where both were wrong.
        self._kinds = [True] * bool(forward) + [False] * bool(images)

    def views(self) -> Iterator[View]:
        """Yield the frames between, in order."""
        last = self._count - 1
        back = range(last - 1, 0, -1) if self._closed else range(0)
        to_last = [dict(self._chain(back, last, given)) for given in self._kinds]
        ahead = range(1, last + 1 - self._closed)
        to_first = [self._chain(ahead, 0, given) for given in self._kinds]
        for t, flows in zip(ahead, zip(*to_first, strict=True), strict=True):
            found = [(False, flow) for _, flow in flows]
            if self._images and t > 1:
                found.append((False, self._direct(t, 0)))
            if self._closed:
                found += [(True, flows.pop(t)) for flows in to_last]
                if self._images and t < last - 1:
                    found.append((True, self._direct(t, last)))
            yield self._view(t, found)

    def _chain(self, frames: range, key: int, given: bool) -> Iterator[tuple[int, Field]]:
        """Yield each frame and the flow from it to the key frame, from frame to frame.

        ``given``: the flow that was given, not that of the images.
        """
        so_far = None
        for t in frames:
            step = self._step(t, t - frames.step, given)
            so_far = step if so_far is None else chained(step, so_far)
            yield t, so_far

    def _step(self, t: int, beside: int, given: bool) -> Field:
        if not given:
            return _known(dense_flow(self._grey[t], self._grey[beside], self._preset))
        if beside < t:
            return self._inverted(beside)
        return returning(self._forward[t], self._inverted(t))

    def _inverted(self, t: int) -> Field:
        """Return the flow from the frame after ``t`` back to it."""
        if t not in self._backward:
            after = self._forward[t + 1] if t + 1 < len(self._forward) else None
            self._backward[t] = inverted(self._forward[t], after)
        return self._backward[t]

    def _direct(self, t: int, key: int) -> Field:
        # A second opinion: over a longer time the chain drifts, and this one loses its way
        # elsewhere, so that the fast preset will do.
        return _known(dense_flow(self._grey[t], self._grey[key], FLOW_FAST))

    def _view(self, t: int, found: Sequence[tuple[bool, Field]]) -> View:
        share, size = t / (self._count - 1), found[0][1].shape
        weights, least = [], np.float32(np.inf)
        for after, flow in found:
            near = np.sqrt(share if after else 1 - share) if self._closed else 1.0
            off = self._off(t, self._count - 1 if after else 0, flow)
            least = np.minimum(least, off)
            weights.append(np.float32(near) * np.exp(off / np.float32(-FITS)) + np.float32(LEAST))
        total = sum(weights)
        sources = [
            Source(after, flow.vectors, _enlarged(weight / total, size))
            for (after, flow), weight in zip(found, weights, strict=True)
        ]
        lost = _enlarged(least, size) >= UNKNOWN
        return View(tuple(sources), lost, self._images[t] if self._images else None)

    def _off(self, t: int, key: int, flow: Field) -> np.ndarray:
        """Return how far the colours are off where the flow leads, float32, grey values.

        At half the size where there are images: it is a mean of many pixels anyway.
        """
        import cv2

        known = flow.known & inside(flow.vectors)
        blind = np.float32(UNKNOWN) * ~known
        if not self._images:
            return blind
        wanted, picture = self._half(t), self._half(key)
        vectors = cv2.resize(flow.vectors, wanted.shape[1::-1]) / np.float32(2)
        apart = cv2.absdiff(wanted, carried(picture, vectors)).astype(np.float32)
        mean = cv2.transform(apart, np.full((1, 3), 1 / 3, np.float32))
        off = cv2.blur(mean, (WINDOW, WINDOW))
        return off if known.all() else off + cv2.resize(blind, wanted.shape[1::-1])

    def _half(self, t: int) -> np.ndarray:
        if t not in self._halves:
            import cv2

            height, width = self._grey[t].shape
            size = (-(-width // 2), -(-height // 2))
            self._halves[t] = cv2.resize(self._images[t], size, interpolation=cv2.INTER_AREA)
        return self._halves[t]


def _known(vectors: np.ndarray) -> Field:
    return Field(vectors, np.ones(vectors.shape[:2], bool))


def _enlarged(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    import cv2

    return values if values.shape == shape else cv2.resize(values, shape[::-1])


def _grey(image: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
