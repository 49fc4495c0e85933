"""Means of square blocks."""

from __future__ import annotations

import numpy as np

from gifnet.imaging.block_means import block_means


def test_blocks_are_averaged_and_the_rest_is_left_out() -> None:
    image = np.arange(35, dtype=np.float32).reshape(5, 7)
    means = block_means(image, 2)
    assert means.dtype == np.float32
    np.testing.assert_array_equal(means, [[4, 6, 8], [18, 20, 22]])
    colour = np.stack([image, 2 * image], axis=-1)
    np.testing.assert_array_equal(block_means(colour, 2)[..., 1], 2 * means)
