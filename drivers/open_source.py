"""The one place that knows which files are replayed by what; each reader is imported only where it is chosen."""

from pathlib import Path

from zpscope.config.errors import SettingsError
from zpscope.drivers.picture_folder import PictureFolder, pictures_in
from zpscope.drivers.recording import TABLE, Recording
from zpscope.drivers.source import Source
from zpscope.imaging.picture import ENDINGS

_SLIDES = (".svs", ".ndpi", ".scn", ".bif", ".qptiff", ".mrxs", ".svslide", ".vms", ".vsi")
_TIFFS = (".tif", ".tiff")


def open_source(path: Path) -> Source:
    """Return the recorded fields at a path; raise SettingsError if there are none that can be used."""
    if path.is_dir():
        if (path / TABLE).exists():
            return Recording(path)
        inside = sorted(one.name for one in path.iterdir() if (one / TABLE).exists())
        if inside:
            msg = f"{path} holds {len(inside)} recordings: name one of them: {', '.join(inside)}"
            raise SettingsError(msg)
        return PictureFolder(pictures_in(path))
    if not path.exists():
        msg = f"{path} is not there: name a folder of pictures, a recording, a TIFF file or a slide"
        raise SettingsError(msg)
    ending = path.suffix.lower()
    try:
        if ending in _TIFFS:
            from zpscope.drivers.tiff_stack import TiffStack

            return TiffStack(path)
        if ending in _SLIDES:
            from zpscope.drivers.whole_slide import WholeSlide

            return WholeSlide(path)
    except ModuleNotFoundError as error:
        msg = f"{path} needs {error.name}: pip install 'zpscope[slides]'"
        raise SettingsError(msg) from error
    if ending in ENDINGS:
        return PictureFolder([path])
    msg = f"{path} is neither a picture ({', '.join(ENDINGS)}) nor a slide ({', '.join(_SLIDES)}): export it as one"
    raise SettingsError(msg)
