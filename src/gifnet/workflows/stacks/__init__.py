"""More than two: a focus stack or an exposure bracket fused into one image."""
