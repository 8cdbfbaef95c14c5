"""Work that needs the extra `train` is loaded only when it is asked for; the extra may be absent."""

import importlib
from typing import Any

from zpscope.config.errors import SettingsError


def load(module: str) -> Any:  # noqa: ANN401  (its functions are known where they are called)
    """Return a module; raise SettingsError with the command that installs what it needs."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        msg = f"this needs {error.name}: pip install 'zpscope[train]'"
        raise SettingsError(msg) from error
