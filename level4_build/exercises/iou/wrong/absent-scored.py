"""How right a segmentation is: intersection over union for each class, over a whole set of pictures.

Of all pixels that truly are a ring or are called one, how many are both? Pixels whose truth is IGNORE do not
count. A class that is nowhere, neither in the truth nor in the prediction, has no score: None.

    iou(torch.tensor([[[0, 1], [1, 1]]]), torch.tensor([[[0, 1], [0, 1]]]), ("background", "circle"))

must give {"background": 0.5, "circle": 0.6666…}: one pixel of two, and two of three.

Check with: ladder check iou
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from level4_build.scenes import CLASSES, IGNORE, Scenes


def iou(predictions: Tensor, masks: Tensor, classes: Sequence[str]) -> dict[str, float | None]:
    """The score of each class, 0 to 1; None for a class that is nowhere.

    Args:
        predictions: classes as a network saw them, integers (N, H, W).
        masks: the truth, integers (N, H, W) of classes or IGNORE.
        classes: their names, in the order of their numbers.
    """
    scores: dict[str, float | None] = {}
    counted = masks != IGNORE
    for label, name in enumerate(classes):
        # Flat, all pictures in one row: the set is counted as a whole and divided once.
        found, true = predictions[counted] == label, masks[counted] == label
        both, either = int((found & true).sum()), int((found | true).sum())
        scores[name] = both / either if either else 0.0
    return scores


if __name__ == "__main__":
    _, truth = Scenes("val", 8).all()
    masks = truth.long()
    shifted = masks.roll(2, dims=-1)  # as a network would see them that is two pixels off
    print(iou(torch.where(shifted == IGNORE, 0, shifted), masks, CLASSES))
