"""From a trained model to a verified bundle."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from converters.judge import FEATURES, Judge
from converters.limits import clips_over_limit, loss_over_limit
from converters.person import PERSON_FILE, PeopleNetwork, convert_person, people_lines, person_spec
from converters.plan import Plan, Precision
from converters.targets import EDGETPU_FILE, PRECISIONS, Finished, Target, finish, precision_for
from converters.write import refuse_existing, sha256, temporary_folder, write_bundle
from edge.bundle import FORMAT_VERSION, AlertSpec, Bundle, BundleSpec, HeadName, InputSpec
from edge.errors import ConfigurationError, ModelError, QualityError

FRAME_FILE, HEAD_FILE, WINDOW_FILE = "frame.tflite", "head.tflite", "window.tflite"
LEAST_RATE_SHARE = 0.9
"""Of the rate that a scene network was trained at: it knows no other."""
MIN_REPRESENTATIVE = 16
MIN_HELD_OUT = 8
MIN_CONTRAST = 8
"""A picture whose values lie closer together, of 0..255, counts as one-coloured."""
LEAST_USABLE = 0.25
"""Share of the representative pictures that must show more: ranges come from all of them. Of real sets all do."""
LATENCY_BUDGET = 0.58
"""What `mixed` aims at, of float32's latency on one thread: the goal of 0.6 with room for noise of the measurement."""
ANOTHER = "choose another --precision, or "
"""What a precision that loses too much leaves to do, beside accepting it."""

Report = Callable[[str], object]
Pictures = NDArray[np.uint8]
ClipJudge = Callable[[Path], Mapping[str, Any]]
"""From a bundle to what it changes about clips against float32, or the reason why none were watched (`untested`)."""


class Trained(Protocol):
    """What training made, as far as conversion needs it."""

    @property
    def frame(self) -> Any:
        """keras.Model: float32 (n, height, width, 3) of 0..255 -> dict of `features` and `probabilities`."""
        ...

    @property
    def head(self) -> Any:
        """keras.Model of one recurrent step, `features`, `state` -> dict of `probabilities`, `next_state`; or None."""
        ...

    @property
    def window(self) -> Any:
        """keras.Model of a whole window, `steps` (n, n_steps, n_features) -> dict of `probabilities`; or None. It takes
        the features of `frame`, or where that is None the pixels."""
        ...

    @property
    def person(self) -> Any:
        """keras.Model of one step of the person head, `features`, `state` -> dict of `probabilities`, `next_state`; or
        None."""
        ...

    @property
    def combine(self) -> Mapping[str, Mapping[HeadName, float]]:
        """Which heads say a label, and their weights; of one that it does not name, the scene's alone."""
        ...

    @property
    def labels(self) -> Sequence[str]: ...

    @property
    def input(self) -> InputSpec: ...

    @property
    def window_s(self) -> float: ...

    @property
    def alerts(self) -> Mapping[str, AlertSpec]: ...

    @property
    def thresholds(self) -> Mapping[str, float]: ...

    @property
    def video_rules(self) -> Mapping[str, str]: ...


def convert(
    trained: Trained,
    *,
    name: str,
    precision: Precision | None,
    representative: Pictures,
    held_out: Pictures,
    out: Path,
    provenance: Mapping[str, Any],
    people: PeopleNetwork | None = None,
    target: Target = "cpu",
    force: bool = False,
    accept_loss: bool = False,
    plan: Plan | None = None,
    latency_budget: float = LATENCY_BUDGET,
    judge: ClipJudge | None = None,
    report: Report = print,
) -> Bundle:
    """Convert a trained model, verify it, and write its bundle.

    Args:
        trained: the Keras models and what goes with them.
        name: of the bundle, `[a-z0-9_-]+`.
        precision: `float32`, `float16`, `int8` (integer-only) or `mixed` (what int8 hurts most stays float, found by
            search on representative pictures within the latency budget); None: the target's own.
        representative: uint8 (n, height, width, 3), pictures as the frame model sees them, of many clips.
        held_out: uint8 (m, height, width, 3), of other clips: the verification.
        out: directory or `.zip` to write.
        provenance: data sets, recipe, versions, seed.
        people: finds the bodies that the person head follows; needed where there is one.
        target: what is to run the frame model; the processor runs every bundle.
        force: replace `out` when it exists.
        accept_loss: write the bundle, with a warning that the box prints, where more is lost than the precision's
            limits (`LIMITS`).
        plan: of an earlier bundle of the same architecture (`verification["plan"]`), instead of a search.
        latency_budget: of float32's latency, for `mixed`.
        judge: watches clips with the converted bundle, for `verification["clips"]`; None where nobody asks.
        report: takes each printed line.

    Raises:
        ConfigurationError: `out` exists, or arguments do not fit.
        ModelError: the Keras model has other inputs or outputs than agreed, or the target's compiler fails.
        QualityError: unusable pictures, a file that is not what it should be, or a loss over the limit.
    """
    refuse_existing(out, force=force)
    precision = precision_for(target, precision)
    _check_pictures(trained.input, representative, held_out)
    _check_models(trained, precision)
    draft = _draft(trained, name, precision, provenance, people if trained.person is not None else None)
    converted = Finished()
    if trained.frame is not None:
        converted = _convert_frame(
            trained, precision, target, representative, held_out, accept_loss=accept_loss, plan=plan,
            budget=latency_budget, report=report,
        )  # fmt: skip
    files, verification = dict(converted.files), dict(converted.verification)
    _convert_rest(trained, held_out, files, verification)
    if trained.person is not None and people is not None:
        person, figures = convert_person(trained.person)
        files |= {**people.files, PERSON_FILE: person}
        verification |= {"people": dict(people.verification), "person": figures}
        if target == "edgetpu" and FRAME_FILE in files:
            verification["edgetpu"] |= {"memory": _memory(draft, files)}
    spec = _with_files(draft, files)
    verification["parts"] = parts_of(spec, target, files)
    if judge is not None:
        verification["clips"] = _clip_figures(spec, files, judge)
    for line in summary(precision, verification):
        report(line)
    _refuse(loss := clips_over_limit(precision, verification.get("clips", {})), accept_loss, ANOTHER)
    warning = "; ".join(filter(None, (converted.loss, people.loss if people is not None else "", loss)))
    spec = spec.model_copy(update={"verification": verification, "warning": warning})
    return write_bundle(spec, files, out, force=force)


def _clip_figures(spec: BundleSpec, files: dict[str, bytes], judge: ClipJudge) -> dict[str, Any]:
    """What the bundle changes about clips, before it stands in its place."""
    with temporary_folder() as folder:
        path = folder / "bundle"
        write_bundle(spec, files, path)
        return dict(judge(path))


def _with_files(draft: BundleSpec, files: Mapping[str, bytes]) -> BundleSpec:
    """The spec with what was made."""
    networks = draft.networks
    if EDGETPU_FILE in files:
        scene = networks.scene.model_copy(update={"files": {**networks.scene.files, "edgetpu": EDGETPU_FILE}})
        networks = networks.model_copy(update={"scene": scene})
    digests = {file: sha256(content) for file, content in files.items()}
    return draft.model_copy(update={"networks": networks, "files": digests})


def _refuse(loss: str, accepted: bool, way_out: str = "") -> None:
    """Stop where more is lost than the limit, unless that is accepted."""
    if loss and not accepted:
        raise QualityError(f"{loss}; {way_out}take it all the same with --accept-loss")


def _check_models(trained: Trained, precision: Precision) -> None:
    from converters.export import check_models  # noqa: PLC0415  (takes seconds)
    from converters.window import check_window  # noqa: PLC0415

    if trained.frame is not None:
        check_models(trained.frame, trained.head)
    elif trained.window is None:
        raise ModelError("the trained model has neither a frame model nor a window model; train again")
    elif precision != "float32":
        raise ConfigurationError(f"--precision {precision}: a window model of pictures is converted in float32 only")
    if trained.window is not None:
        check_window(trained.window)


def _convert_frame(
    trained: Trained,
    precision: Precision,
    target: Target,
    representative: Pictures,
    held_out: Pictures,
    *,
    accept_loss: bool,
    plan: Plan | None,
    budget: float,
    report: Report,
) -> Finished:
    """The frame model's files, its figures, and what was lost over the limits."""
    from converters.export import export_frame  # noqa: PLC0415
    from converters.verify import check_file, verify_frame  # noqa: PLC0415

    float32 = export_frame(trained.frame, trained.input)
    frame, details = quantized(float32, precision, target, representative, plan=plan, budget=budget, report=report)
    operations = check_file(frame, precision)
    figures = verify_frame(trained.frame, float32, frame, held_out)
    _refuse(loss := loss_over_limit(precision, figures), accept_loss, ANOTHER)
    finished = finish(target, frame, precision, held_out, report)
    _refuse(finished.loss, accept_loss)
    verification = {"frame": figures, "operations": operations, **details, **finished.verification}
    losses = "; ".join(filter(None, (loss, finished.loss)))
    return Finished({FRAME_FILE: frame, **finished.files}, verification, losses)


def _convert_rest(trained: Trained, held_out: Pictures, files: dict[str, bytes], verification: dict[str, Any]) -> None:
    """Add the files and figures of what looks at more than one frame."""
    from converters.export import export_head  # noqa: PLC0415
    from converters.verify import verify_head  # noqa: PLC0415
    from converters.window import export_window, steps_of, verify_window  # noqa: PLC0415

    if trained.head is not None:
        files[HEAD_FILE] = export_head(trained.head)
        verification["head"] = verify_head(trained.head, files[HEAD_FILE])
    if trained.window is not None:
        files[WINDOW_FILE] = export_window(trained.window)
        rows = steps_of(trained.frame, trained.input, held_out)
        verification["window"] = verify_window(trained.window, files[WINDOW_FILE], rows)


def _memory(draft: BundleSpec, files: Mapping[str, bytes]) -> dict[str, Any]:
    """What the two networks mean in an Edge TPU's memory."""
    from converters.edgetpu_memory import shared_memory  # noqa: PLC0415

    scene, people = draft.networks.scene, draft.networks.people
    assert people is not None
    rates_hz = scene.input.rate_hz, people.input.rate_hz
    return shared_memory(files[scene.files["cpu"]], files[people.files["cpu"]], rates_hz)


def parts_of(spec: BundleSpec, target: Target, files: Mapping[str, bytes]) -> dict[str, dict[str, Any]]:
    """Which part of a bundle is computed how, on what, and what a step of the heads costs on one thread.

    What the target cannot run, such as a file that no compiler has made for an Edge TPU, or integers on a GPU, the
    processor runs.
    """
    from converters.runtime import latencies  # noqa: PLC0415  (takes seconds)

    parts: dict[str, dict[str, Any]] = {}
    for name, network in (("frame", spec.networks.scene), ("people", spec.networks.people)):
        if network is not None and network.files:
            runs = network.precision in PRECISIONS[target] and (target != "edgetpu" or target in network.files)
            parts[name] = {"precision": network.precision, "runs_on": target if runs else "cpu"}
    for name, file in (("head", HEAD_FILE), ("window", WINDOW_FILE), ("person", PERSON_FILE)):
        if file in files:
            step_ms = round(float(np.median(latencies([files[file]]))), 3)
            parts[name] = {"precision": "float32", "runs_on": "cpu", "step_ms": step_ms}
    return parts


def summary(precision: Precision, verification: Mapping[str, Any]) -> list[str]:
    """The figures of a conversion, for people."""
    lines = _frame_lines(precision, verification["frame"]) if "frame" in verification else []
    if "head" in verification:
        head = verification["head"]
        lines.append(f"head: off by at most {head['probability_difference_max']:g} over {head['n_steps']} steps")
    if "window" in verification:
        window = verification["window"]
        lines.append(
            f"window of {window['n_steps']}: {window['size_bytes'] / 1e6:.2f} MB, {window['latency_ms']:.2f} ms, "
            f"off by at most {window['probability_difference_max']:g} in {window['n_windows']} windows"
        )
    lines += people_lines(verification)
    if memory := verification.get("edgetpu", {}).get("memory"):
        from converters.edgetpu_memory import memory_line  # noqa: PLC0415  (takes seconds)

        lines.append(memory_line(memory))
    lines.append(f"parts: {', '.join(_part(name, part) for name, part in verification['parts'].items())}")
    if "clips" in verification:
        lines.append(_clip_line(precision, verification["clips"]))
    return lines


def _part(name: str, part: Mapping[str, Any]) -> str:
    cost = f", {part['step_ms']:.2f} ms a step" if "step_ms" in part else ""
    return f"{name} {part['precision']} on {part['runs_on']}{cost}"


def _clip_line(precision: Precision, clips: Mapping[str, Any]) -> str:
    if "untested" in clips:
        return f"clips: none watched: {clips['untested']}"
    areas = {label: of_label for label, of_label in clips["labels"].items() if of_label["auc"] is not None}
    line = (
        f"clips: {clips['n_clips']} of {clips['n_found']} {clips['source']}, {clips['learned_from']} of which the "
        f"model has learned from (of those only the change says something): {100 * clips['accuracy_float32']:.1f} % "
        "right in float32"
    )
    line += "".join(f", AUC of {label} {one['auc_float32']:.3f}" for label, one in areas.items())
    if precision == "float32":
        return line
    line += f"; in {precision} {100 * clips['accuracy']:.1f} % ({clips['lost']} lost, {clips['won']} won)"
    return line + "".join(f", AUC of {label} {one['auc']:.3f}" for label, one in areas.items())


def _frame_lines(precision: Precision, frame: Mapping[str, Any]) -> list[str]:
    speed = f"{frame['latency_ms']:.2f} ms a frame on one thread, {frame['latency_ratio']:.2f} of float32"
    agreement = (
        f"features {frame['features_snr_db']:.1f} dB (cosine {frame['features_cosine']:.4f}), "
        f"same top label {100 * frame['label_agreement']:.1f} %, "
        f"probabilities off by at most {frame['probability_difference_max']:.3f}, "
        f"{frame['probability_difference_mean']:.4f} in the mean"
    )
    lines = [
        f"{precision}: {frame['size_bytes'] / 1e6:.2f} MB, {speed}",
        f"against Keras on {frame['n_held_out']} held-out pictures: {agreement}",
    ]
    if precision == "int8":
        lost = 100 * (1 - frame["label_agreement"])
        lines.append(f"int8 loses: the top label changes on {lost:.1f} % of the pictures; `mixed` loses less")
    return lines


def quantized(
    float32: bytes,
    precision: Precision,
    target: Target,
    representative: Pictures,
    *,
    judge: Judge = FEATURES,
    plan: Plan | None = None,
    budget: float = LATENCY_BUDGET,
    report: Report = print,
) -> tuple[bytes, dict[str, Any]]:
    """A float32 file in the wanted precision, and what was chosen for it; `judge` tells what it is to keep."""
    from converters.calibration import calibrate  # noqa: PLC0415
    from converters.graph import Graph  # noqa: PLC0415
    from converters.integer import make_integer_ready, make_plan_ready  # noqa: PLC0415
    from converters.quantize import ranges_of_plan, to_float16, to_float32, to_int8, to_plan  # noqa: PLC0415
    from converters.search import search  # noqa: PLC0415

    graph = Graph(float32)
    if precision == "float32":
        return to_float32(graph), {}
    if precision == "float16":
        return to_float16(graph), {}
    if precision == "int8":
        ready = make_integer_ready(graph, representative, report, judge=judge)
        return to_int8(*ready, plain_dense=target == "edgetpu"), {}
    calibration = calibrate(graph, representative)
    if plan is None:
        plan = search(graph, calibration, representative, budget, report, judge=judge)
    elif len(plan) != len(graph.units):
        raise ConfigurationError(f"plan: {len(plan)} kinds for {len(graph.units)} units; it is of another architecture")
    chosen = {"plan": list(plan), "plan_units": [unit.name for unit in graph.units], "latency_budget": budget}
    frozen: Plan = tuple(plan)
    known = ranges_of_plan(graph.units, frozen, calibration)
    changed, ranges = make_plan_ready(graph, frozen, known, representative, report, judge=judge)
    return to_plan(changed, frozen, ranges), chosen


def _check_pictures(spec: InputSpec, representative: Pictures, held_out: Pictures) -> None:
    """Refuse pictures that calibrate or prove nothing."""
    shape = (spec.height_px, spec.width_px, 3)
    for what, pictures, least in (
        ("representative", representative, MIN_REPRESENTATIVE),
        ("held-out", held_out, MIN_HELD_OUT),
    ):
        if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[1:] != shape:
            found = f"{pictures.dtype} {pictures.shape}"
            raise QualityError(f"{what} pictures: {found}; give uint8 (n, {shape[0]}, {shape[1]}, 3)")
        usable = (
            int((np.ptp(pictures.reshape(len(pictures), -1), axis=1) >= MIN_CONTRAST).sum()) if len(pictures) else 0
        )
        if usable < least:
            raise QualityError(
                f"{what} pictures: {len(pictures)}, of which {usable} show more than one colour; "
                f"give at least {least} real ones of different clips"
            )
    shown = [sha256(picture.tobytes()) for picture in representative if np.ptp(picture) >= MIN_CONTRAST]
    if len(shown) < LEAST_USABLE * len(representative):
        raise QualityError(
            f"representative pictures: {len(representative)}, of which only {len(shown)} show more than one colour; "
            f"leave one-coloured ones out until {LEAST_USABLE:.0%} do"
        )
    seen = set(shown)
    if len(seen) < MIN_REPRESENTATIVE:
        raise QualityError(
            f"representative pictures: {len(shown)}, of which {len(seen)} differ; "
            f"give at least {MIN_REPRESENTATIVE} different ones"
        )
    if repeated := sum(sha256(picture.tobytes()) in seen for picture in held_out):
        raise QualityError(
            f"held-out pictures: {repeated} are also among the representative ones; take them from other clips"
        )


def _draft(
    trained: Trained, name: str, precision: Precision, provenance: Mapping[str, Any], people: PeopleNetwork | None
) -> BundleSpec:
    """The bundle's spec before there are files and figures: what does not fit is said before the work.

    Raises:
        ConfigurationError: a field that `bundle.json` does not take.
    """
    from converters.export import input_widths  # noqa: PLC0415
    from converters.window import window_features  # noqa: PLC0415

    has_frame = trained.frame is not None
    scene: dict[str, Any] = {
        "files": {"cpu": FRAME_FILE} if has_frame else {},
        "precision": precision,
        "input": trained.input,
        "least_rate_hz": LEAST_RATE_SHARE * trained.input.rate_hz,
        "n_features": int(trained.frame.output["features"].shape[-1]) if has_frame else window_features(trained.window),
    }
    head: dict[str, Any] = {"kind": "mean", "window_s": trained.window_s}
    if trained.window is not None:
        head |= {"kind": "window", "file": WINDOW_FILE}
    elif trained.head is not None:
        head |= {"kind": "recurrent", "file": HEAD_FILE, "n_state": input_widths(trained.head)["state"]}
    names = [*scene["files"].values(), *([head["file"]] if "file" in head else [])]
    person = None if trained.person is None else person_spec(trained.person)
    if (person is None) != (people is None):
        raise ConfigurationError("the person head needs a network that finds bodies, and there is none")
    if people is not None and person is not None:
        names += [*people.spec.files.values(), person.file]
    fields: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "name": name,
        "created_at": datetime.now(UTC).replace(microsecond=0),
        "labels": list(trained.labels),
        "networks": {"scene": scene, "people": people and people.spec},
        "heads": {"scene": head, "person": person},
        "combine": {label: trained.combine.get(label, {"scene": 1.0}) for label in trained.alerts},
        "alerts": dict(trained.alerts),
        "thresholds": dict(trained.thresholds),
        "video_rules": dict(trained.video_rules),
        "files": dict.fromkeys(names, "0" * 64),
        "verification": {},
        "provenance": dict(provenance),
    }
    try:
        return BundleSpec.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "bundle"
        raise ConfigurationError(f"{field}: {first['msg']} (found {first['input']!r})") from error
