"""Measurements of the project: quality of the fused pictures. Not part of the distribution."""
