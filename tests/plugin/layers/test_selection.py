"""Which layers a widget proposes."""

from __future__ import annotations

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_gifnet.layers.selection import follow
from napari_gifnet.layers.snapshot import METADATA_KEY
from napari_gifnet.widgets.parts.run_controls import add_layers


def image(name: str, *, result: bool = False) -> Image:
    return Image(np.zeros((8, 9)), name=name, metadata={METADATA_KEY: {}} if result else {})


def test_results_are_proposed_only_if_there_is_nothing_else() -> None:
    layers = [image("a"), image("b"), image("Fused a + b", result=True)]
    assert follow(layers, (None, None)) == (layers[0], layers[1])
    assert follow(layers[1:], (None, None)) == (layers[2], layers[1])


def test_a_chosen_result_stays() -> None:
    layers = [image("a"), image("b"), image("Fused a + b", result=True)]
    assert follow(layers, (layers[2], None)) == (layers[2], layers[1])


def test_messages_count_the_layers() -> None:
    def message(count: int) -> str:
        data = [(np.zeros((8, 9)), {"name": f"band {number}"}, "image") for number in range(count)]
        return add_layers(ViewerModel(), data)  # type: ignore[arg-type]

    assert message(1) == "Added 'band 0'."
    assert message(4) == "Added 4 layers, 'band 3' on top."
