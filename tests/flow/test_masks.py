"""Pixels that two masks want between key frames go to one of them, if they share none there."""

import numpy as np

from consistency.flow.masks import disjoint_masks


def test_the_higher_score_has_the_pixel():
    random = np.random.default_rng(0)
    scores = [random.normal(0.5, 1, (9, 12)), random.normal(0.5, 1, (8, 10))]
    regions = [(slice(2, 11), slice(3, 15)), (slice(5, 13), slice(0, 10))]
    for pairs in ([], [(0, 1)]):
        masks = disjoint_masks(scores, regions, pairs)
        whole = [np.full((20, 20), -9.0) for _ in scores]
        for image, score, region in zip(whole, scores, regions, strict=True):
            image[region] = score
        shared = 0
        for y, x in np.ndindex(20, 20):
            wants = [image[y, x] > 0 for image in whole]
            has = [False, False]
            for k, (rows, columns) in enumerate(regions):
                if rows.start <= y < rows.stop and columns.start <= x < columns.stop:
                    has[k] = bool(masks[k][y - rows.start, x - columns.start])
            if pairs and all(wants):
                shared += 1
                wants = [whole[0][y, x] >= whole[1][y, x], whole[0][y, x] < whole[1][y, x]]
            assert has == wants
        assert shared or not pairs
