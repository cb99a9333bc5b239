"""The predecessor's labels against a literal re-implementation on pixels, products included."""

import numpy as np
from conftest import squares
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from labelling import label_frames

FIRST = 2


def literal_seed(frames):
    """Label frames as the predecessor did, on arrays, one pair at a time."""
    frames = [_unique(masks) for masks in frames]
    counter, used, result = FIRST, set(), []
    previous = None
    for masks in frames:
        values = [mask.astype(np.int64) for _, mask in masks]
        if previous:
            for label, (_, current) in previous:
                overlaps = [(current & mask).sum() / (current | mask).sum() for _, mask in masks]
                if not overlaps:
                    continue
                target = int(np.argmax(overlaps))
                if (current.sum() / values[target].sum() - 1) ** 2 < 0.3:
                    values[target] = values[target] * label
        labels = [int(value.max()) for value in values]
        used |= set(labels)
        for i, label in enumerate(labels):
            if label == 1:
                while counter in used:
                    counter += 1
                labels[i] = counter
                used.add(counter)
        result.append({index: label for label, (index, _) in zip(labels, masks, strict=True)})
        previous = list(zip(labels, masks, strict=True))
    return result


def _unique(masks):
    order = sorted(range(len(masks)), key=lambda i: -int(masks[i].sum()))
    kept = []
    for position, i in enumerate(order):
        earlier = [masks[j] for j in order[:position]]
        twins = [(m & masks[i]).sum() / (m | masks[i]).sum() > 0.5 for m in earlier]
        if not any(twins):
            kept.append((i, masks[i]))
    return kept


def as_lists(frames, labels):
    return [
        [labelled.get(i) for i in range(len(masks))]
        for masks, labelled in zip(frames, labels, strict=True)
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_labels_equal_the_literal_re_implementation(seed):
    rng = np.random.default_rng(seed)
    frames = [
        squares(*rng.integers(3, 16, (rng.integers(0, 7), 3)), shape=(20, 24)) for _ in range(5)
    ]
    expected = as_lists(frames, literal_seed(frames))
    assert label_frames(frames, matching="seed") == expected


def test_two_masks_that_claim_one_multiply_their_labels():
    frames = [squares((0, 0, 10), (10, 0, 9)), squares((0, 0, 18))]
    frames[1][0][:, :] = False
    frames[1][0][0:9, 0:19] = True
    result = label_frames(frames, matching="seed")
    areas = [int(mask.sum()) for mask in frames[0]]
    target = int(frames[1][0].sum())
    assert (areas[0] / target - 1) ** 2 < 0.3  # the premise: the first one's claim is accepted,
    assert (areas[1] / (2 * target) - 1) ** 2 >= 0.3  # the second one's is not
    assert result == [[2, 3], [2]]
    frames[1] = squares((2, 0, 10))
    frames[0] = squares((0, 0, 10), (0, 0, 7))
    frames[0][1] = np.roll(squares((0, 0, 12))[0], 9, axis=1)
    assert label_frames(frames, matching="seed")[1][0] == 2 * 3


def test_labels_are_new_after_an_empty_frame():
    masks = squares((5, 5, 10), (30, 5, 12))
    result = label_frames([masks, [], masks], matching="seed")
    assert result == [[3, 2], [], [5, 4]]
