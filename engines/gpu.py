# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false
"""NVIDIA's GPU without torch: which one is there, and memory to hand crops over in.

The only file that knows cuda.bindings. The first device that the driver shows is taken; CUDA_VISIBLE_DEVICES
chooses another one. Knows no model.
"""

import ctypes
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from cuda.bindings import nvml
from cuda.bindings import runtime as cuda
from numpy.typing import NDArray

from zpscope.config.errors import ModelRefused
from zpscope.engines.engine import one_line

_DEVICE = 0


@dataclass(frozen=True)
class Gpu:
    """What a compiled model depends on."""

    name: str
    capability: str
    """Compute capability without its dot: `89`."""
    driver: str
    """Version of the driver."""


def find_gpu() -> Gpu:
    """Return the GPU that models run on.

    Raises:
        ModelRefused: There is no GPU, or no driver that serves this zpscope's libraries.
    """
    if absent := gpu_absence():
        raise ModelRefused(absent)
    shown = _done(cuda.cudaGetDeviceProperties(_DEVICE))
    return Gpu(bytes(shown.name).rstrip(b"\0").decode(), f"{shown.major}{shown.minor}", _driver())


def _driver() -> str:
    """Return the driver's version."""
    try:
        nvml.init_v2()
        try:
            return str(nvml.system_get_driver_version())
        finally:
            nvml.shutdown()
    except (nvml.NvmlError, RuntimeError) as error:
        msg = f"the NVIDIA driver does not tell its version ({one_line(error)}): install it again"
        raise ModelRefused(msg) from error


def gpu_absence() -> str:
    """Return why no GPU can be used, empty if one can."""
    error, devices = cuda.cudaGetDeviceCount()
    if error == cuda.cudaError_t.cudaSuccess and devices > 0:
        return ""
    why = "none is seen" if error == cuda.cudaError_t.cudaSuccess else _words(error)
    return f"no NVIDIA GPU can be used ({why}): see what nvidia-smi says, and install a newer driver"


class Lane:
    """Page-locked memory for a batch of crops and its answers, twins of both on the GPU, and a stream of its own."""

    def __init__(self, crops: tuple[int, int, int]) -> None:
        self._shapes = (crops, crops[:1])
        self._host: list[int] = []
        self._device: list[int] = []

    def __enter__(self) -> Self:
        _done(cuda.cudaSetDevice(_DEVICE))
        self._stream = _done(cuda.cudaStreamCreateWithFlags(cuda.cudaStreamNonBlocking))
        self.crops: NDArray[np.uint8] = self._pair(self._shapes[0], np.uint8)
        self.answers: NDArray[np.float32] = self._pair(self._shapes[1], np.float32)
        return self

    def __exit__(self, *exc: object) -> None:
        for address in self._device:
            _done(cuda.cudaFree(address))
        for address in self._host:
            _done(cuda.cudaFreeHost(address))
        self._device, self._host = [], []
        _done(cuda.cudaStreamDestroy(self._stream))

    @property
    def stream(self) -> int:
        """Handle of the stream."""
        return int(self._stream)

    @property
    def addresses(self) -> tuple[int, int]:
        """Of the crops and of the answers on the GPU."""
        crops, answers = self._device
        return crops, answers

    def send(self) -> None:
        """Begin to copy the crops to the GPU."""
        kind = cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        _done(cuda.cudaMemcpyAsync(self._device[0], self._host[0], self.crops.nbytes, kind, self._stream))

    def fetch(self) -> None:
        """Copy the answers from the GPU, when all that was begun before is done."""
        kind = cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        _done(cuda.cudaMemcpyAsync(self._host[1], self._device[1], self.answers.nbytes, kind, self._stream))
        _done(cuda.cudaStreamSynchronize(self._stream))

    def _pair(self, shape: tuple[int, ...], element: type[np.generic]) -> NDArray[Any]:
        size = int(np.prod(shape)) * np.dtype(element).itemsize
        self._host.append(int(_done(cuda.cudaHostAlloc(size, cuda.cudaHostAllocDefault))))
        self._device.append(int(_done(cuda.cudaMalloc(size))))
        held = (ctypes.c_char * size).from_address(self._host[-1])
        return np.frombuffer(memoryview(held), np.dtype(element)).reshape(shape)


def _done(answer: tuple[Any, ...]) -> Any:  # noqa: ANN401  (what CUDA answers)
    """Return what a call gives; raise ModelRefused if it failed."""
    error, *given = answer
    if error != cuda.cudaError_t.cudaSuccess:
        msg = f"the GPU fails ({_words(error)}): see what nvidia-smi says, or set classifier.runtime to auto"
        raise ModelRefused(msg)
    return given[0] if given else None


def _words(error: Any) -> str:  # noqa: ANN401  (an error number of CUDA)
    return str(cuda.cudaGetErrorString(error)[1].decode())
