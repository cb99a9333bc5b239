"""How often masks blink: a mask is missing in one frame, though its object is there.

This tells two kinds of sequences apart that look alike in any one frame.  Where masks hardly ever
blink, a track without a good mask has changed its looks: it should take what there is.  Where they
blink, the mask is missing, and what there is belongs to another object: it should wait.
"""

from dataclasses import dataclass

import numpy as np

from consistency.track.parameters import Parameters


@dataclass(frozen=True)
class Blinking:
    """Links of a sequence so far: to the next frame, and over one frame to a mask as before."""

    links: int = 0
    blinks: int = 0

    def counted(
        self, tracks: np.ndarray, t: int, similarity: np.ndarray, parameters: Parameters
    ) -> "Blinking":
        """Count links of ``tracks`` STATE (k,) to masks of frame ``t``; similarity float64 (k,)."""
        gap = t - tracks["frame"]
        # Of a track with one or two masks it is not known yet what is usual.
        known = tracks["length"] > 2
        as_before = similarity > parameters.blink_similarity * tracks["level"]
        blinks = int(((gap == 2) & known & as_before).sum())
        return Blinking(self.links + int((gap == 1).sum()), self.blinks + blinks)

    def strictness(self, parameters: Parameters) -> float:
        """Return how strict tracks have to be, in [0, 1]: 0 where masks never blink."""
        rate = (self.blinks + 1) / (self.links + parameters.prior_links)
        return min(rate / parameters.full_blink_rate, 1.0)
