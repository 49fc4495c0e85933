"""Places on Earth: reference systems, reprojection, and rasters that GDAL reads."""
