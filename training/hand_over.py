"""The work of `zpscope bundle` and `zpscope export`: writes what `pack` makes."""

import argparse
import sys
from pathlib import Path

from zpscope.config.errors import SettingsError, StoreError
from zpscope.training.export import to_onnx
from zpscope.training.pack import Words, calibrated, packed
from zpscope.training.publish import write_bundle
from zpscope.training.run import Run


def bundle(arguments: argparse.Namespace) -> int:
    """Write a bundle and say what it holds."""
    words = Words(arguments.name, arguments.model_version, arguments.licence, arguments.intended_use)
    card, files = packed(Run(arguments.run_folder), words, not arguments.no_integers)
    try:
        write_bundle(arguments.out, card, files)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    except OSError as error:
        raise _unwritten(arguments.out, error) from error
    if not arguments.no_integers and card.integers is None:
        sys.stderr.write("zpscope: the 8-bit model does not agree with the one in floats: it is left out\n")
    sizes = ", ".join(f"{name} {len(content) / 1e6:.1f} MB" for name, content in files.items())
    sys.stdout.write(f"{arguments.out}: {sizes}\n")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Write an ONNX file."""
    content = to_onnx(calibrated(Run(arguments.run_folder)))
    try:
        arguments.out.write_bytes(content)
    except OSError as error:
        raise _unwritten(arguments.out, error) from error
    sys.stdout.write(f"{arguments.out}: {len(content) / 1e6:.1f} MB\n")
    return 0


def _unwritten(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path} cannot be written ({error.strerror}): make room or choose another place")
