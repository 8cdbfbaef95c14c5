"""What to do about fields that are not scored, in words: for commands, log and displays alike."""

_REMEDIES = {
    "scale": "what looks like heads is far from a head's size: check the scale (--um-per-px, or camera.um_per_px)",
    "moving": "the slide moved during the exposure: let it stand still, or expose for less time",
    "defocus": "the field is blurred: focus, and record again what was recorded so",
    "dark": "hardly any light: check the lamp, the shutter and the exposure",
    "saturated": "hardly anything but the brightest level: lower the exposure or the lamp",
    "refused": "the stain is told by its colour: set the camera to a colour format",
}


def remedy(reason: str) -> str:
    """Return what is wrong with a field that is skipped, and what to do; empty if it is skipped rightly."""
    return f"{reason}: {_REMEDIES[reason]}" if reason in _REMEDIES else ""
