"""Train the patch network on drawn patches, export it, and write its scores beside it.

    python -m training.train_patch_net --minutes 20 --out lkas/detection/net

One thread. Everything random comes from --seed; with --steps instead of --minutes a run repeats exactly on the same
machine. The network that is exported is the running mean of the weights (less noisy than the last step's).
"""

import argparse
import hashlib
import json
import logging
import os
import platform
import time
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
POOL = 4000  # patches kept to draw batches from; old ones are replaced all the time
FIRST_POOL = 512
FRESH_PER_STEP = 2
PEAK_RATE = 3e-3
WARM_UP_STEPS = 150
LINE_WEIGHT = 3.0  # few pixels are lines
AVERAGE_DECAY = 0.998
OPSET = 13
CHECK_PATCHES = 400  # never trained on; for the scores
CHECK_SEED_OFFSET = 1_000_003
REPORT_STEPS = 100


class PatchPool:
    """Patches to train on, drawn as training goes."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._patches = [draw_patch(random) for _ in range(FIRST_POOL)]

    def refresh(self) -> None:
        for _ in range(FRESH_PER_STEP):
            drawn = draw_patch(self._random)
            if len(self._patches) < POOL:
                self._patches.append(drawn)
            else:
                self._patches[self._random.integers(POOL)] = drawn

    def batch(self) -> tuple[Tensor, Tensor]:
        chosen = [self._patches[k] for k in self._random.integers(0, len(self._patches), BATCH)]
        mirrored = self._random.random(BATCH) < 0.5
        patches = [(p[:, ::-1], t[:, ::-1]) if flip else (p, t) for (p, t), flip in zip(chosen, mirrored, strict=True)]
        return tensors(patches)


def tensors(patches: list[tuple[np.ndarray, np.ndarray]]) -> tuple[Tensor, Tensor]:
    """-> (n, 3, rows, columns) levels and (n, 1, rows, columns) truth [0, 1], float32."""
    levels = np.stack([patch.transpose(2, 0, 1) for patch, _ in patches]).astype(np.float32)
    truth = np.stack([truth[None] for _, truth in patches]).astype(np.float32) / 255
    return torch.from_numpy(levels), torch.from_numpy(truth)


def loss_of(logits: Tensor, truth: Tensor) -> Tensor:
    """Cross entropy for every pixel and dice for the share of the lines that is met."""
    weight = torch.tensor(LINE_WEIGHT)
    return functional.binary_cross_entropy_with_logits(logits, truth, pos_weight=weight) + 1 - dice(logits, truth)


def dice(logits: Tensor, truth: Tensor) -> Tensor:
    said = torch.sigmoid(logits)
    return (2 * (said * truth).sum() + 1) / ((said + truth).sum() + 1)


def train(seed: int, minutes: float | None, steps: int | None) -> tuple[PatchNetwork, dict]:
    torch.manual_seed(seed)
    pool = PatchPool(np.random.default_rng(seed))
    network = PatchNetwork()
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE_DECAY), use_buffers=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=PEAK_RATE, weight_decay=1e-3)
    start, start_cpu, step, share, mean_loss = time.monotonic(), time.process_time(), 0, 0.0, None
    while share < 1:
        share = (time.monotonic() - start) / (60 * minutes) if minutes else (step + 1) / (steps or 1)
        for group in optimiser.param_groups:
            cooled = 0.5 * (1 + np.cos(np.pi * min(share, 1)))
            group["lr"] = PEAK_RATE * min(1, (step + 1) / WARM_UP_STEPS) * cooled + 1e-5
        pool.refresh()
        levels, truth = pool.batch()
        loss = loss_of(network.logits(levels), truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update_parameters(network)
        step += 1
        mean_loss = loss.item() if mean_loss is None else 0.98 * mean_loss + 0.02 * loss.item()
        if step % REPORT_STEPS == 0:
            logger.info("%3.0f %%  step %d  loss %.3f", 100 * min(share, 1), step, mean_loss)
    facts = {
        "seed": seed,
        "steps": step,
        "minutes": round((time.monotonic() - start) / 60, 1),
        "cpu_minutes": round((time.process_time() - start_cpu) / 60, 1),
    }
    trained: PatchNetwork = average.module  # type: ignore[assignment]
    return trained.eval(), facts


def scores(network: PatchNetwork, seed: int) -> dict:
    """On patches of another seed: dice, and precision and recall of lines at probability 0.5."""
    random = np.random.default_rng(seed + CHECK_SEED_OFFSET)
    met = said_right = on_line = said = 0.0
    dices = []
    with torch.no_grad():
        for _ in range(CHECK_PATCHES // BATCH):
            levels, truth = tensors([draw_patch(random) for _ in range(BATCH)])
            logits = network.logits(levels)
            dices.append(dice(logits, truth).item())
            is_line, near_line, is_said = truth > 0.9, truth > 0.3, logits > 0
            met += (is_line & is_said).sum().item()
            on_line += is_line.sum().item()
            said_right += (near_line & is_said).sum().item()
            said += is_said.sum().item()
    return {
        "patches": CHECK_PATCHES,
        "dice": round(float(np.mean(dices)), 4),
        "recall_of_line_middles": round(met / on_line, 4),
        "precision": round(said_right / max(said, 1), 4),
    }


def export(network: PatchNetwork, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    example = torch.zeros(1, 3, NET_ROWS, NET_COLUMNS)
    names = {"input_names": ["levels"], "output_names": ["line"]}
    torch.onnx.export(network, (example,), str(path), opset_version=OPSET, dynamo=False, **names)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=float, help="train for so long")
    length.add_argument("--steps", type=int, help="train for so many steps: repeatable")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="folder for patch_net.onnx and patch_net.json")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    network, facts = train(options.seed, options.minutes, options.steps)
    path = options.out / "patch_net.onnx"
    export(network, path)
    facts |= {
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
