"""`zpscope score`: recorded fields through the very stages of the live system, without its processes."""

import argparse
import sys
from pathlib import Path

from zpscope.config.errors import ModelRefused, SettingsError
from zpscope.config.settings import ReplayCamera, Segmentation, Settings
from zpscope.daemon import wire
from zpscope.daemon.listing import summary_of
from zpscope.daemon.process import (
    add_reference_argument,
    add_scale_argument,
    add_settings_arguments,
    scale_of,
    settings_of,
    start_log,
)
from zpscope.daemon.recorded import score_recorded
from zpscope.daemon.rescoring import rescore
from zpscope.daemon.samples import model_of
from zpscope.daemon.scoring import ScoredField
from zpscope.daemon.store import read_store
from zpscope.daemon.summary import LIGHT_REMEDY, count_of, count_text, light_text
from zpscope.drivers.open_camera import open_camera
from zpscope.engines.bundle import Bundle, open_bundle
from zpscope.engines.open_engine import open_engine
from zpscope.imaging.crop import CROP_UM_PER_PX, PREPROCESSING_HASH
from zpscope.imaging.reference import name_of, read_reference

HELP = "score recorded fields"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="PATH",
        help="one slide each: a folder of pictures, a recording, a TIFF stack, a whole-slide file",
    )
    add_scale_argument(parser)
    add_reference_argument(parser)
    parser.add_argument(
        "--model",
        metavar="BUNDLE",
        help="folder of a model bundle (default: that of the settings)",
    )
    parser.add_argument(
        "--sample",
        metavar="SAMPLE",
        help="instead: the heads of a past sample, beside what was said of them then",
    )
    add_settings_arguments(parser, profile="demo")
    parser.add_argument("--json", action="store_true", help="print one JSON object a folder, a line each")


def run(arguments: argparse.Namespace) -> int:
    """Score every folder; 1 if a picture could not be used."""
    start_log("score")
    um_per_px = scale_of(arguments)
    given = settings_of(arguments)
    path = Path(arguments.model) if arguments.model not in (None, "demonstration") else arguments.model
    bundle = open_bundle(path or given.classifier.bundle, PREPROCESSING_HASH, CROP_UM_PER_PX)
    if (arguments.sample is None) == (not arguments.folders):
        msg = "name either what was recorded, or a past sample with --sample"
        raise SettingsError(msg)
    if arguments.sample is not None:
        return _again(arguments, given, bundle)
    segmentation = given.segmentation
    if arguments.reference != "built-in":
        segmentation = Segmentation(reference=arguments.reference)
    reference = read_reference(segmentation.reference)
    lost = False
    for folder in arguments.folders:
        camera = ReplayCamera(driver="replay", folder=folder, um_per_px=um_per_px)
        place = given.place.model_copy(update={"apart": "counted"})
        settings = given.model_copy(update={"camera": camera, "place": place, "segmentation": segmentation})
        with open_engine(settings.classifier, bundle) as engine:
            ledger, scored = score_recorded(settings, open_camera(settings.camera), engine)
            result = wire.extend(
                wire.RecordedResult,
                count_of([ledger], settings.tally, model_of(bundle, engine.runtime)),
                folder=str(folder),
                um_per_px=scored[0].examined.header.um_per_px,
                preprocessing=PREPROCESSING_HASH,
                reference=name_of(reference),
                fields=[_field(one) for one in scored],
            )
        for remark in dict.fromkeys(one.examined.remark for one in scored if one.examined.remark):
            sys.stderr.write(f"zpscope: fields of {folder} are skipped: {remark}\n")
        if light := light_text(result.model, scored[-1].examined.colour.empty_grey):
            sys.stderr.write(f"zpscope: {folder}: {light} {LIGHT_REMEDY}\n")
        sys.stdout.write(wire.to_json(result) + "\n" if arguments.json else f"{folder}\n{count_text(result)}")
        lost = lost or bool(ledger.lost)
    return int(lost)


def _again(arguments: argparse.Namespace, settings: Settings, bundle: Bundle) -> int:
    """Score the kept crops of a past sample by another model."""
    with (
        read_store(settings.store.path) as store,
        open_engine(settings.classifier, bundle) as engine,
    ):
        sample = store.sample(arguments.sample)
        for slide in store.slides(sample.id):
            if slide.preprocessing != PREPROCESSING_HASH:
                msg = f"the crops of sample {sample.accession} were cut by another zpscope ({slide.software}): use that"
                raise ModelRefused(msg)
        model = model_of(bundle, engine.runtime)
        both = rescore(store, sample, engine, settings.classifier.batch, f"{model.name} {model.version}")
        then = summary_of(store, sample).model
    if arguments.json:
        sys.stdout.write(wire.to_json(both) + "\n")
        return 0
    for name, k, (low, high) in (
        (f"{then.name} {then.version}", both.k_then, both.interval_then),
        (both.model_now, both.k_now, both.interval_now),
    ):
        sys.stdout.write(f"{name}: {k} of {both.n} heads bound, 95 % interval {low:.1f} to {high:.1f} %\n")
    sys.stdout.write(f"{both.changed} heads are called otherwise\n{wire.NOTICE}\n")
    return 0


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
