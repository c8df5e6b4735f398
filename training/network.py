"""The patch network: from a rectified road patch to the probability that a lane line's middle is there.

Two strided convolutions, residual 3x3 convolutions whose dilations see along 60 rows (so a dash finds the next one),
one skip connection, and a shuffle of channels back to full resolution. Levels go in as they are (0..255), the
probability comes out: nothing about the network is left for its callers to repeat.
"""

import torch
from torch import Tensor, nn

CHANNELS = 24
SKIP_CHANNELS = 12
DILATIONS = (1, 2, 4, 8, 1, 2)


def normed(convolution: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU())


class Residual(nn.Module):
    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.step = normed(nn.Conv2d(channels, channels, 3, padding=dilation, dilation=dilation, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.step(x)


class PatchNetwork(nn.Module):
    """(n, 3, rows, columns) RGB levels 0..255 -> (n, 1, rows, columns); rows and columns divisible by 4."""

    def __init__(self) -> None:
        super().__init__()
        self.to_half = normed(nn.Conv2d(3, SKIP_CHANNELS, (3, 5), stride=2, padding=(1, 2), bias=False))
        self.to_quarter = normed(nn.Conv2d(SKIP_CHANNELS, CHANNELS, 3, stride=2, padding=1, bias=False))
        self.context = nn.Sequential(*(Residual(CHANNELS, dilation) for dilation in DILATIONS))
        self.widen = nn.Sequential(nn.Conv2d(CHANNELS, 4 * SKIP_CHANNELS, 1), nn.PixelShuffle(2))
        self.detail = normed(nn.Conv2d(SKIP_CHANNELS, SKIP_CHANNELS, 3, padding=1, bias=False))
        self.head = nn.Sequential(nn.Conv2d(SKIP_CHANNELS, 4, 1), nn.PixelShuffle(2))

    def logits(self, levels: Tensor) -> Tensor:
        half = self.to_half(levels / 127.5 - 1)
        return self.head(self.detail(self.widen(self.context(self.to_quarter(half))) + half))

    def forward(self, levels: Tensor) -> Tensor:
        return torch.sigmoid(self.logits(levels))
