"""What each driver of a real camera sees on this machine, and why it does not. Starts no camera."""

import os
from collections.abc import Iterator
from pathlib import Path

from zpscope.config.errors import SettingsError
from zpscope.daemon.finding import Finding
from zpscope.drivers.open_camera import sights

_DRIVERS = {
    "pylon": "no Basler camera: look at cable and power",
    "micromanager": "no device adapters: install Micro-Manager, or set MICROMANAGER_PATH to where it is",
    "opencv": "no video device; videos and streams need none",
}
_BASLER = "2676"
"""Basler's USB vendor number."""
_USB_MIB = 1000
"""Basler's advice for the memory that the kernel gives to USB transfers."""
_USB_MEMORY = Path("/sys/module/usbcore/parameters/usbfs_memory_mb")
_USB_DEVICES = Path("/sys/bus/usb/devices")


def look_around(chosen: str) -> Iterator[Finding]:
    """Yield one finding for each driver of a real camera; it fails only where the `chosen` one cannot work."""
    for driver, nothing in _DRIVERS.items():
        try:
            seen = sights(driver)
        except SettingsError as error:
            yield Finding("cameras", "fail" if driver == chosen else "ok", str(error))
            continue
        words = f"{driver}: {'; '.join(seen) or nothing}"
        yield Finding("cameras", "warn" if driver == chosen and not seen else "ok", words)
    yield from check_usb(_USB_DEVICES, _USB_MEMORY)


def check_usb(devices: Path, memory: Path) -> Iterator[Finding]:
    """Yield what keeps a Basler USB camera that is plugged in from working: permission, and too small a buffer."""
    vendors = [path for path in devices.glob("*/idVendor") if path.read_text().strip() == _BASLER]
    for vendor in vendors:
        bus, number = (int((vendor.parent / name).read_text()) for name in ("busnum", "devnum"))
        node = Path(f"/dev/bus/usb/{bus:03}/{number:03}")
        if not os.access(node, os.R_OK | os.W_OK):
            words = f"this user may not use the Basler camera at {node}: install pylon's udev rule, then replug it"
            yield Finding("cameras", "fail", words)
    mib = int(memory.read_text()) if memory.exists() else _USB_MIB
    if vendors and mib < _USB_MIB:
        words = (
            f"the kernel gives USB {mib} MiB, too little for a camera: echo {_USB_MIB} | sudo tee {memory}"
        )
        yield Finding("cameras", "warn", words)
