"""Shares: a network for any number of images in any order, with shares per band."""

from __future__ import annotations

from ..spec import ModelSpec

SPECS = (
    ModelSpec(
        name="shares",
        title="Shares of each image in four detail bands and a base, for any number in any order",
        paper="This project",
        network="shares.network:SharesNet",
        window=64,
        halo=48,
        minimum_side=1,
        pipeline_factory="shares.tiled:shares_pipeline",
        any_number=True,
        bfloat16=False,
        plane_bytes=450,
        largest_tile=768,
        bundled={None: "shares.safetensors"},
    ),
)
