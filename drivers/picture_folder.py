"""Pictures of a folder as recorded fields, in name order."""

import time
from collections.abc import Sequence
from pathlib import Path

from zpscope.config.errors import SettingsError
from zpscope.drivers.camera import Grab
from zpscope.imaging.decode import PixelLayout
from zpscope.imaging.picture import ENDINGS, read_picture


class PictureFolder:
    """See `Source`. Pictures state no scale and no position."""

    layout: PixelLayout = "rgb8"
    simulated = False
    um_per_px: float | None = None

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths

    def __len__(self) -> int:
        return len(self._paths)

    def name(self, index: int) -> str:
        """Return the file's name without its ending."""
        return self._paths[index].stem

    def lost_before(self, index: int) -> int:
        """Return 0: it does not say."""
        del index
        return 0

    def read(self, index: int) -> Grab:
        """Return a picture."""
        return Grab(read_picture(self._paths[index]), time.monotonic_ns(), None, 0, self.name(index))


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder in name order; raise SettingsError if there is none."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not paths:
        msg = f"{folder} holds no picture ({', '.join(ENDINGS)}): name a folder of pictures"
        raise SettingsError(msg)
    return paths
