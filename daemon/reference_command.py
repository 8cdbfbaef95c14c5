"""`zpscope reference`: learn the colours of a lab's own stain from its own pictures."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zpscope.config.errors import CommandRefused, FieldRefused
from zpscope.daemon.process import add_scale_argument, scale_of
from zpscope.drivers.open_source import open_source
from zpscope.drivers.replay import stated_scale
from zpscope.imaging.decode import decode
from zpscope.imaging.reference import LEAST_HEADS, learn, name_of, read_reference, write_reference

HELP = "learn a colour reference from a lab's own pictures"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "paths", nargs="+", type=Path, metavar="PATH", help="pictures, or folders of pictures, of one stain"
    )
    add_scale_argument(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the reference, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Learn from every picture; nothing is written if one of them will not do."""
    um_per_px = scale_of(arguments)
    sources = [open_source(path) for path in arguments.paths]
    scales = [um_per_px or stated_scale(*one) for one in zip(sources, arguments.paths, strict=True)]
    name = ""

    def fields() -> Iterator[tuple[NDArray[np.uint8], float]]:
        nonlocal name
        for source, scale in zip(sources, scales, strict=True):
            for index in range(len(source)):
                name = source.name(index)
                yield decode(source.read(index).pixels, source.layout), scale

    try:
        centroids, heads = learn(fields())
    except FieldRefused as error:
        msg = f"{name}: {error}"
        raise FieldRefused(msg) from error
    pictures = sum(map(len, sources))
    if heads < LEAST_HEADS:
        msg = (
            f"{heads} heads were found in {pictures} pictures, too few to learn a stain from: give pictures with "
            f"{LEAST_HEADS} or more, and check scale and focus (`zpscope segment --overlay` shows them)"
        )
        raise CommandRefused(msg)
    write_reference(arguments.out, centroids, pictures, heads)
    kept = name_of(read_reference(arguments.out))
    sys.stdout.write(f"{arguments.out}: reference {kept} from {heads} heads in {pictures} pictures\n")
    return 0
