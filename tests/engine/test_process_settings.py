"""Settings of the process come back when the last one lets go of them."""

from __future__ import annotations

from gifnet.engine.process_settings import ProcessSetting


def test_the_last_release_restores_the_value() -> None:
    values = [8]
    setting = ProcessSetting(lambda: values[-1], values.append)
    with setting.held(1):
        setting.hold(2)
        assert (values[-1], setting.usual()) == (2, 8)
    assert values[-1] == 2
    setting.release()
    assert values[-1] == setting.usual() == 8
