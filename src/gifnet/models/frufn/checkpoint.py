"""Conversion of the tensor names of the authors' EFRUFN checkpoint.

In their code the fusion starts from the first image. Here, as in the paper's equations, it starts
from the second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_SWIN = {
    "attn.logit_scale": "attention.scale",
    "attn.q_bias": "attention.query_bias",
    "attn.v_bias": "attention.value_bias",
    "attn.qkv.": "attention.query_key_value.",
    "attn.cpb_mlp.": "attention.position.",
    "attn.proj.": "attention.project.",
    "norm1.": "norm_attention.",
    "norm2.": "norm_mlp.",
    "mlp.fc1.": "mlp.0.",
    "mlp.fc2.": "mlp.2.",
}
_CONVNEXT = {
    "dwconv.": "spatial.",
    "norm.": "mix.0.",
    "pwconv1.": "mix.1.",
    "grn.": "mix.3.",
    "pwconv2.": "mix.4.",
}
#: their prefix, ours, and the names below it that differ
_PARTS: tuple[tuple[str, str, Mapping[str, str]], ...] = (
    (r"encoder1\.", "encode_second.", {"1.main.": "1.convs."}),
    (r"encoder2\.", "encode_first.", {"1.main.": "1.convs."}),
    (r"decoder\.", "decode.", {"0.main.": "0.convs."}),
    (r"update_block\.trans\.0\.", "unread.", {}),
    (r"update_block\.in_conv\.", "unit.transform.layers.0.", {}),
    (r"update_block\.out_conv\.", "unit.transform.layers.2.", {}),
    (r"update_block\.in_ln\.", "unit.transform.layers.1.norm_in.", {}),
    (r"update_block\.out_ln\.", "unit.transform.layers.1.norm_out.", {}),
    (r"update_block\.glo\.blocks\.(\d)\.", r"unit.transform.layers.1.blocks.\1.", _SWIN),
    (r"update_block\.gs\.proj_in\.", "unit.mask.embed.", {}),
    (r"update_block\.gs\.fe2\.", "unit.mask.scales.0.", _CONVNEXT),
    (r"update_block\.gs\.fe4\.", "unit.mask.scales.1.", _CONVNEXT),
    (r"update_block\.gs\.fe8\.", "unit.mask.scales.2.", _CONVNEXT),
    (r"update_block\.gs\.tran\.", "unit.mask.join.", {}),
    (r"update_block\.gs\.in_ln\.", "unit.mask.attention.norm_in.", {}),
    (r"update_block\.gs\.out_ln\.", "unit.mask.attention.norm_out.", {}),
    (r"update_block\.gs\.glo\.blocks\.(\d)\.", r"unit.mask.attention.blocks.\1.", _SWIN),
    (r"update_block\.gs\.proj_out1\.", "unit.mask.project.", {}),
)
# Stated by the architecture: offsets within a window, and the shifted grid of 128 x 128 crops.
_DERIVED = re.compile(r".*\.(relative_coords_table|relative_position_index|attn_mask)")


def is_published(state: Mapping[str, Tensor]) -> bool:
    """Return whether `state` has the names of the authors' release."""
    return "update_block.gs.proj_in.weight" in state


def _translate_key(key: str) -> str | None:
    for pattern, ours, below in _PARTS:
        if match := re.match(pattern, key):
            rest = key[match.end() :]
            for theirs, name in below.items():
                if rest.startswith(theirs):
                    rest = name + rest[len(theirs) :]
                    break
            return match.expand(ours) + rest
    return None


def translate(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the authors' state dict under this package's names.

    Keys without a rule are kept unchanged, so that loading reports them.
    """
    translated = {}
    for key, value in state.items():
        if _DERIVED.fullmatch(key):
            continue
        # GRN's gamma and beta carry three axes of length 1.
        translated[_translate_key(key) or key] = value.flatten() if ".grn." in key else value
    return translated
