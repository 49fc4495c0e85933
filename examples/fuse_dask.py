"""Fuse two dask arrays, tile by tile, into a zarr array."""

import dask.array as da
import numpy as np
from skimage.data import camera

from gifnet import fuse

image = da.from_array(camera()[::2, ::2], chunks=128)
dark, bright = image // 2, da.minimum(image.astype(np.uint16) * 2, 255).astype(np.uint8)

fused = fuse(bright, dark, task="meif", value_range=(0, 255), tile=128)
print(f"Nothing is computed yet: {fused.shape}, chunks of {fused.chunksize}.")

fused.to_zarr("fused.zarr", overwrite=True)
print(f"fused.zarr: mean {da.from_zarr('fused.zarr').mean().compute():.1f}.")
