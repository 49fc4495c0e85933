"""What a person wants every run to start with: device, precision and tile size.

napari 0.9 and newer keep settings of plugins and show them under Preferences; for older ones
a small file beside napari's own settings takes their place.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gifnet.io.atomic import write_atomically
from gifnet.options import PRECISION_CHOICES

_PLUGIN, _CATEGORY, _FILE = "napari-gifnet", "compute", "napari-gifnet.json"


@dataclass(frozen=True)
class Settings:
    """Defaults of the widgets' advanced options.

    Attributes
    ----------
    device, precision : str
        As in `gifnet.FuseOptions`.
    tile : int
        Side of the tiles in pixels, 0 for an automatic choice.
    """

    device: str = "auto"
    precision: str = "auto"
    tile: int = 0


def load() -> Settings:
    """Return the settings; whatever is missing or makes no sense has its default."""
    kept = _of_napari()
    if kept is not None:
        return _checked({field.name: getattr(kept, field.name) for field in _FIELDS})
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    return _checked(found if isinstance(found, dict) else {})


def save(settings: Settings) -> None:
    """Keep settings for the next time.

    Raises
    ------
    OSError
        If the file of older napari releases cannot be written.
    """
    kept = _of_napari()
    if kept is not None:
        for name, value in dataclasses.asdict(settings).items():
            setattr(kept, name, value)
        return

    _file().parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(dataclasses.asdict(settings), indent=2)
    write_atomically(_file(), text, hint="the settings hold for this session only.")


_FIELDS = dataclasses.fields(Settings)


def _checked(values: Mapping[str, Any]) -> Settings:
    found = {
        field.name: values[field.name]
        for field in _FIELDS
        if type(values.get(field.name)) is type(field.default)
    }
    if found.get("precision") not in PRECISION_CHOICES:
        found.pop("precision", None)
    if found.get("tile", 0) < 0 or found.get("tile", 0) % 8:
        found.pop("tile")
    return Settings(**found)


def _of_napari() -> Any:
    """Return napari's own settings of this plugin, or None where napari keeps none."""
    try:
        from napari.settings import get_plugin_settings
    except ImportError:
        return None
    try:
        return getattr(get_plugin_settings(_PLUGIN), _CATEGORY)
    except (KeyError, AttributeError):  # the plugin is switched off, or its manifest is older
        return None


def _file() -> Path:
    from napari.settings import get_settings

    own = get_settings().config_path
    return (Path(own).parent if own else Path.home() / ".config" / "napari") / _FILE
