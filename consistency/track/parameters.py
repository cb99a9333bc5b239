"""Every tuned number of the tracker, once: unit, meaning, and where it comes from.

``Parameters()`` are the defaults; ``dataclasses.replace(Parameters(), velocity_gain=0.2)`` varies
one.  There is one set for all data: what data sets disagree on, the tracker learns from the
sequence itself (innovations, usual similarity, how often masks blink).

Shares, similarities and gains are numbers between 0 and 1.  *Object size* is the square root of an
area, so that distances mean the same for small and for large objects.
"""

from dataclasses import dataclass

# Something is divided by these, or they count what there must be one of.
POSITIVE = (
    "piece_span",
    "first_innovation",
    "tail_sigmas",
    "full_blink_rate",
    "prior_links",
    "daughter_reach",
    "daughter_middle",
    "daughter_share_spread",
    "daughter_ratio_spread",
    "daughter_tails",
    "link_tails",
    "least_spread",
    "side_masks",
    "shrinkage",
)


@dataclass(frozen=True)
class Parameters:
    """Numbers that the tracker works with.

    "Tuned" means: chosen for the largest sum of AssA over ten collections of sequences (driving,
    crowds, video objects, two kinds of cells; each as it is and with masks missing, cut, merged
    and invented), on other sequences than those of the tables in docs/association.md.
    """

    # --- Where a track is expected (state.py) ---

    # Weight of the newest displacement in a track's velocity (alpha-beta filter).
    velocity_gain: float = 0.4
    # ... of the first displacement, which tells the most and may be a wrong link.
    first_velocity_gain: float = 0.6
    # The centroid jumps where a mask is cut or merged.  The gain is therefore multiplied with
    # clip((ratio - piece_ratio) / piece_span, 0, 1), ratio = smaller / larger area of the two.
    piece_ratio: float = 0.5
    piece_span: float = 0.3
    # Frames for which a lost track is thought to go on as before ...
    longest_drift: int = 10
    # ... where the camera's motion is known: what moves by itself soon stops.
    longest_drift_known_motion: int = 3

    # --- Which masks a track remembers besides its last one (state.py, views.py) ---

    # Decay per frame of the area of the largest recent mask: some day it is history.
    largest_decay: float = 0.9
    # A mask more than so many times as large as the typical one is not the whole object but a
    # union of two, unless ...
    largest_growth: float = 1.7
    # ... the mask before was nearly as large: at least this share of it.
    nearly_as_large: float = 0.7
    # A mask is typical if its area and the median of the last areas differ by this factor at most.
    typical_factor: float = 1.25
    # The remembered masks are asked where their area and that of the last mask differ by more than
    # this factor: else they tell nothing new.
    other_factor: float = 1.2

    # --- How far from there its mask may be (state.py, gating.py) ---

    # Decay per frame of a track's size: an occluded object is larger than its mask.
    size_decay: float = 0.8
    # Innovation of a new track, object sizes.
    first_innovation: float = 0.3
    # Weight of the newest squared innovation of a track.
    innovation_gain: float = 0.3
    # One wrong link must not widen the search for all that follows: a squared innovation counts at
    # most so many times what was expected (winsorising, Huber 1981).
    most_surprise: float = 9.0
    # A squared innovation counts at least the square of this, object sizes: who stood still for
    # long may still begin to move.
    least_deviation: float = 0.1
    # Uncertainty grows like gap**gap_exponent: 0.5 is that of a random walk.
    gap_exponent: float = 0.5
    # Standard deviations of the innovation at which the aligned shape counts 0 ...
    limit_sigmas: float = 4.0
    # ... and at which it counts half, apart from that (the tail of Student's t).
    tail_sigmas: float = 12.0
    # Bounds of that limit, object sizes.
    least_limit: float = 2.0
    largest_limit: float = 8.0
    # A mask smaller than this share of its track's size counts as that large.
    smallest_part: float = 0.5
    # The limit where the cue "uncertainty" is left out, object sizes.
    fixed_limit: float = 3.0

    # --- Which pairs are compared, and how alike they are (gating.py, similarity.py) ---

    # Masks that each remembered mask is compared with at most: a bound for crowds.
    most_candidates: int = 8
    # Bounds of the IoU are of pixels, thumbnails are samples of them: a pair is left out where its
    # bound is below this share of what it has to reach.
    bound_slack: float = 0.8
    # Similarity lost where the mask lies in a larger one and the track's last mask did not.
    nesting_weight: float = 0.25

    # --- Who gets which mask (tracker.py) ---

    # Least similarity of a link to the next frame: low, as rivals are decided by assignment ...
    least_similarity: float = 0.02
    # ... where the camera's motion is known: masks lie where they are expected, or are others.
    least_similarity_known_motion: float = 0.2
    # A track that is back after a gap competes with those of the frame before from here on.
    least_clear_return: float = 0.5
    # It may have a mask that nobody else takes from here on.
    least_return: float = 0.2
    # A track of the frame before may have one on this share of its gate.
    idle_share: float = 0.3
    # After more than the memory: IoU at the expected place.
    least_long_return: float = 0.5

    # --- How strict that is, by how often masks blink (blinking.py) ---

    # A link over one missing frame is a blink if it reaches this share of the track's usual
    # similarity: the object was there and its mask was not.
    blink_similarity: float = 0.7
    # Rate of blinks from which on tracks are as strict as they get.  Clean sequences have at most
    # 0.5 % (cells up to 2.3 %), faulty ones 2.8 to 6.4 %.
    full_blink_rate: float = 0.03
    # What the rate is before anything is seen: one blink in so many links.
    prior_links: float = 100.0
    # The beginning of a sequence is tracked beforehand to learn the rate, up to so many links: its
    # standard error is then 0.4 % at a rate of 3 % ...
    first_links: int = 2000
    # ... and at least for so many frames: a mask must be seen, be missing, and be seen again.
    first_frames: int = 15
    # Where masks blink, a track's gate is this share of its usual similarity ...
    gate_share: float = 0.4
    # Least weight of the newest similarity in what is usual for a track.
    level_gain: float = 0.2
    # Where masks blink, a track of n masks is trusted less by this share / n: a scrap that has just
    # appeared must not win the whole against the track that waits for it.
    youth_discount: float = 0.5

    # --- What is a cut and what a merge (splits.py) ---

    # Share of a piece that lies inside the whole.
    inside: float = 0.7
    # Of the sum of the pieces' areas, as a share of the whole's.
    area_tolerance: float = 0.3
    # Pieces share less than this part of the smaller: else one is a part of the other.
    apart: float = 0.5

    # --- What is a division, decided when all labels are known (divisions.py) ---

    # Masks whose median area is a mother's and a daughter's: single masks are faulty.
    mother_masks: int = 6
    daughter_masks: int = 4
    # Frames between the beginnings of the daughters, and for which the mother may be missed.
    division_slack: int = 3
    # Masks that the mother and each daughter must have: a piece is gone after one or two.
    least_life: int = 3
    # Distance between the daughters at most, in the mother's size (root of her area).
    daughter_reach: float = 2.5
    # Spread of the daughters' midpoint about the mother's place, in her size.
    daughter_middle: float = 0.3
    # Logarithm of a daughter's share of the mother's area, and its spread: 0.6, they soon grow.
    daughter_share: float = -0.5
    daughter_share_spread: float = 0.2
    # Spread of the logarithm of the ratio of the daughters' areas.
    daughter_ratio_spread: float = 0.35
    # Log odds lost for each frame in which a daughter is not there yet.
    daughter_missed: float = 0.5
    # Degrees of freedom of these densities (nearly normal), and of those of what tracks usually do:
    # there are wrong links among them.
    daughter_tails: float = 10.0
    link_tails: float = 3.0
    # A sequence divides where divisions outnumber those found with time reversed by so many
    # standard deviations (of the difference of two counts) ...
    least_surplus: float = 2.0
    # ... and these are at most this share of them: no tracker is quite the same both ways.
    most_reversed: float = 2 / 3
    # Below this share of links over one missing frame masks do not blink: what appears is new.
    least_blinking: float = 0.004

    # --- What is known of either side of a gap (tracklets.py) ---

    # Masks that the velocity and the largest shape of a side are taken from ...
    side_masks: int = 7
    # ... and frames that they may lie away.
    side_frames: int = 12

    # --- What the sequence teaches (calibration.py) ---

    # Gaps at which pairs of masks of one track are looked at, frames.
    sample_gaps: tuple[int, ...] = (1, 2, 3, 4, 6, 9, 13, 19, 28, 40)
    # Pairs of one track for each of them, and pairs of strangers altogether: enough for 14 weights.
    samples_per_gap: int = 300
    most_strangers: int = 3000
    # Pairs of one track for a spread of its own; with fewer a gap takes that of its neighbours.
    least_samples: int = 10
    # Share of prediction errors that the damping of velocities is to make small: wrong links and
    # pieces are among the rest.
    damping_quantile: float = 0.6
    # Damping and spread where a sequence has nothing to learn them from, and the least spread:
    # nothing is known better than that.  Spreads in object sizes.
    unknown_damping: float = 0.5
    unknown_spread: float = 0.3
    least_spread: float = 0.05
    # A pair is looked at up to so many spreads ...
    far: float = 12.0
    # ... within these bounds, object sizes.
    least_reach: float = 3.0
    largest_reach: float = 12.0
    # Weight of "rates of gaps are like 1 / gap", as a share of the gaps observed.
    gap_prior: float = 0.5
    # The regression's weights are drawn to 0 by so much (ridge).
    shrinkage: float = 1.0

    # --- Whom to join (linking.py) ---

    # (links below these log odds are cut first, or None: nothing is cut; least value of a join).
    # Sure joins first: they lend their sides to the doubtful ones.
    rounds: tuple[tuple[float | None, float], ...] = (
        (3.0, 2.0),
        (None, 1.0),
        (None, 0.0),
        (3.0, 1.0),
        (None, 0.0),
        (None, -1.5),
    )
    # Log odds of a pair = bias + evidence · (of the regression) + log_gap · log(gap)
    # + placed · (IoU at the expected place): a logistic regression over all tuning sequences, for
    # real gaps differ from those sampled inside tracks.
    join_bias: float = 0.8
    join_evidence: float = 0.5
    join_log_gap: float = -1.7
    join_placed: float = 2.5
    # ... and against its rivals: rival_bias - rival_weight · log(1 + odds of the others).
    rival_bias: float = 1.9
    rival_weight: float = 1.7
    # Log odds that a link of the tracker is right, whatever is measured here.
    trust: float = 4.0

    # --- How sure a link is (linking.py) ---

    # Probability = sigmoid(bias + slope · log odds), fitted to the links of all tuning sequences.
    confidence_bias: float = 2.0
    confidence_slope: float = 0.7

    def __post_init__(self) -> None:
        """ValueError for a number with which nothing can be computed."""
        for name in POSITIVE:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: {getattr(self, name)}; it has to be above 0")
        if not 0 <= self.damping_quantile <= 1:
            raise ValueError(f"damping_quantile: {self.damping_quantile}; it is a share, 0 to 1")


DEFAULTS = Parameters()
