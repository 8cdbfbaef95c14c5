"""Every error an operator does something different about, in one place.

The message of each is one line that says what is wrong and what to do. The folder is the lowest layer, so
that a driver, an engine and a process can all raise them; it knows nothing of what raises them.
"""


class ZpscopeError(Exception):
    """The root: a command prints its message as one line and exits with `status`."""

    status = 1
    """Exit status: 1 the work failed, 2 wrong usage or settings."""


class SettingsError(ZpscopeError):
    """The settings are wrong: correct the file and start again."""

    status = 2


class CameraLost(ZpscopeError):
    """The camera is gone: look at cable and power; the process starts afresh."""


class GrabTimeout(ZpscopeError):
    """No exposure came in time: the camera may be waiting for a trigger."""


class PictureRefused(ZpscopeError):
    """One picture cannot be used: it is counted as lost, the others go on."""


class FieldRefused(ZpscopeError):
    """One decoded field cannot be segmented honestly, for example because it has no colour."""


class ModelRefused(ZpscopeError):
    """The model bundle is not what its card says, or does not fit: install the right one."""


class WireVersionError(ZpscopeError):
    """The other process speaks another version of the protocol: update the older one."""


class AddressInUse(ZpscopeError):
    """A port is taken: stop the other program, or choose another port."""


class PeerRefused(ZpscopeError):
    """The other process does not answer or serves someone else already."""


class CommandRefused(ZpscopeError):
    """A command does not fit the moment: the message says what must come first."""


class ProcessFailed(ZpscopeError):
    """A process of `zpscope run` cannot go on: its own last lines say why."""


class StoreError(ZpscopeError):
    """The store cannot be used: mend what the message says; committed fields are safe."""


class CohortRefused(ZpscopeError):
    """A table of patients or slides has values that cannot be: correct the rows that are named."""

    status = 2
