"""Train the patch network on drawn patches, export it, and write its scores beside it.

    python -m training.train_patch_net --steps 6000 --out lkas/detection/net [--checkpoint FILE]

One thread. All random numbers derive from --seed, so a run is repeatable on the same machine, also one that was
stopped and resumed from its checkpoint. The exported network is the running mean of the weights (less noisy than those
of the last step).
"""

import argparse
import hashlib
import json
import logging
import os
import platform
import time
from collections import deque
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lkas.detection.net.patch_net import NET_COLUMNS, NET_ROWS
from training.network import PatchNetwork
from training.road_patches import draw_patch

logger = logging.getLogger("training")

BATCH = 16
POOL = 2000  # patches kept to draw batches from: the newest ones
FIRST_POOL = 512
FRESH_PER_STEP = 1
DRAWING, CHOOSING, CHECKING = 0, 1, 2  # streams of random numbers
PEAK_RATE = 3e-3
WARM_UP_STEPS = 150
# Share of the steps with a constant rate, during which a run can still be made longer; then it decays to zero.
DECAY_FROM = 0.6
LINE_WEIGHT = 3.0  # few pixels are lines
AVERAGE_DECAY = 0.998
CHECKPOINT_STEPS = 250
OPSET = 13
CHECK_PATCHES = 400  # never trained on; for the scores
REPORT_STEPS = 100


class PatchPool:
    """Patches to train on, drawn during training. Every step has its own, so training can be resumed at any step."""

    def __init__(self, seed: int, first_step: int = 0) -> None:
        self._seed = seed
        self._drawn = FIRST_POOL + FRESH_PER_STEP * first_step
        self._patches = deque((self._draw(k) for k in range(max(0, self._drawn - POOL), self._drawn)), maxlen=POOL)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step, requested in order; half of the patches are mirrored."""
        random = np.random.default_rng([self._seed, CHOOSING, step])
        chosen = [self._patches[k] for k in random.integers(0, len(self._patches), BATCH)]
        mirrored = random.random(BATCH) < 0.5
        patches = [(p[:, ::-1], t[:, ::-1]) if flip else (p, t) for (p, t), flip in zip(chosen, mirrored, strict=True)]
        for _ in range(FRESH_PER_STEP):
            self._patches.append(self._draw(self._drawn))
            self._drawn += 1
        return tensors(patches)

    def _draw(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        return draw_patch(np.random.default_rng([self._seed, DRAWING, number]))


def tensors(patches: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Tensor, Tensor]:
    """-> (n, 3, rows, columns) levels and (n, 1, rows, columns) truth [0, 1], float32."""
    levels = np.stack([patch for patch, _ in patches]).astype(np.float32)
    truth = np.stack([truth[None] for _, truth in patches]).astype(np.float32) / 255
    return torch.from_numpy(levels).permute(0, 3, 1, 2), torch.from_numpy(truth)  # channels last: faster


def loss_of(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy per pixel plus dice loss over the lines."""
    weight = torch.tensor(LINE_WEIGHT)
    return functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight) + 1 - dice(logits, truth)


def dice(logits: Tensor, truth: Tensor) -> Tensor:
    """Dice coefficient of the predicted probability and the truth."""
    probability = torch.sigmoid(logits)
    return (2 * (probability * truth).sum() + 1) / ((probability + truth).sum() + 1)


class Training:
    """A network in training, after `step` batches."""

    def __init__(self, seed: int, steps: int) -> None:
        torch.manual_seed(seed)
        self.seed, self.steps, self.step, self.cpu_s = seed, steps, 0, 0.0
        self._network = PatchNetwork().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average = AveragedModel(self._network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_DECAY), use_buffers=True)
        self._optimiser = torch.optim.AdamW(self._network.parameters(), lr=PEAK_RATE, weight_decay=1e-3)
        self._parts = {"network": self._network, "average": self._average, "optimiser": self._optimiser}

    @property
    def trained(self) -> PatchNetwork:
        network: PatchNetwork = self._average.module  # type: ignore[assignment]
        return network.eval()

    def run(self, checkpoint: Path | None) -> None:
        """Train to the last step, starting from the checkpoint if there is one."""
        if checkpoint is not None and checkpoint.is_file():
            self._load(checkpoint)
            logger.info("resumed at step %d from %s", self.step, checkpoint)
        before_s = self.cpu_s - time.process_time()
        pool, mean_loss = PatchPool(self.seed, self.step), None
        while self.step < self.steps:
            loss = self._learn(*pool.batch(self.step))
            self.step += 1
            self.cpu_s = before_s + time.process_time()
            mean_loss = loss if mean_loss is None else 0.98 * mean_loss + 0.02 * loss
            if self.step % REPORT_STEPS == 0:
                logger.info(
                    "step %d of %d  loss %.3f  %.1f CPU minutes", self.step, self.steps, mean_loss, self.cpu_s / 60
                )
            if checkpoint is not None and self.step % CHECKPOINT_STEPS == 0:
                self._save(checkpoint)

    def _learn(self, levels: Tensor, truth: Tensor) -> float:
        warm, left = (self.step + 1) / WARM_UP_STEPS, (1 - self.step / self.steps) / (1 - DECAY_FROM)
        for group in self._optimiser.param_groups:
            group["lr"] = PEAK_RATE * min(1.0, warm, left)
        loss = loss_of(self._network.logits(levels), truth)
        self._optimiser.zero_grad()
        loss.backward()
        self._optimiser.step()
        self._average.update_parameters(self._network)
        return loss.item()

    def _save(self, path: Path) -> None:
        state = {name: part.state_dict() for name, part in self._parts.items()}
        state |= {"seed": self.seed, "steps": self.steps, "step": self.step, "cpu_s": self.cpu_s}
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(path)

    def _load(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        if state["seed"] != self.seed:
            raise SystemExit(f"{path}: expected a run of --seed {self.seed}, found --seed {state['seed']}")
        longest, shortest = max(state["steps"], self.steps), min(state["steps"], self.steps)
        if longest > shortest and state["step"] > DECAY_FROM * shortest:
            raise SystemExit(
                f"{path}: step {state['step']} of --steps {state['steps']} cannot continue as --steps {self.steps}: "
                f"its learning rate has started to decay, or should have"
            )
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self.step, self.cpu_s = state["step"], state["cpu_s"]


def scores(network: PatchNetwork, seed: int) -> dict:
    """Scores on patches of another seed: dice, and precision and recall of lines at probability 0.5."""
    random = np.random.default_rng([seed, CHECKING])
    found = right = on_line = predicted = 0.0
    dices = []
    with torch.no_grad():
        for _ in range(CHECK_PATCHES // BATCH):
            levels, truth = tensors([draw_patch(random) for _ in range(BATCH)])
            logits = network.logits(levels)
            dices.append(dice(logits, truth).item())
            is_line, near_line, is_predicted = truth > 0.9, truth > 0.3, logits > 0
            found += (is_line & is_predicted).sum().item()
            on_line += is_line.sum().item()
            right += (near_line & is_predicted).sum().item()
            predicted += is_predicted.sum().item()
    return {
        "patches": CHECK_PATCHES,
        "dice": round(float(np.mean(dices)), 4),
        "recall_of_line_middles": round(found / on_line, 4),
        "precision": round(right / max(predicted, 1), 4),
    }


def export(network: PatchNetwork, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(1, 3, NET_ROWS, NET_COLUMNS)
    names = {"input_names": ["levels"], "output_names": ["line"]}
    torch.onnx.export(network, (example,), str(path), opset_version=OPSET, dynamo=False, **names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, required=True, help="number of batches")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for patch_net.onnx and patch_net.json")
    parser.add_argument("--checkpoint", type=Path, help="file to save to and to resume from if it exists")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    training = Training(options.seed, options.steps)
    training.run(options.checkpoint)
    network = training.trained
    path = options.out / "patch_net.onnx"
    export(network, path)
    facts = {
        "seed": options.seed,
        "steps": options.steps,
        "cpu_minutes": round(training.cpu_s / 60, 1),
        "batch": BATCH,
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "machine": f"{platform.machine()}, 1 of {os.cpu_count()} cores, no accelerator",
        "torch": torch.__version__,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "bytes": path.stat().st_size,
        "drawn_patches_never_trained_on": scores(network, options.seed),
    }
    path.with_suffix(".json").write_text(json.dumps(facts, indent=2) + "\n")
    logger.info("%s", json.dumps(facts))


if __name__ == "__main__":
    main()
