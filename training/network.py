"""The patch network: from a rectified road patch to the probability of a lane line's middle in each cell.

Two strided convolutions, residual 3x3 convolutions whose dilations cover all rows (to connect one dash with the next),
and a pixel shuffle back to full resolution. Input: levels 0..255; output: probability. No pre- or postprocessing is
needed.
"""

import torch
from torch import Tensor, nn

STEM_CHANNELS = 12
CHANNELS = 24
DILATIONS = (1, 2, 4, 8, 2)
LEVEL = 1 / 128  # scale of the input, so that the first weights have an ordinary size
STRIDE = 4


def normed(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.step = normed(nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.step(x)


class FromLevels(nn.Conv2d):
    """A convolution of 0..255; the scale is part of the exported weights."""

    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight * LEVEL, None)


class PatchNetwork(nn.Module):
    """(n, 3, rows, columns) RGB levels 0..255 -> (n, 1, rows, columns); rows and columns divisible by STRIDE."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            normed(FromLevels(3, STEM_CHANNELS, (3, 5), stride=2, padding=(1, 2), bias=False)),
            normed(nn.Conv2d(STEM_CHANNELS, CHANNELS, 3, stride=2, padding=1, bias=False)),
        )
        self.context = nn.Sequential(*(Residual(CHANNELS, dilation) for dilation in DILATIONS))
        self.head = nn.Sequential(nn.Conv2d(CHANNELS, STRIDE * STRIDE, 1), nn.PixelShuffle(STRIDE))

    def logits(self, levels: Tensor) -> Tensor:
        return self.head(self.context(self.stem(levels)))

    def forward(self, levels: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(levels))
