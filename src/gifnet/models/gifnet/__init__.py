"""GIFNet, in three forms that differ in the head."""

from __future__ import annotations

from functools import partial

from ..spec import ModelSpec
from . import checkpoint

_gifnet = partial(
    ModelSpec,
    paper='Cheng et al., "One Model for ALL", CVPR 2025',
    network="gifnet.network:GIFNet",
    window=8,
    halo=24,
    minimum_side=8,
    pipeline_factory="gifnet.tiled:gifnet_pipeline",
)

SPECS = (
    _gifnet(
        name="gifnet",
        title="GIFNet with a band head: shares of both sources and a gain in every band",
        arguments={"head": "bands"},
        minimum_side=16,
        bundled={None: "gifnet.safetensors"},
    ),
    _gifnet(
        name="gifnet-blend",
        title="GIFNet with a blend head: one share per pixel plus a residual",
        arguments={"head": "blend"},
    ),
    _gifnet(
        name="gifnet-cvpr",
        title="GIFNet as published, trained here by its own recipe; for the authors' checkpoint "
        "too",
        arguments={"head": "tanh"},
        has_share=False,
        bundled={None: "gifnet-cvpr.safetensors"},
        checkpoint=checkpoint,
    ),
)
