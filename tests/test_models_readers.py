"""Readers of scenes against torch's own layers and a recurrence by hand."""

import pytest
import torch
from torch import nn

from gradlab.course import models
from gradlab.course.models.readers import Columns
from gradlab.course.models.sequences import Attention, block

SHAPE = (2, 6, 8)
READERS = [models.rnn_reader, models.crnn, models.transformer_reader]
EACH = pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)


@pytest.fixture
def pictures():
    return torch.rand(3, *SHAPE, generator=torch.Generator().manual_seed(0))


@EACH
def test_a_reader_answers_once_or_at_every_column(reader, pictures):
    columns = 8 if reader is models.rnn_reader else 4
    assert reader(SHAPE, 5)(pictures).shape == (3, 5)
    assert reader(SHAPE, 5, every=True)(pictures).shape == (3, 5, columns)


def test_columns_are_read_from_left_to_right(pictures):
    assert torch.equal(Columns()(pictures)[:, 3], pictures[:, :, :, 3].flatten(1))
    pairs = Columns(2)(pictures)
    assert pairs.shape == (3, 4, 24)
    assert torch.equal(pairs[:, 1].reshape(3, 2, 6, 2), pictures[:, :, :, 2:4])


def test_a_recurrent_reader_is_the_recurrence_written_by_hand(pictures):
    torch.manual_seed(0)
    network = models.rnn_reader(SHAPE, 5, width=4)
    rnn, state = network.rnn, torch.zeros(3, 4)
    for column in range(8):
        seen = pictures[:, :, :, column].flatten(1)
        fed = seen @ rnn.weight_ih_l0.T + rnn.bias_ih_l0
        state = torch.tanh(fed + state @ rnn.weight_hh_l0.T + rnn.bias_hh_l0)
    torch.testing.assert_close(network(pictures), network.logits(state))


@pytest.mark.parametrize("cell", ["tanh", "gru", "lstm"])
def test_recurrent_weights_start_orthogonal_where_that_is_asked_for(cell):
    for reader in (models.rnn_reader, models.crnn):
        network = reader(SHAPE, 5, cell=cell, width=4, orthogonal=True)
        for gate in network.rnn.weight_hh_l0.split(4):
            torch.testing.assert_close(gate @ gate.T, torch.eye(4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("norm_first", [True, False], ids=["pre-norm", "post-norm"])
def test_a_block_is_the_encoder_layer_of_torch(norm_first):
    torch.manual_seed(0)
    ours = block(8, 2, causal=False, norm_first=norm_first)
    theirs = nn.TransformerEncoderLayer(
        8, 2, 32, 0.0, "gelu", batch_first=True, norm_first=norm_first
    )
    norms = (ours.attn.norm, ours.mlp.norm) if norm_first else (ours.attn_norm, ours.mlp_norm)
    pairs = [
        (theirs.self_attn.out_proj, ours.attn.out),
        (theirs.linear1, ours.mlp.fc1),
        (theirs.linear2, ours.mlp.fc2),
        (theirs.norm1, norms[0]),
        (theirs.norm2, norms[1]),
    ]
    with torch.no_grad():
        theirs.self_attn.in_proj_weight.copy_(ours.attn.qkv.weight)
        theirs.self_attn.in_proj_bias.copy_(ours.attn.qkv.bias)
        for norm in norms:
            nn.init.normal_(norm.weight)
        for target, source in pairs:
            target.load_state_dict(source.state_dict())
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-4)


def test_attention_that_is_not_causal_looks_ahead():
    x = torch.randn(1, 4, 12, requires_grad=True)
    for causal in (True, False):
        (slope,) = torch.autograd.grad(Attention(2, causal=causal)(x)[0, 0].sum(), x)
        assert bool(slope[0, 3].any()) is not causal


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: models.rnn_reader((0, 6, 8), 5), "channels of shape must be"),
        (lambda: models.rnn_reader(SHAPE, 0), "classes must be"),
        (lambda: models.rnn_reader(SHAPE, 5, width=0), "width must be"),
        (lambda: models.rnn_reader(SHAPE, 5, cell="relu"), "cell must be one of 'tanh'"),
        (lambda: models.crnn((1, 3, 8), 5), "height of shape must be .* 4"),
        (lambda: models.crnn((1, 6, 1), 5), "width of shape must be .* 2"),
        (lambda: models.crnn(SHAPE, 5, width=6), "width must be a multiple of 4, got 6"),
        (lambda: models.transformer_reader((1, 6, 7), 5), "width of shape must be a multiple of 2"),
        (lambda: models.transformer_reader(SHAPE, 5, width=5), "width must be a multiple of 2"),
        (lambda: models.transformer_reader(SHAPE, 5, depth=0), "depth must be"),
        (lambda: models.transformer_reader(SHAPE, 5, heads=0), "heads must be"),
    ],
)
def test_what_a_reader_cannot_be_is_named(make, says):
    with pytest.raises(ValueError, match=says):
        make()
