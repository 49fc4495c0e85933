"""Random images for the tests of fusion."""

import numpy as np

RNG = np.random.default_rng(0)


def image(shape, dtype=np.float32, high=None):
    values = RNG.random(shape)
    if np.dtype(dtype).kind in "iu":
        high = np.iinfo(dtype).max if high is None else high
        return (values * high).astype(dtype)
    return values.astype(dtype)
