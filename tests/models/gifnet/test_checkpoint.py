"""How the names of the authors' checkpoint become ours."""

from __future__ import annotations

from pathlib import Path

import torch

from gifnet.models.gifnet import checkpoint as keymap
from gifnet.models.gifnet.attention import LogPositionBias
from gifnet.models.gifnet.network import GIFNet
from gifnet.models.weights import recognise

AUTHORS_TRUNK = "extractor_multask.SwinTransformerSpecific"


def authors_name(key: str) -> str:
    """Return the authors' name of one of our keys, written without the key map."""
    suffix = {"mm": "", "dp": "_mfif"}
    parts = key.split(".")
    if parts[0] == "encoder":
        return f"getSharedFeatures.conv_{int(parts[2]) + 1}.conv2d.{parts[3]}"
    if parts[0] == "reconstruction":
        return f"decoder_rec.decoder.{int(parts[1]) // 2 * 3 + 1}.{parts[2]}"
    if parts[:2] == ["decoder", "convs"]:
        return f"cnnDecoder.decoder.{int(parts[2]) // 2 * 3 + 1}.{parts[3]}"
    if parts[:2] == ["decoder", "mix"]:
        return f"cnnDecoder.fuseComplementFeatures.mlp.{'.'.join(parts[2:])}"
    if parts[0] == "embed":
        name = {"mm": "ivif", "dp": "mfif"}[parts[1]]
        return f"{AUTHORS_TRUNK}.patch_embed_{name}.proj.{parts[2]}"
    if parts[0] == "unembed":
        return f"{AUTHORS_TRUNK}.patch_unembed.proj.0.{parts[1]}"
    if parts[0] == "gate":
        return f"{AUTHORS_TRUNK}.layer1.weights{suffix[parts[1]]}.0"
    block = f"{AUTHORS_TRUNK}.layer1.blocks.{parts[1]}"
    if parts[2] == "position_bias":
        return f"{block}.attn.attn.meta.{'.'.join(parts[4:])}"
    name, rest = parts[3], ".".join(parts[4:])
    branch = suffix[parts[2]]
    if name == "norm":
        rest = rest.replace("to_rescale", "meta1").replace("to_rebias", "meta2")
        return f"{block}.norm1{branch}.{rest}"
    if name == "mlp":
        return f"{block}.mlp{branch}.mlp.{rest}"
    theirs = {"query_key": "QK", "value": "V", "local": "conv", "project": "proj"}[name]
    return f"{block}.attn.{theirs}{branch}.{rest}"


def test_a_renamed_state_dict_translates_back() -> None:
    state = GIFNet("tanh").state_dict()
    published = {authors_name(key): value for key, value in state.items()}
    assert len(published) == len(state)
    for branch in ("", "_mfif"):
        published[f"{AUTHORS_TRUNK}.layer1.weights{branch}.1"] = torch.ones(1)
    for block in (0, 1):
        key = f"{AUTHORS_TRUNK}.layer1.blocks.{block}.attn.attn.relative_positions"
        published[key] = torch.zeros(64, 64, 2)
    assert len(published) == 116
    assert keymap.is_published(published)
    assert not keymap.is_published(state)
    translated = keymap.translate(published)
    assert {k: v.data_ptr() for k, v in translated.items()} == {
        k: v.data_ptr() for k, v in state.items()
    }
    assert recognise(translated) == "gifnet-cvpr"


def test_a_key_that_no_rule_knows_is_kept() -> None:
    assert set(keymap.translate({"classifier.weight": torch.zeros(1)})) == {"classifier.weight"}


def test_the_key_map_covers_the_authors_checkpoint(shared_dir: Path) -> None:
    path = shared_dir / "reference/gifnet/official.model"
    published = torch.load(path, map_location="cpu", weights_only=True)
    assert len(published) == 116
    ours = GIFNet("tanh").state_dict()
    translated = keymap.translate(published)
    assert {k: v.shape for k, v in translated.items()} == {k: v.shape for k, v in ours.items()}
    assert {authors_name(key) for key in ours} <= set(published)
    ignored = [key for key in published if key not in {authors_name(k) for k in ours}]
    assert sorted(key.split(".")[-1] for key in ignored) == [
        "1", "1", "relative_positions", "relative_positions",
    ]  # fmt: skip
    offsets = LogPositionBias(window=8, heads=2).offsets
    for key in ignored:
        if key.endswith("relative_positions"):
            torch.testing.assert_close(published[key], offsets)
