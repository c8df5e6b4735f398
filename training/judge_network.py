"""Judge network files on labelled photographs, compared with `cv` and with each other.

    python -m training.judge_network FOLDER lkas/detection/net/patch_net.onnx candidate.onnx

FOLDER holds labels.json and manifest.json. Every photograph is a single image, and the two lines of its ego lane
are scored. With --versions each is used in five versions: unchanged, darker, brighter, mirrored, cut. Without a network
`cv` and the installed `hybrid` are judged.
Prints TuSimple's accuracy and CULane's F1 per group of photographs, in all, and in the clips that `is_held_back` names
and in the others; then the differences between all pairs with the 95 % interval of a paired bootstrap.
"""

import argparse
from itertools import combinations
from pathlib import Path

import cv2

from lkas.detection import DetectionParameters, LaneDetector, create_detector
from lkas.detection.lane_fit.outline import record
from lkas.detection.methods.hybrid import HybridDetector
from lkas.detection.net.patch_net import PatchNet
from lkas.detection.net.runtime import ModelError
from lkas.detection.scoring.labels import LabelError, Labels
from lkas.detection.scoring.score import Difference, ScoredFrame, difference, score, summarise
from lkas.vehicle import CameraConfig
from training.confidence_frames import LABELS, clips_of_photographs, is_held_back
from training.photograph_versions import pooled, versions

GROUP_KEYS = ["set", "difficulty"]
ALL, HELD_BACK, WORKED_ON = "all", "held back", "worked on"


def scored_photographs(detector: LaneDetector, folder: Path, in_versions: bool = False) -> dict[str, list[ScoredFrame]]:
    """Group -> its frames, in the same order for every detector; all versions of a photograph are one frame."""
    labels = Labels(folder / LABELS, GROUP_KEYS)
    groups: dict[str, list[ScoredFrame]] = {}
    for name, clip in clips_of_photographs(folder).items():
        label = labels.find(name)
        assert label is not None  # both come from one file
        image = cv2.cvtColor(cv2.imread(str(folder / name)), cv2.COLOR_BGR2RGB)
        height_px, width_px = image.shape[:2]
        scores = []
        for version, as_photograph in versions(image)[: None if in_versions else 1]:
            detector.reset()
            seen = as_photograph(record(name, detector.detect(version), version.shape[1], height_px, 0.0))
            scores.append(score(seen, label, width_px, height_px, ego_only=True))
        scored = pooled(scores)
        for group in (labels.group_of(label), ALL, HELD_BACK if is_held_back(clip) else WORKED_ON):
            groups.setdefault(group, []).append(scored)
    return groups


def summary_text(frames: list[ScoredFrame]) -> str:
    """accuracy / F1, and the number of lanes claimed in frames without one."""
    summary = summarise(frames)
    accuracy = "-" if summary.accuracy is None else f"{summary.accuracy:.3f}"
    claimed = f", {summary.claimed} claimed" if summary.claimed else ""
    return f"{accuracy} / {summary.counts.f1:.2f}{claimed}"


def interval(of: Difference | None) -> str:
    return "-" if of is None else f"{of.mean:+.3f} [{of.low:+.3f}, {of.high:+.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="photographs with labels.json and manifest.json")
    parser.add_argument("networks", type=Path, nargs="*", help="network files")
    parser.add_argument("--versions", action="store_true", help="use each photograph in five versions")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    detectors: dict[str, LaneDetector] = {"cv": create_detector("cv")}
    try:
        for path in options.networks:
            net = PatchNet(model=path)
            detectors[str(path)] = HybridDetector(DetectionParameters(), CameraConfig(), net=net)
        if not options.networks:
            detectors["hybrid"] = create_detector("hybrid")
        scored = {
            name: scored_photographs(detector, options.folder, options.versions) for name, detector in detectors.items()
        }
    except (LabelError, ModelError) as error:
        parser.error(str(error))
    print("| photographs | " + " | ".join(scored) + " |")
    print("|---" * (1 + len(scored)) + "|")
    of_first = next(iter(scored.values()))
    for group in sorted(of_first, key=lambda name: (name in (ALL, HELD_BACK, WORKED_ON), name)):
        cells = " | ".join(summary_text(groups[group]) for groups in scored.values())
        print(f"| {group} ({len(of_first[group])}) | {cells} |")
    for (one, of_one), (other, of_other) in combinations(scored.items(), 2):
        for group in (ALL, HELD_BACK, WORKED_ON):
            accuracy, f1 = difference(of_other[group], of_one[group])
            print(f"{other} - {one}, {group}: accuracy {interval(accuracy)}, F1 {interval(f1)}")


if __name__ == "__main__":
    main()
