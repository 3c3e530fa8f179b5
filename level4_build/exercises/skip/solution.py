"""A U-Net's way up: join a coarse feature map with the skip, whose size need not be the double.

On the way down each 2 by 2 pixels became one, from the top left corner on. So pixel (i, j) of the coarse map
belongs to the pixels 2i, 2i + 1 and 2j, 2j + 1 of the skip, and must lie over them again. Where the skip has
an odd height or width, the enlarged map is one too large (the last pixel had a window of its own) or one too
small (it was left out): cut what is over, or repeat what is there last.

    join(torch.ones(1, 8, 3, 3), torch.ones(1, 4, 5, 7)).shape      must be (1, 12, 5, 7)

Check with: ladder check skip
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name


def enlarged(coarse: Tensor) -> Tensor:
    """Each pixel as 2 by 2: (B, C, h, w) -> (B, C, 2h, 2w)."""
    return coarse.repeat_interleave(2, dim=-2).repeat_interleave(2, dim=-1)


def join(coarse: Tensor, skip: Tensor) -> Tensor:
    """Enlarge a map to the size of the skip, and put the skip's channels behind its own.

    Args:
        coarse: from the level below, (B, C, h, w).
        skip: from the way down, (B, S, H, W), with H and W at most one off from 2h and 2w.

    Returns:
        (B, C + S, H, W), the channels of `coarse` first.
    """
    x = enlarged(coarse)
    height, width = skip.shape[-2:]
    below, right = max(height - x.shape[-2], 0), max(width - x.shape[-1], 0)
    # At the far sides alone: the top left corner is where both maps agree.
    x = F.pad(x, (0, right, 0, below), mode="replicate")[..., :height, :width]
    return torch.cat([x, skip], dim=1)


if __name__ == "__main__":
    numbers = torch.arange(9.0).view(1, 1, 3, 3)
    print(join(numbers, torch.zeros(1, 1, 5, 7))[0, 0])
