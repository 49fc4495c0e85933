"""A real viewer for the plugin's tests."""

from __future__ import annotations

import dataclasses
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.widgets import dock

# napari's own imports use what pydantic, vispy and others deprecate.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    pytest.importorskip("napari.viewer")
    pytest.importorskip("napari.qt")

_HERE = Path(__file__).parent
#: Warnings that come from the code of others while a viewer works.
_OTHERS = (
    "ignore:`json_encoders` is deprecated",
    "ignore::DeprecationWarning:napari",
    "ignore::FutureWarning:napari",
    "ignore::DeprecationWarning:vispy",
    "ignore:Inconsistent units across layers:UserWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _HERE in item.path.parents:
            for line in _OTHERS:
                item.add_marker(pytest.mark.filterwarnings(line))


@pytest.fixture(autouse=True)
def default_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the person at this machine has set out of the tests."""
    from napari_gifnet import settings

    monkeypatch.setattr(settings, "load", settings.Settings)


@pytest.fixture(autouse=True)
def own_network() -> None:
    """Keep the network of one test, which may be a fake, out of the next one."""
    from napari_gifnet.jobs.base import shared_fusers

    shared_fusers.cache_clear()


class FakeFuser:
    """Averages two images tile by tile, slowly if asked; stands in for `gifnet.Fuser`."""

    tiles = 4
    pause = 0.0
    error: Exception | None = None
    device = "cpu"
    weights = None
    fuses_any_number = False

    model = "gifnet"

    def __init__(self, options: Any = None):
        self.options = options

    def load(self) -> None:
        pass

    def with_options(self, options: Any = None, **overrides: Any) -> FakeFuser:
        return type(self)(dataclasses.replace(options or self.options, **overrides))

    def shares_network_with(self, other: Any) -> bool:
        return True

    def run_enhancement(self, image: Any, **rest: Any) -> Any:
        from gifnet.fusion import Fusion

        return Fusion(self.enhance(image, **rest), None, self.provenance())

    def run(self, first: Any, second: Any, *, shares: str = "none", **rest: Any) -> Any:
        from gifnet.fusion import Fusion

        wanted = shares != "none"
        found = self.fuse(first, second, return_mask=wanted, **rest)
        image, share = found if wanted else (found, None)
        return Fusion(image, share, self.provenance())

    def fuse_planes(self, first: Any, second: Any, *, progress: Any = None) -> Any:
        from gifnet.fusion import Planes

        fused, share = self.fuse(first, second, return_mask=True, progress=progress)
        return Planes(fused, np.stack((share, 1 - share)))

    def fuse(
        self,
        first: Any,
        second: Any,
        *,
        return_mask: bool = False,
        out: Any = None,
        progress: Any = None,
        dtype: Any = None,
    ) -> Any:
        self._work(progress)
        if first.ndim != second.ndim:
            first = first if first.ndim > second.ndim else first[..., None]
            second = second if second.ndim >= first.ndim else second[..., None]
        values = np.stack(np.broadcast_arrays(first.astype(float), second.astype(float)))
        fused = np.nanmean(values, axis=0).astype(first.dtype)
        if isinstance(out, np.ndarray):
            out[:] = fused
        return (fused, np.full(fused.shape, 0.5, np.float32)) if return_mask else fused

    def enhance(self, image: Any, *, progress: Any = None) -> Any:
        self._work(progress)
        return image.copy()

    def _work(self, progress: Any) -> None:
        from gifnet.errors import Cancelled

        if self.error is not None:
            raise self.error
        for done in range(self.tiles):
            time.sleep(self.pause)
            if progress(done + 1, self.tiles) is False:
                raise Cancelled("stopped")

    def provenance(self) -> dict[str, Any]:
        return {"options": self.options.to_dict(), "weights": {"sha256": "0" * 64}}

    def release(self) -> None:
        pass


@pytest.fixture
def fake_fuser(monkeypatch: pytest.MonkeyPatch) -> type[FakeFuser]:
    """Replace the network by an average; returns the class, to be slowed down or broken."""
    import gifnet

    class Fresh(FakeFuser):
        pass

    monkeypatch.setattr(gifnet, "Fuser", Fresh, raising=False)
    return Fresh


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    """An empty viewer whose window is not shown."""
    return make_napari_viewer()


@pytest.fixture
def notifications() -> Iterator[list[Any]]:
    """What napari notifies its user of."""
    from napari.utils.notifications import notification_manager

    received: list[Any] = []
    notification_manager.notification_ready.connect(received.append)
    yield received
    notification_manager.notification_ready.disconnect(received.append)


@pytest.fixture
def fuse_widget(viewer: Any, qtbot: Any, random_weights: Path) -> Any:
    """The Fuse widget, docked, with weights that are not trained."""
    return dock(viewer, qtbot, "Fuse", random_weights)


@pytest.fixture
def enhance_widget(viewer: Any, qtbot: Any, random_weights: Path) -> Any:
    """The Enhance widget, docked, with weights that are not trained."""
    return dock(viewer, qtbot, "Enhance", random_weights)


@pytest.fixture
def stack_widget(viewer: Any, qtbot: Any, random_weights: Path) -> Any:
    """The Stack widget, docked, with weights that are not trained."""
    return dock(viewer, qtbot, "Stack", random_weights)


@pytest.fixture
def run(qtbot: Any) -> Callable[[Any], None]:
    """Press a widget's button and wait for the end."""

    def press(widget: Any) -> None:
        assert widget.controls.run_button.isEnabled(), widget.controls.run_button.toolTip()
        widget.controls.run_button.click()
        qtbot.waitUntil(lambda: not widget.controls.is_running, timeout=120_000)

    return press
