"""`zpscope score`: recorded fields through the very stages of the live system, without its processes."""

import argparse
import sys
from pathlib import Path

from zpscope.config.settings import Place, ReplayCamera, Settings
from zpscope.daemon import wire
from zpscope.daemon.process import add_scale_argument, scale_of, start_log
from zpscope.daemon.recorded import score_recorded
from zpscope.daemon.samples import model_of
from zpscope.daemon.scoring import ScoredField
from zpscope.daemon.summary import count_of, count_text
from zpscope.drivers.open_camera import open_camera
from zpscope.engines.bundle import open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH

HELP = "score recorded fields"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="one slide each: a folder of pictures, a recording, a TIFF stack, a whole-slide file",
    )
    add_scale_argument(parser)
    parser.add_argument(
        "--model",
        default="demonstration",
        metavar="BUNDLE",
        help="folder of a model bundle (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a folder, a line each")


def run(arguments: argparse.Namespace) -> int:
    """Score every folder; 1 if a picture could not be used."""
    start_log("score")
    um_per_px = scale_of(arguments)
    path = arguments.model if arguments.model == "demonstration" else Path(arguments.model)
    bundle = open_bundle(path, PREPROCESSING_HASH, CROP_UM_PER_PX)
    lost = False
    for folder in arguments.folders:
        camera = ReplayCamera(driver="replay", folder=folder, um_per_px=um_per_px)
        settings = Settings(camera=camera, place=Place(apart="counted"))
        with open_engine(settings.classifier, bundle) as engine:
            ledger, scored = score_recorded(settings, open_camera(settings.camera), engine)
            result = wire.extend(
                wire.RecordedResult,
                count_of([ledger], settings.tally, model_of(bundle, engine.runtime)),
                folder=str(folder),
                um_per_px=scored[0].examined.header.um_per_px,
                preprocessing=PREPROCESSING_HASH,
                fields=[_field(one) for one in scored],
            )
        for remark in dict.fromkeys(one.examined.remark for one in scored if one.examined.remark):
            sys.stderr.write(f"zpscope: fields of {folder} are skipped: {remark}\n")
        sys.stdout.write(wire.to_json(result) + "\n" if arguments.json else f"{folder}\n{count_text(result)}")
        lost = lost or bool(ledger.lost)
    return int(lost)


def _field(scored: ScoredField) -> wire.FieldResult:
    header, heads = scored.examined.header, scored.examined.heads
    results = [
        wire.HeadResult(
            x_px=float(heads.centre_px[head.index, 0]),
            y_px=float(heads.centre_px[head.index, 1]),
            angle_deg=float(heads.angle_deg[head.index]),
            area_um2=float(heads.area_um2[head.index]),
            reason=head.reason,
            p=head.p,
            bound=head.bound,
        )
        for head in scored.objects()
        if heads
    ]
    return wire.FieldResult(
        field=header.source, number=header.number, skip=scored.examined.skip, heads=results
    )
