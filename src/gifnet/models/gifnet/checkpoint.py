"""Conversion of the tensor names of the authors' GIFNet checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_TRUNK = "extractor_multask.SwinTransformerSpecific"

# One rule per row: the authors' key as a pattern, then ours. In their names "ivif" or no
# suffix is the MM branch and "mfif" the DP branch.
_BLOCK_PARTS = {
    "norm1{b}.weight": "norm.weight",
    "norm1{b}.bias": "norm.bias",
    "norm1{b}.meta1.": "norm.to_rescale.",
    "norm1{b}.meta2.": "norm.to_rebias.",
    "attn.QK{b}.": "query_key.",
    "attn.V{b}.": "value.",
    "attn.conv{b}.": "local.",
    "attn.proj{b}.": "project.",
    "mlp{b}.mlp.": "mlp.",
}


def _block_rules() -> list[tuple[re.Pattern[str], str]]:
    rules = []
    for suffix, branch in (("", "mm"), ("_mfif", "dp")):
        for theirs, ours in _BLOCK_PARTS.items():
            name = re.escape(theirs.replace("{b}", suffix))
            pattern = rf"{re.escape(_TRUNK)}\.layer1\.blocks\.(\d)\.{name}(.*)"
            rules.append((re.compile(pattern), rf"blocks.\1.{branch}.{ours}\2"))
    return rules


_RULES: list[tuple[re.Pattern[str], str]] = [
    *_block_rules(),
    (
        re.compile(rf"{re.escape(_TRUNK)}\.layer1\.blocks\.(\d)\.attn\.attn\.meta\.(.*)"),
        r"blocks.\1.position_bias.net.\2",
    ),
    (re.compile(rf"{re.escape(_TRUNK)}\.patch_embed_ivif\.proj\.(.*)"), r"embed.mm.\1"),
    (re.compile(rf"{re.escape(_TRUNK)}\.patch_embed_mfif\.proj\.(.*)"), r"embed.dp.\1"),
    (re.compile(rf"{re.escape(_TRUNK)}\.patch_unembed\.proj\.0\.(.*)"), r"unembed.\1"),
    (re.compile(rf"{re.escape(_TRUNK)}\.layer1\.weights\.0"), "gate.mm"),
    (re.compile(rf"{re.escape(_TRUNK)}\.layer1\.weights_mfif\.0"), "gate.dp"),
    (re.compile(r"cnnDecoder\.fuseComplementFeatures\.mlp\.(.*)"), r"decoder.mix.\1"),
]

# Stated by the architecture (offsets) or never read by it (the gate of the shifted block,
# which exchanges nothing).
_IGNORED = re.compile(
    rf"{re.escape(_TRUNK)}\.layer1\.(blocks\.\d\.attn\.attn\.relative_positions"
    r"|weights(_mfif)?\.1)"
)
_ENCODER = re.compile(r"getSharedFeatures\.conv_(\d)\.conv2d\.(.*)")
_STACKS = {
    re.compile(r"decoder_rec\.decoder\.(\d+)\.(.*)"): "reconstruction",
    re.compile(r"cnnDecoder\.decoder\.(\d+)\.(.*)"): "decoder.convs",
}


def is_published(state: Mapping[str, Tensor]) -> bool:
    """Return whether `state` has the names of the authors' release."""
    return "getSharedFeatures.conv_1.conv2d.weight" in state


def _translate_key(key: str) -> str | None:
    if match := _ENCODER.fullmatch(key):
        return f"encoder.convs.{int(match[1]) - 1}.{match[2]}"
    for pattern, name in _STACKS.items():
        if match := pattern.fullmatch(key):
            # Theirs counts padding layers too (1, 4, 7, 10), ours only ReLUs (0, 2, 4, 6).
            return f"{name}.{(int(match[1]) - 1) // 3 * 2}.{match[2]}"
    for pattern, replacement in _RULES:
        if match := pattern.fullmatch(key):
            return match.expand(replacement)
    return None


def translate(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the authors' state dict under this package's names.

    Keys without a rule are kept unchanged, so that loading reports them.
    """
    return {_translate_key(k) or k: v for k, v in state.items() if not _IGNORED.fullmatch(k)}
