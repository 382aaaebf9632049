"""What all tests share: one seed, a device, deterministic Hypothesis, and a browser or a reason."""

import gc
import os

import hypothesis
import lab
import pytest
import torch

# The same examples in every run, so that red stays red; `--hypothesis-profile explore` looks wider.
hypothesis.settings.register_profile("gradlab", derandomize=True, deadline=None)
hypothesis.settings.register_profile("explore", max_examples=1000, deadline=None)
hypothesis.settings.load_profile("gradlab")


def pytest_addoption(parser):
    parser.addoption(
        "--device", default="cpu", choices=("cpu", "cuda"), help="where the tests put their tensors"
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Begin with what takes longest: the browser, then the notebooks."""
    items.sort(key=lambda item: (item.get_closest_marker("browser") is None, item.path.suffix))


@hypothesis.given(hypothesis.strategies.none())
def _nothing(_):
    """A law that holds: with its first one Hypothesis makes random numbers of its own."""


def pytest_collection_finish():
    """What is loaded by now stays: whoever collects garbage need not look through it again.

    Nor finds it: Hypothesis asks who holds its random numbers, and warns if nobody does.
    """
    _nothing()
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item):
    """Skip a browser test where it cannot run, or fail it where it has to run."""
    if item.get_closest_marker("browser") is None or (reason := lab.missing()) is None:
        return
    if os.environ.get("GRADLAB_REQUIRE_BROWSER") == "1":
        pytest.fail(f"{reason} (and GRADLAB_REQUIRE_BROWSER=1)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture
def cuda():
    """The CUDA device, for a test that makes no sense elsewhere."""
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device, and this machine has none")
    return torch.device("cuda")


@pytest.fixture
def device(request):
    """The device that `--device` names."""
    name = request.config.getoption("device")
    return request.getfixturevalue("cuda") if name == "cuda" else torch.device(name)


# Not for the whole session: while Playwright runs, nothing else may start an event loop.
@pytest.fixture(scope="module")
def jupyter(tmp_path_factory):
    """One JupyterLab and one Chromium for all browser tests of a file."""
    with lab.Lab(tmp_path_factory.mktemp("jupyterlab")) as running:
        yield running
