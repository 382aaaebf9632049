"""A what-if from histograms agrees with clipping the gradient itself."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gradlab import clip
from gradlab.clip import counted
from gradlab.histogram.layers import of_tensors
from gradlab.histogram.log import RELATIVE_ERROR

RULES = st.one_of(
    st.builds(kind, st.floats(1e-5, 1e3)) for kind in (clip.ByValue, clip.ByNorm, clip.PerLayer)
)


def gradients(seed):
    draw = torch.Generator().manual_seed(seed)
    scales = 10.0 ** torch.randint(-3, 2, (4,), generator=draw)
    return {f"layer{i}": s * torch.randn(200, generator=draw) for i, s in enumerate(scales)}


def clipped(rule, tensors):
    parameters = [torch.zeros_like(g).requires_grad_() for g in tensors.values()]
    for parameter, g in zip(parameters, tensors.values(), strict=True):
        parameter.grad = g.clone()
    rule.clip_(parameters)
    return {name: p.grad for name, p in zip(tensors, parameters, strict=True)}


@given(RULES, st.integers(0, 50), st.sampled_from([None, "layer0", "layer3"]))
def test_the_effect_is_that_of_really_clipping(rule, seed, layer):
    before = gradients(seed)
    after = clipped(rule, before)
    told = counted.effect(rule, of_tensors(before)).over(*filter(None, [layer]))
    names = list(before) if layer is None else [layer]
    old, new = (torch.cat([g[n] for n in names]).double() for g in (before, after))
    assert told.norm_before == pytest.approx(old.norm().item(), rel=RELATIVE_ERROR)
    assert told.norm_after == pytest.approx(new.norm().item(), rel=RELATIVE_ERROR)
    assert told.cosine == pytest.approx(
        torch.cosine_similarity(old, new, 0, eps=1e-30).item(), abs=2 * RELATIVE_ERROR
    )
    near = rule.clip_value if isinstance(rule, clip.ByValue) else 0.0
    at_the_edge = (
        ((old.abs() / near - 1).abs() < RELATIVE_ERROR).double().mean().item() if near else 0
    )
    assert told.fraction == pytest.approx(
        (old != new).double().mean().item(), abs=at_the_edge + 1e-9
    )


def test_a_norm_rule_turns_the_whole_gradient_by_no_angle():
    told = counted.effect(clip.ByNorm(1e-3), of_tensors(gradients(0)))
    assert told.over().cosine == pytest.approx(1.0, abs=1e-12)
    assert np.all(told.factor == told.factor[0])


def test_an_unknown_layer_is_named_with_the_known_ones():
    told = counted.effect(clip.ByNorm(1.0), of_tensors(gradients(0)))
    with pytest.raises(ValueError, match=r"layer must be one of layer0, .*, got 'fc'"):
        told.over("fc")


def test_rules_that_need_more_than_counts_are_refused():
    counts = of_tensors(gradients(0))
    with pytest.raises(TypeError, match="got Adaptive, which goes by those of each unit"):
        counted.effect(clip.Adaptive(), counts)
    with pytest.raises(ValueError, match="norm_type must be 2"):
        counted.effect(clip.ByNorm(1.0, norm_type=1.0), counts)
