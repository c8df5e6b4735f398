"""Drives a CARLA world in lock-step with the real detection and decision objects."""

from lkas.config import load
from lkas.decision.keeper import LaneKeeper
from lkas.detection import create_detector
from lkas.integration.shared_memory.messages import DetectionMessage
from simulation.evaluation.perception import TruthPerception
from simulation.evaluation.settings import SECTIONS, TRUTH
from simulation.lockstep import lockstep
from simulation.score import DriveCard, DriveScore


def drive(world, method: str, duration_s: float) -> DriveCard:
    """Return the score of a drive with a detector, or with perfect perception for the method truth."""
    configuration = load(SECTIONS, environ={})
    keeper = LaneKeeper(configuration["decision"], configuration["vehicle"], configuration["camera"])
    if method == TRUTH:
        truth, detector = TruthPerception(world), None
    else:
        truth, detector = None, create_detector(method, configuration["detection"], configuration["camera"])
    score, newest = DriveScore(), []

    def on_tick(tick, control):
        score.add_tick(tick, control)
        newest[:] = [tick]

    def decide(now_s, frame, state):
        (tick,) = newest
        if detector is None:
            lanes = {"lane_model": truth.lane_model(tick)}
        else:
            result = detector.detect(frame.image, frame.timestamp, state)
            lanes = {name: getattr(result, name) for name in ("left_lane", "right_lane", "lane_model")}
        stamps = {"session": state.session, "frame_id": tick.frame.frame_id, "timestamp": tick.frame.timestamp}
        return keeper.decide(now_s, DetectionMessage(**stamps, capture_ns=round(now_s * 1e9), **lanes), state)

    lockstep(world, decide, duration_s, on_tick, render=detector is not None)
    return score.card()
