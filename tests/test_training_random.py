"""A steered run draws what torch's generator would have given it, and leaves that one alone."""

import itertools
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from gradlab.training import Steered, steps
from gradlab.training.random import KEY, Random

BATCH = 6


class Noisy(nn.Module):
    """A linear layer, something that draws, and a linear layer."""

    def __init__(self, draw):
        super().__init__()
        self.into, self.draw, self.out = nn.Linear(4, 8), draw, nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.draw(self.into(x)))


class Recurrent(nn.Module):
    """A recurrent layer over the 8 features as 4 places of 2, forth and back."""

    def __init__(self, kind, **options):
        super().__init__()
        self.layers = kind(2, 4, 3, dropout=0.4, bidirectional=True, **options)

    def forward(self, x):
        return self.layers(x.reshape(-1, 4, 2))[0][:, 0]


class Attention(nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.heads, self.options = nn.MultiheadAttention(8, 2, dropout=0.3), options

    def forward(self, x):
        return self.heads(x[None], x[None], x[None], **self.options)[0][0]


def masked_attention(x):
    x = x.view(2, 1, -1, 4).transpose(0, 1)
    mask = torch.ones(x.shape[2], x.shape[2], dtype=torch.bool).tril()
    attended = F.scaled_dot_product_attention(x, x, x, attn_mask=mask, dropout_p=0.4)
    return attended.transpose(0, 1).reshape(-1, 8)


def packed(x):
    lengths = torch.full((len(x),), 4)
    packed = nn.utils.rnn.pack_padded_sequence(x.reshape(-1, 4, 2), lengths, batch_first=True)
    layers = nn.LSTM(2, 4, 2, dropout=0.4, batch_first=True)  # its weights are drawn here too
    return nn.utils.rnn.pad_packed_sequence(layers(packed)[0], batch_first=True)[0].flatten(1)[
        :, :8
    ]


def picked(x):
    weights = x.detach().softmax(1)
    return x + weights.gather(1, torch.multinomial(weights, 8)) + torch.multinomial(weights, 1)


def noise_in_the_backward_pass(x):
    x = x * 1
    x.register_hook(lambda gradient: gradient + torch.randn_like(gradient))
    return x


def drawn_like(x):
    whole = torch.randint_like(x, 5) + torch.randint_like(x, 2, 9)
    return x + whole + torch.rand_like(x) * torch.randn_like(x)


def made(x):
    real = torch.rand(x.shape) * torch.randn(x.shape) + torch.normal(0.0, 1.0, x.shape)
    return x + real + torch.randint(9, x.shape) + torch.randint(2, 9, x.shape) + torch.randperm(8)


def filled(x):
    y = torch.empty_like(x)
    for fill in (
        lambda: y.uniform_(-1, 1),
        lambda: y.normal_(),
        lambda: y.random_(),
        lambda: y.random_(9),
        lambda: y.random_(2, 9),
        lambda: y.exponential_(),
        lambda: y.geometric_(0.3),
        lambda: y.log_normal_(),
        lambda: y.cauchy_().atan_(),
        lambda: y.bernoulli_(0.3),
        lambda: y.bernoulli_(torch.rand(8)),
    ):
        x = x + fill() / (1 + y.abs().max())
    return x


def initialised(x):
    for init in (
        nn.init.kaiming_uniform_,
        nn.init.xavier_normal_,
        nn.init.orthogonal_,
        nn.init.trunc_normal_,
    ):
        x = x @ init(torch.empty(8, 8))
    return nn.init.sparse_(torch.empty(8, 8), 0.5).T.matmul(x.T).T + nn.Linear(8, 8)(x)


def distributed(x):
    d, one = torch.distributions, torch.ones_like(x)
    draws = d.Gamma(one, one), d.Dirichlet(one), d.Binomial(9, one / 3), d.Poisson(one)
    return x + sum(each.sample() for each in draws) + d.StudentT(one).rsample().atan()


DRAWS = {
    "dropout": lambda: nn.Dropout(0.3),
    "dropout in place": lambda: lambda x: F.dropout(x, 0.3, inplace=True),
    "dropout of all": lambda: nn.Dropout(1.0),
    "dropout of columns": lambda: lambda x: F.dropout(x.T, 0.3).T,
    "native dropout": lambda: lambda x: torch.native_dropout(x.T, 0.3, True)[0].T,
    "alpha dropout": lambda: nn.AlphaDropout(0.3),
    "Dropout2d": lambda: lambda x: nn.Dropout2d(0.3)(x.view(-1, 4, 2, 1)).flatten(1),
    "FeatureAlphaDropout": lambda: (
        lambda x: F.feature_alpha_dropout(x.view(-1, 4, 2), 0.3, training=True).flatten(1)
    ),
    "RReLU": nn.RReLU,
    "LSTM": lambda: Recurrent(nn.LSTM, batch_first=True),
    "GRU": lambda: Recurrent(nn.GRU),
    "RNN": lambda: Recurrent(nn.RNN, nonlinearity="relu"),
    "packed LSTM": lambda: packed,
    "attention": lambda: Attention(need_weights=False),
    "attention with its weights": Attention,
    "attention with a mask": lambda: masked_attention,
    "transformer": lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2),
    "bernoulli": lambda: lambda x: x * torch.bernoulli(x.detach().sigmoid()),
    "bernoulli of one chance": lambda: lambda x: x * torch.bernoulli(x.detach(), 0.3),
    "multinomial": lambda: picked,
    "normal": lambda: lambda x: x + torch.normal(x.detach(), x.detach().abs()),
    "normal around 0": lambda: lambda x: x + torch.normal(0.0, x.detach().abs()),
    "normal of one width": lambda: lambda x: x + torch.normal(x.detach(), 2.0),
    "gumbel": lambda: F.gumbel_softmax,
    "rand_like and its kin": lambda: drawn_like,
    "rand and its kin": lambda: made,
    "uniform_ and its kin": lambda: filled,
    "nn.init": lambda: initialised,
    "distributions": lambda: distributed,
    "the backward pass": lambda: noise_in_the_backward_pass,
    "a generator of the caller's": lambda: (
        lambda x: (
            x
            + torch.rand(8, generator=torch.Generator().manual_seed(3))
            + torch._sample_dirichlet(torch.ones(8), torch.Generator().manual_seed(4))
            + torch.rand(8)
        )
    ),
}


class Langevin(torch.optim.SGD):
    """Its steps draw too."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for weight in group["params"]:
                weight.grad += torch.randn_like(weight)
        super().step()


class Noise(torch.utils.data.Dataset):
    """Inputs that are drawn when they are asked for."""

    def __len__(self):
        return 4 * BATCH

    def __getitem__(self, index):
        return torch.randn(4), index % 3


def loader(**options):
    return torch.utils.data.DataLoader(Noise(), BATCH, shuffle=True, **options)


def batches():
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(BATCH, 4, generator=generator), torch.arange(BATCH) % 3
    return [(x, y), (x + 1, y), (x - 1, y)]


def learner(draw=lambda: nn.Dropout(0.3)):
    """A model, whose making draws, an optimizer that draws, and the process's generator at 2."""
    torch.manual_seed(1)
    model = Noisy(draw())
    torch.manual_seed(2)
    return model, Langevin(model.parameters(), lr=0.01, momentum=0.9)


def steered(draw=lambda: nn.Dropout(0.3), begin=batches):
    return Steered(*learner(draw), begin, every=1)


def weights(model):
    return torch.cat([w.flatten() for w in model.parameters()]).detach().clone()


def plain(number, draw=lambda: nn.Dropout(0.3), begin=batches):
    """The weights after the plain loop, and where it leaves the generator of the process."""
    model, optimizer = learner(draw)
    stream = (batch for _ in itertools.count() for batch in begin())
    for _ in zip(range(number), steps(model, optimizer, stream), strict=False):
        pass
    return weights(model), torch.get_rng_state()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_run_draws_what_the_generator_of_the_process_would_have_given(draw):
    trained, state = plain(3, draw)
    run = steered(draw)
    run.step(3)
    assert torch.equal(weights(run.model), trained)
    assert torch.equal(run.random.state[0], state)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_a_run_leaves_the_generator_of_the_process_where_it_is(draw):
    run, state = steered(draw), torch.get_rng_state()
    run.step(3)
    run.rewind(1)
    run.step(1)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_the_same_numbers_come_again_after_a_rewind(draw):
    run = steered(draw)
    run.step(3)
    there = weights(run.model)
    run.rewind(1)
    torch.rand(3)
    run.step(2)
    assert torch.equal(weights(run.model), there)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("step"), st.integers(1, 3)),
            st.tuples(st.just("rewind"), st.floats(0, 1)),
            st.tuples(st.just("others draw"), st.integers(1, 9)),
        ),
        max_size=8,
    )
)
def test_a_run_and_the_process_draw_each_their_own_stream_in_any_order(acts):
    run, drawn = steered(), []
    for act, how in acts:
        if act == "step":
            run.step(how)
        elif act == "rewind":
            run.rewind(int(how * run.position))
        else:
            drawn.append(torch.rand(how))
    position = run.position
    torch.manual_seed(2)
    for others in drawn:
        assert torch.equal(others, torch.rand(len(others)))
    assert torch.equal(weights(run.model), plain(position)[0])


def test_what_is_drawn_while_a_run_plays_is_the_stream_of_the_seed():
    torch.manual_seed(7)
    expected = torch.cat([torch.rand(1) for _ in range(3000)])
    run = steered(DRAWS["LSTM"])
    begun, enough = threading.Event(), threading.Event()

    def play():
        while not enough.is_set():
            run.take(measure=False)
            begun.set()

    torch.manual_seed(7)
    player = threading.Thread(target=play)
    player.start()
    begun.wait()
    drawn = torch.cat([torch.rand(1) for _ in range(3000)])
    enough.set()
    player.join()
    assert torch.equal(drawn, expected)
    assert torch.equal(weights(run.model), plain(run.position, DRAWS["LSTM"])[0])


def test_two_runs_that_play_at_once_draw_each_their_own():
    draws = DRAWS["dropout"], DRAWS["RReLU"]
    runs = [steered(draw) for draw in draws]
    players = [threading.Thread(target=run.step, args=(40,)) for run in runs]
    for player in players:
        player.start()
    for player in players:
        player.join()
    for run, draw in zip(runs, draws, strict=True):
        assert torch.equal(weights(run.model), plain(40, draw)[0])


def test_a_run_inside_a_step_of_another_draws_its_own():
    inner = steered()

    def play(x):
        inner.step()
        return F.dropout(x, 0.3)

    outer = steered(lambda: play)
    outer.step(3)
    assert torch.equal(weights(inner.model), plain(3)[0])
    assert torch.equal(weights(outer.model), plain(3)[0])


def test_a_loader_shuffles_and_its_transforms_draw_from_the_run():
    trained, state = plain(4, begin=loader)
    run = steered(begin=loader)
    before = torch.get_rng_state()
    run.step(4)
    assert torch.equal(weights(run.model), trained)
    assert torch.equal(run.random.state[0], state)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_forked_worker_of_a_loader_draws_from_the_seed_it_was_given():
    forked = lambda: loader(num_workers=2, multiprocessing_context="fork")  # noqa: E731
    trained, _ = plain(4, begin=forked)
    run = steered(begin=forked)
    run.step(4)
    assert torch.equal(weights(run.model), trained)


class Deep(torch.autograd.Function):
    """A backward pass inside a backward pass, until torch takes another thread for it."""

    @staticmethod
    def forward(ctx, x, depth, threads):
        ctx.depth, ctx.threads = depth, threads
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        ctx.threads.add(threading.get_ident())
        if not ctx.depth:
            return gradient + torch.randn_like(gradient), None, None
        with torch.enable_grad():
            x = torch.zeros_like(gradient, requires_grad=True)
            Deep.apply(x, ctx.depth - 1, ctx.threads).sum().backward()
        return gradient + x.grad, None, None


def test_the_threads_of_a_backward_pass_draw_from_the_run():
    threads = set()

    def draw():
        return lambda x: Deep.apply(x, 70, threads)

    trained, state = plain(2, draw)
    run = steered(draw)
    before = torch.get_rng_state()
    run.step(2)
    assert len(threads) > 1
    assert torch.equal(weights(run.model), trained)
    assert torch.equal(run.random.state[0], state)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_error_in_a_step_uses_no_numbers_up():
    fail = []

    def draw():
        def layer(x):
            x = F.dropout(x, 0.3)
            if fail:
                raise OSError("the disk is gone")
            return x

        return layer

    run = steered(draw)
    run.step(2)
    fail.append(True)
    with pytest.raises(OSError, match="gone"):
        run.step()
    fail.clear()
    run.step(2)
    assert torch.equal(weights(run.model), plain(4)[0])


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_that_draws_is_refused(reentrant):
    def layer(x):
        return checkpoint(F.dropout, x, 0.3, use_reentrant=reentrant)

    run = steered(lambda: layer)
    with pytest.raises(NotImplementedError, match="leave dropout outside"):
        run.step()


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_checkpoint_that_does_not_draw_trains_as_ever(reentrant):
    def layer(x):
        inside = checkpoint(
            lambda x: x.sin().exp(), x, use_reentrant=reentrant, preserve_rng_state=False
        )
        return F.dropout(inside, 0.3)

    run = steered(lambda: layer)
    before = torch.get_rng_state()
    run.step(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(run.model), plain(3, lambda: layer)[0])


@pytest.mark.slow
def test_a_compiled_model_draws_from_the_run():
    model, optimizer = learner()
    run = Steered(torch.compile(model, backend="aot_eager"), optimizer, batches, every=1)
    before = torch.get_rng_state()
    run.step(3)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(weights(model), plain(3)[0])


def test_every_operation_of_torch_that_draws_by_itself_is_led_to_the_run():
    """So that one that a later torch adds is seen here."""
    Random(nn.Linear(1, 1))
    made_of_others = [
        f"Composite{how}"
        for how in ("ImplicitAutograd", "ExplicitAutograd", "ExplicitAutogradNonFunctional")
    ]
    missed = []
    for schema in torch._C._jit_get_all_schemas():
        name = f"{schema.name}.{schema.overload_name}".removesuffix(".")
        takes = any(argument.name == "generator" for argument in schema.arguments)
        if takes and name.startswith("aten::") and torch._C._dispatch_has_kernel(name):
            keys = [*made_of_others, KEY]
            has = torch._C._dispatch_has_kernel_for_dispatch_key
            if not any(has(name, key) for key in keys):
                missed.append(name)
    assert not missed


@pytest.mark.parametrize("draw", ["dropout", "attention", "uniform_ and its kin"])
def test_a_run_leaves_the_generator_of_its_device_where_it_is(draw, device):
    def begin():
        return [(x.to(device), y.to(device)) for x, y in batches()]

    def state():
        return torch.cuda.get_rng_state() if device.type == "cuda" else torch.get_rng_state()

    model, optimizer = learner(DRAWS[draw])
    run = Steered(model.to(device), optimizer, begin, every=1)
    before = state()
    run.step(6)
    run.rewind(2)
    run.step(4)
    assert torch.equal(state(), before)
    assert torch.allclose(*(torch.tensor(branch.loss) for branch in run.branches))
