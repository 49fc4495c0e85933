"""Fuse two NumPy arrays: one photograph, focused on the left and on the right."""

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage.data import camera

from gifnet import fuse

image = camera()[::4, ::4]
blurred = gaussian_filter(image, 2)
left = np.arange(image.shape[1]) < image.shape[1] // 2
near, far = np.where(left, image, blurred), np.where(left, blurred, image)

fused, share = fuse(near, far, task="mfif", return_mask=True)

print(f"Fused: {fused.dtype}, {fused.shape[0]} x {fused.shape[1]} pixels.")
print(f"Share of the near image: {share[:, left].mean():.2f} on the left,", end=" ")
print(f"{share[:, ~left].mean():.2f} on the right.")
