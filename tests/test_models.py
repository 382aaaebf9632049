"""Laws of the networks: size, shape, what the weights do to a gradient, and bad input."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torchvision.models import get_model, get_model_weights

from gradlab.course import models
from gradlab.course.models.parts import Residual

SMALL = {
    "mlp": lambda: models.mlp(4, 8, inputs=12, outputs=5),
    "mlp with layer norm": lambda: models.mlp(4, 8, inputs=12, outputs=5, norm="layer"),
    "mlp with batch norm": lambda: models.mlp(4, 8, inputs=12, outputs=5, norm="batch"),
    "residual mlp": lambda: models.mlp(4, 12, outputs=5, activation="gelu", residual=True),
    "pruning_cnn": lambda: models.pruning_cnn(4),
    "clipping_cnn": lambda: models.clipping_cnn(4),
    "alexnet": lambda: models.alexnet(2),
    "alexnet with norm": lambda: models.alexnet(2, norm=True),
    "vgg": lambda: models.vgg(11, 4),
    "vgg with norm": lambda: models.vgg(11, 4, norm=True),
    "resnet": lambda: models.resnet(8, 4),
    "resnet without norm": lambda: models.resnet(8, 4, norm=False),
}


@pytest.fixture(params=SMALL, ids=str)
def build(request: pytest.FixtureRequest):
    return SMALL[request.param]


def example(network: nn.Module, batch: int = 6) -> Tensor:
    """Return random input of the shape that the network reads."""
    return torch.randn(batch, *((12,) if hasattr(network, "layer1") else (3, 32, 32)))


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def convolutions(network: nn.Module) -> list[tuple[int, ...]]:
    return [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Conv2d)]


# every network


def test_a_seed_fixes_the_network_and_another_seed_changes_it(build):
    states = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        states.append(build().state_dict())
    first, same, other = states
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_a_saved_network_gives_the_same_result_when_loaded(build):
    original, loaded = build().eval(), build().eval()
    x = example(original)
    assert not torch.equal(original(x), loaded(x))
    loaded.load_state_dict(original.state_dict())
    assert torch.equal(original(x), loaded(x))


def test_the_gradient_reaches_every_parameter(build):
    torch.manual_seed(0)
    network = build()
    network(example(network)).square().sum().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        # a ReLU may sleep through six examples; a whole tensor may not
        assert parameter.grad.abs().sum() > 0, name


def test_torch_func_gives_the_gradients_of_backward(build):
    torch.manual_seed(0)
    network = build().eval()
    x = example(network)

    def loss(weights: dict[str, Tensor]) -> Tensor:
        return functional_call(network, weights, (x,)).square().sum()

    weights = {name: parameter.detach() for name, parameter in network.named_parameters()}
    functional = grad(loss)(weights)
    loss(dict(network.named_parameters())).backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(functional[name], parameter.grad, msg=name)


def test_gradients_per_example_add_up_to_the_gradient_of_the_batch(build):
    torch.manual_seed(0)
    network = build().eval()
    x = example(network)
    weights = {name: parameter.detach() for name, parameter in network.named_parameters()}

    def loss(weights: dict[str, Tensor], one: Tensor) -> Tensor:
        return functional_call(network, weights, (one[None],)).square().sum()

    each = vmap(grad(loss), in_dims=(None, 0))(weights, x)
    network(x).square().sum().backward()
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(each[name].sum(0), parameter.grad, rtol=1e-4, atol=1e-4)


def test_nothing_overwrites_its_input(build):
    network = build()
    x = example(network)
    before = x.clone()
    network(x)
    assert torch.equal(x, before)


@pytest.mark.parametrize("norm", [False, True])
def test_pictures_become_one_logit_per_class(norm):
    pictures = torch.randn(2, 1, 32, 32)
    for network in (
        models.alexnet(2, channels=1, classes=7, norm=norm),
        models.vgg(13, 2, channels=1, classes=7, norm=norm),
        models.resnet(14, 2, channels=1, classes=7, norm=norm),
        models.pruning_cnn(2, channels=1, classes=7),
        models.clipping_cnn(2, channels=1, classes=7),
    ):
        assert network(pictures).shape == (2, 7)


# the multi-layer perceptron


@given(
    depth=st.integers(1, 5),
    width=st.integers(1, 9),
    inputs=st.none() | st.integers(1, 9),
    outputs=st.none() | st.integers(1, 9),
    residual=st.booleans(),
)
def test_an_mlp_has_depth_linear_layers_from_inputs_to_outputs(
    depth, width, inputs, outputs, residual
):
    network = models.mlp(depth, width, inputs=inputs, outputs=outputs, residual=residual)
    sizes = [inputs or width, *[width] * (depth - 1), outputs or width]
    assert parameters(network) == sum(a * b + b for a, b in pairwise(sizes))
    assert network(torch.randn(3, sizes[0])).shape == (3, sizes[-1])


@pytest.mark.parametrize(
    ("activation", "function"),
    [
        ("linear", lambda x: x),
        ("relu", torch.relu),
        ("tanh", torch.tanh),
        ("gelu", nn.functional.gelu),
    ],
)
@pytest.mark.parametrize("residual", [False, True])
def test_the_activation_stands_between_the_layers(activation, function, residual):
    torch.manual_seed(0)
    network = models.mlp(3, 8, activation=activation, residual=residual)
    x = h = torch.randn(4, 8)
    for number in (1, 2, 3):
        weight = network.get_parameter(f"layer{number}.linear.weight")
        h = (h if residual else 0) + (h if number == 1 else function(h)) @ weight.T
    torch.testing.assert_close(network(x), h)


@pytest.mark.parametrize("norm", ["layer", "batch"])
def test_norm_stands_before_each_activation(norm):
    torch.manual_seed(0)
    network = models.mlp(2, 16, norm=norm)
    x = torch.randn(32, 16)
    h = x @ network.get_parameter("layer1.linear.weight").T
    axis = {"layer": 1, "batch": 0}[norm]
    h = (h - h.mean(axis, keepdim=True)) / (h.var(axis, keepdim=True, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(network(x), h.relu() @ network.layer2.linear.weight.T)


def test_pictures_are_flattened():
    torch.manual_seed(0)
    network = models.mlp(2, 8, inputs=3 * 4 * 4, outputs=10)
    pictures = torch.randn(5, 3, 4, 4)
    assert torch.equal(network(pictures), network(pictures.reshape(5, 48)))


@given(gain=st.floats(0, 4))
def test_another_gain_rescales_the_same_weights(gain):
    networks = []
    for value in (1.0, gain):
        torch.manual_seed(3)
        networks.append(models.mlp(2, 8, gain=value))
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(other, gain * one)


def growth(depth: int, seeds: int, **arguments) -> tuple[float, float]:
    """Return the mean of |gradient at the input|² / |gradient at the output|², and its error."""
    ratios = []
    for seed in range(seeds):
        torch.manual_seed(seed)
        network = models.mlp(depth, **arguments)
        first = network.get_parameter("layer1.linear.weight")
        last = network.get_parameter(f"layer{depth}.linear.weight")
        x = torch.randn(16, first.shape[1], requires_grad=True)
        v = torch.randn(16, last.shape[0])
        (gradient,) = torch.autograd.grad(network(x), x, v)
        ratios.append(gradient.square().sum() / v.square().sum())
    values = torch.stack(ratios).double()
    return values.mean().item(), (values.std() / math.sqrt(seeds)).item()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"depth": 6, "activation": "linear"}, 1.0),
        ({"depth": 6, "activation": "linear", "gain": 1.3}, 1.3**12),
        ({"depth": 6, "activation": "linear", "gain": 0.7}, 0.7**12),
        ({"depth": 3, "activation": "linear", "inputs": 20, "outputs": 5}, 1.0),
        ({"depth": 4, "activation": "linear", "gain": 0.5, "residual": True}, 1.25**4),
        # one ReLU fewer than there are layers
        ({"depth": 6, "activation": "relu", "gain": math.sqrt(2)}, 2.0),
        ({"depth": 4, "activation": "relu", "gain": 0.5, "residual": True}, 1.25 * 1.125**3),
    ],
    ids=str,
)
def test_squared_gradients_grow_by_the_law_of_the_gain(arguments, expected):
    mean, error = growth(seeds=150, **arguments)
    assert error < 0.1 * expected  # else the next line says nothing
    assert abs(mean - expected) < 4 * error


def test_gain_zero_lets_no_gradient_through():
    mean, _ = growth(2, seeds=2, gain=0.0)
    assert mean == 0.0


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "gelu"])
@pytest.mark.parametrize("norm", [None, "layer", "batch"])
def test_residual_layers_of_gain_zero_are_the_identity(activation, norm):
    x = torch.randn(4, 8)
    network = models.mlp(5, 8, activation=activation, gain=0.0, residual=True, norm=norm)
    assert torch.equal(network(x), x)


# the convolutional networks


@pytest.mark.parametrize("size", [18, 28, 32])
def test_the_pruning_cnn_is_the_one_of_its_source(size):
    width, channels, classes = 32, 3, 10
    network = models.pruning_cnn(size=size)
    side = network[:-4](torch.randn(1, channels, size, size)).shape[-1]
    assert side == {18: 1, 28: 3, 32: 4}[size]  # as `model.summary()` of Keras prints them
    assert parameters(network) == (
        (9 * channels + 1) * width
        + (9 * width + 1) * 2 * width
        + (9 * 2 * width + 1) * 2 * width
        + (side**2 * 2 * width + 1) * 2 * width
        + (2 * width + 1) * classes
    )


def test_the_pruning_cnn_starts_as_in_keras():
    torch.manual_seed(0)
    for module in models.pruning_cnn().modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            pixels = module.weight[0, 0].numel()
            limit = math.sqrt(6 / (pixels * sum(module.weight.shape[:2])))
            assert 0.95 * limit < module.weight.abs().max() <= limit
            assert not module.bias.any()


@pytest.mark.parametrize("size", [4, 28, 32])
def test_the_clipping_cnn_is_the_one_of_its_source(size):
    network = models.clipping_cnn(size=size)
    assert convolutions(network) == [(32, 3, 3, 3), (64, 32, 3, 3)]
    assert network.fc1.weight.shape == (128, 64 * (size // 4) ** 2)
    assert network.fc2.weight.shape == (10, 128)
    assert network(torch.randn(2, 3, size, size)).shape == (2, 10)


def test_alexnet_has_the_channels_of_torchvision():
    with torch.device("meta"):
        ours, theirs = models.alexnet(64), get_model("alexnet", weights=None, num_classes=10)
    assert [shape[0] for shape in convolutions(ours)] == [s[0] for s in convolutions(theirs)]
    assert ours.fc2.weight.shape == theirs.classifier[4].weight.shape
    assert ours.fc3.weight.shape == theirs.classifier[6].weight.shape


@pytest.mark.parametrize("depth", [11, 13, 16])
@pytest.mark.parametrize("norm", [False, True])
def test_vgg_has_the_convolutions_of_torchvision(depth, norm):
    with torch.device("meta"):
        ours = models.vgg(depth, 64, norm=norm)
        theirs = get_model(f"vgg{depth}" + "_bn" * norm, weights=None).features
    assert convolutions(ours) == convolutions(theirs)
    without_bias = sum(shape[0] for shape in convolutions(ours)) if norm else 0
    assert parameters(ours) == parameters(theirs) - without_bias + 512 * 10 + 10


@pytest.mark.parametrize(
    ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
)
def test_resnet_has_the_size_that_its_source_states(depth, millions):
    with torch.device("meta"):
        counted = parameters(models.resnet(depth, 16)) / 1e6
    assert round(counted, 1 if depth == 110 else 2) == millions


def test_resnet_reads_pictures_of_any_size():
    assert models.resnet(8, 4)(torch.randn(2, 3, 28, 45)).shape == (2, 10)


def test_the_shortcut_takes_every_second_pixel_and_adds_empty_channels():
    silent = nn.Conv2d(2, 5, 3, stride=2, padding=1)
    nn.init.zeros_(silent.weight)
    nn.init.zeros_(silent.bias)
    x = torch.randn(3, 2, 7, 8)
    y = Residual(silent)(x)
    assert torch.equal(y[:, :2], x[:, :, ::2, ::2])
    assert not y[:, 2:].any()


@pytest.mark.parametrize("network", [models.alexnet, models.vgg, models.resnet])
@pytest.mark.parametrize("norm", [False, True])
def test_convolutions_start_with_the_variance_of_he(network, norm):
    torch.manual_seed(0)
    for module in network(norm=norm).modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fan_in = module.weight[0].numel()
            spread = math.sqrt(2 / fan_in)
            tolerance = 5 / math.sqrt(2 * module.weight.numel())  # 5 standard errors
            assert module.weight.std().item() == pytest.approx(spread, rel=tolerance)
            assert module.bias is None or not module.bias.any()


@pytest.mark.parametrize("network", [models.alexnet, models.vgg, models.resnet])
def test_norm_adds_one_batch_normalisation_per_convolution(network):
    counts = [
        sum(isinstance(m, nn.BatchNorm2d) for m in network(norm=norm).modules())
        for norm in (False, True)
    ]
    assert counts == [0, len(convolutions(network()))]


def test_parameters_are_named_by_where_they_stand():
    names = [name for name, _ in models.resnet(8, 4).named_parameters()]
    assert names[:3] == ["conv1.weight", "norm1.weight", "norm1.bias"]
    assert "stage2.block1.conv1.weight" in names
    assert not any(part.isdigit() for name in names for part in name.split("."))


@pytest.mark.parametrize("name", ["alexnet", "vgg11", "vgg11_bn", "resnet18", "resnet50"])
def test_full_size_networks_are_torchvisions(name):
    with torch.device("meta"):
        published = parameters(models.full_size(name, classes=1000))
        ten = models.full_size(name)
    assert published == get_model_weights(name).DEFAULT.meta["num_params"]
    assert ten(torch.empty(2, 3, 224, 224, device="meta")).shape == (2, 10)


# bad input


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda: models.mlp(0), ["depth", "1 or more", "0"]),
        (lambda: models.mlp(3, -2), ["width", "1 or more", "-2"]),
        (lambda: models.mlp(3, inputs=0), ["inputs", "1 or more", "0"]),
        (lambda: models.mlp(3, outputs=0), ["outputs", "1 or more", "0"]),
        (lambda: models.mlp(3, gain=-1.0), ["gain", "0 or more", "-1.0"]),
        (lambda: models.mlp(3, gain=math.nan), ["gain", "finite", "nan"]),
        (lambda: models.mlp(3, gain=math.inf), ["gain", "finite", "inf"]),
        (lambda: models.mlp(3, activation="swish"), ["activation", "'swish'", "'relu'", "'gelu'"]),
        (lambda: models.mlp(3, norm="group"), ["norm", "'group'", "'layer'", "None"]),
        (lambda: models.pruning_cnn(0), ["width", "1 or more", "0"]),
        (lambda: models.pruning_cnn(size=17), ["size", "18 or more", "17"]),
        (lambda: models.clipping_cnn(size=3), ["size", "4 or more", "3"]),
        (lambda: models.clipping_cnn(channels=0), ["channels", "1 or more", "0"]),
        (lambda: models.alexnet(0), ["width", "1 or more", "0"]),
        (lambda: models.vgg(12), ["depth", "12", "11, 13, 16"]),
        (lambda: models.vgg(11, classes=0), ["classes", "1 or more", "0"]),
        (lambda: models.resnet(9), ["depth", "9", "6n + 2"]),
        (lambda: models.resnet(2), ["depth", "2", "6n + 2"]),
        (lambda: models.resnet(8, -4), ["width", "1 or more", "-4"]),
        (lambda: models.full_size("lenet"), ["name", "'lenet'", "'alexnet'", "'resnet50'"]),
        (lambda: models.full_size("alexnet", 0), ["classes", "1 or more", "0"]),
    ],
)
def test_bad_values_are_named_with_what_is_allowed(call, names):
    with pytest.raises(ValueError, match="must be") as caught:
        call()
    assert all(name in str(caught.value) for name in names), caught.value


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda: models.mlp(2.0), "depth"),
        (lambda: models.mlp(2, "64"), "width"),
        (lambda: models.mlp(2, gain="1"), "gain"),
        (lambda: models.vgg(11, 8.5), "width"),
        (lambda: models.resnet("8"), "depth"),
        (lambda: models.alexnet(True), "width"),
    ],
)
def test_bad_types_are_named(call, name):
    with pytest.raises(ValueError, match=f"^{name} must be a"):
        call()
