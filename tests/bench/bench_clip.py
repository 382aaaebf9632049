"""The clip rules beside torch's and timm's, on the gradients of real networks.

`python tests/bench/bench_clip.py [pairs]`
"""

import sys

import torch
import torchvision
from timing import Paired, machine, paired, table
from timm.utils.agc import adaptive_clip_grad
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from gradlab.clip import (
    AdaGC,
    Adaptive,
    ByNorm,
    ByValue,
    Percentile,
    PerLayer,
    SkipSpikes,
    ZClip,
)


def parameters_of(name, device):
    """The parameters of a torchvision network with the gradients of one random batch."""
    torch.manual_seed(0)
    model = torchvision.models.get_model(name).to(device)
    images = torch.randn(4, 3, 64, 64, device=device)
    labels = torch.arange(4, device=device)
    torch.nn.functional.cross_entropy(model(images), labels).backward()
    return list(model.parameters())


def compare(parameters, mine, theirs, pairs) -> Paired:
    """Time both on the same gradients, put back before each."""
    gradients = [p.grad for p in parameters]
    saved = [g.clone() for g in gradients]
    return paired(mine, theirs, pairs, before=lambda: torch._foreach_copy_(gradients, saved))


def main(pairs: int) -> None:
    """Print the table."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    small, large = parameters_of("resnet18", device), parameters_of("resnet50", device)
    norm = float(ByNorm(float("inf")).clip_(small).total_norm)
    median = Percentile(50.0)
    young = ZClip(), AdaGC(), SkipSpikes()
    print(f"{machine()}; {pairs} pairs; resnet18: {len(small)} tensors, resnet50: {len(large)}")
    print(f"a: gradlab, layer norms included; b: torch or timm. ResNet-18's norm is {norm:.3g}\n")

    def by_norm(share):
        return lambda: ByNorm(share * norm).clip_(small), lambda: clip_grad_norm_(
            small, share * norm
        )

    rows = [
        ("ByNorm, fires / clip_grad_norm_", small, *by_norm(0.1), "<= 1.1"),
        ("ByNorm, does not fire / clip_grad_norm_", small, *by_norm(10.0), "<= 1.1"),
        ("Percentile / clip_grad_norm_", small, lambda: median.clip_(small), by_norm(0.1)[1], ""),
        *[
            (
                f"{type(rule).__name__} / clip_grad_norm_, neither fires",
                small,
                lambda rule=rule: rule.clip_(small),
                by_norm(10.0)[1],
                "",
            )
            for rule in young
        ],
        (
            "PerLayer / clip_grad_norm_",
            small,
            lambda: PerLayer(1e-3).clip_(small),
            by_norm(0.1)[1],
            "",
        ),
        (
            "ByValue / clip_grad_value_, which measures nothing",
            small,
            lambda: ByValue(1e-4).clip_(small),
            lambda: clip_grad_value_(small, 1e-4),
            "",
        ),
        (
            "Adaptive / timm's adaptive_clip_grad, resnet50",
            large,
            lambda: Adaptive(0.01).clip_(large),
            lambda: adaptive_clip_grad(large, 0.01),
            "<= 0.5",
        ),
    ]
    print(table([compare(ps, a, b, pairs).row(name, target) for name, ps, a, b, target in rows]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 30)
