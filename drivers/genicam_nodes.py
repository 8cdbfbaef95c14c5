"""What an operator sets, in the words of a GenICam camera, new (SFNC) or old (GigE: `...Abs`). Knows no SDK.

The old word goes first: where a camera knows both, as Basler's emulator does, it exposes by the old one.
"""

from typing import Any

from zpscope.config.cameras import PylonCamera
from zpscope.config.errors import SettingsError

_NANOSECONDS = 1_000_000_000


def write(nodes: Any, settings: PylonCamera, pixel_format: str) -> None:  # noqa: ANN401  (a node map has no types)
    """Set every node that a setting speaks of; raise SettingsError for what the camera does not allow."""
    _choose(nodes, "pixel_format", ("PixelFormat",), pixel_format)
    for key, offset, size in (("width_px", "OffsetX", "Width"), ("height_px", "OffsetY", "Height")):
        _number(nodes, key, (offset,), 0)
        _number(nodes, key, (size,), getattr(settings, key) or nodes.GetNode(size).Max)
    _number(nodes, "left_px", ("OffsetX",), settings.left_px)
    _number(nodes, "top_px", ("OffsetY",), settings.top_px)
    _automatic_off(nodes, "ExposureAuto", settings.exposure_us)
    _number(nodes, "exposure_us", ("ExposureTimeAbs", "ExposureTime"), settings.exposure_us)
    _automatic_off(nodes, "GainAuto", settings.gain_db)
    _number(nodes, "gain_db", ("Gain",), settings.gain_db)
    _automatic_off(nodes, "BalanceWhiteAuto", settings.white_balance)
    for colour, ratio in zip(("Red", "Green", "Blue"), settings.white_balance or (), strict=False):
        _choose(nodes, "white_balance", ("BalanceRatioSelector",), colour)
        _number(nodes, "white_balance", ("BalanceRatioAbs", "BalanceRatio"), ratio)
    _frame_rate(nodes, settings.frame_rate_hz)
    _trigger(nodes, settings)
    if settings.emulated_folder is not None:
        _show_pictures(nodes, settings)


def ticks_per_s(nodes: Any) -> int:  # noqa: ANN401
    """Return the frequency of the camera's clock; 1 GHz where the camera does not say (USB3 Vision)."""
    node = nodes.GetNode("GevTimestampTickFrequency")
    return int(node.Value) if node.IsReadable() else _NANOSECONDS


def _frame_rate(nodes: Any, rate_hz: float | None) -> None:  # noqa: ANN401
    enable = nodes.GetNode("AcquisitionFrameRateEnable")
    if enable.IsWritable():
        enable.Value = rate_hz is not None
    _number(nodes, "frame_rate_hz", ("AcquisitionFrameRateAbs", "AcquisitionFrameRate"), rate_hz)


def _trigger(nodes: Any, settings: PylonCamera) -> None:  # noqa: ANN401
    if settings.trigger == "free_running":
        return  # the SDK switches every trigger off when it opens a camera
    source = "Software" if settings.trigger == "software" else settings.trigger_line
    _choose(nodes, "trigger", ("TriggerSelector",), "FrameStart")
    _choose(nodes, "trigger_line", ("TriggerSource",), source)
    _choose(nodes, "trigger", ("TriggerMode",), "On")


def _show_pictures(nodes: Any, settings: PylonCamera) -> None:  # noqa: ANN401
    folder = settings.emulated_folder
    if folder is None or not folder.is_dir():
        msg = f"{folder} is not a folder: set camera.emulated_folder to a folder of pictures"
        raise SettingsError(msg)
    _choose(nodes, "emulated_folder", ("TestImageSelector",), "Off")
    nodes.GetNode("ImageFilename").Value = str(folder)
    _choose(nodes, "emulated_folder", ("ImageFileMode",), "On")


def _automatic_off(nodes: Any, name: str, wanted: object) -> None:  # noqa: ANN401
    node = nodes.GetNode(name)
    if wanted is not None and node.IsWritable():
        node.Value = "Off"


def _choose(nodes: Any, key: str, names: tuple[str, ...], value: str) -> None:  # noqa: ANN401
    node = _writable(nodes, key, names)
    allowed = node.GetSettableValues()
    if value not in allowed:
        msg = f"camera.{key}: this camera has no {value}: give one of {', '.join(sorted(allowed))}"
        raise SettingsError(msg)
    node.Value = value


def _number(nodes: Any, key: str, names: tuple[str, ...], value: float | None) -> None:  # noqa: ANN401
    if value is None or (value == 0 and not nodes.GetNode(names[0]).IsWritable()):
        return  # nothing asked for, or an offset of the whole sensor
    node = _writable(nodes, key, names)
    step = node.Inc if isinstance(node.Min, int) else 0
    if not node.Min <= value <= node.Max or (step and (value - node.Min) % step):
        steps = f" in steps of {step}" if step > 1 else ""
        msg = f"camera.{key} = {value}: this camera allows {node.Min:g} to {node.Max:g}{steps}"
        raise SettingsError(msg)
    node.Value = value


def _writable(nodes: Any, key: str, names: tuple[str, ...]) -> Any:  # noqa: ANN401
    for name in names:
        node = nodes.GetNode(name)
        if node.IsWritable():
            return node
    msg = f"camera.{key}: this camera cannot set it ({' or '.join(names)}): leave it out"
    raise SettingsError(msg)
