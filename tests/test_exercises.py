"""Exercises: solutions pass, mistakes meet the law that names them, nothing crashes a check."""

import gc
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from types import ModuleType

import numpy as np
import pytest
import torch

from gradlab import clip
from gradlab.course import exercises
from gradlab.course.exercises.agc import agc_ratio
from gradlab.course.exercises.by_global_norm import clip_by_global_norm
from gradlab.course.exercises.checking import judge, values
from gradlab.course.exercises.checking.exercise import Exercise, Grade
from gradlab.course.exercises.checking.judge import ANSWERS, FORM, IN_PLACE, STOPS, TAKES, UNTOUCHED
from gradlab.course.exercises.linear_chain import gradient_norm_of_linear_chain
from gradlab.course.exercises.unscaling import unscale_then_clip
from gradlab.histogram.log import RELATIVE_ERROR

EXERCISES = pytest.mark.parametrize("exercise", exercises.ALL, ids=lambda each: each.name)
MISTAKES = pytest.mark.parametrize(
    ("exercise", "mistake", "law"),
    [
        pytest.param(exercise, mistake, law, id=f"{exercise.name}-{mistake.__name__}")
        for exercise in exercises.ALL
        for mistake, law in exercise.mistakes.items()
    ],
)
by_value = exercises.clip_by_value


def written(code: str, name: str = "clip_by_value") -> object:
    """A function as a student's cell defines it."""
    scope: dict[str, object] = {"torch": torch, "time": time, "sys": sys}
    exec(textwrap.dedent(code), scope)
    return scope[name]


@pytest.fixture(scope="module")
def warm() -> None:
    """The first check of a process also loads Hypothesis, and torch its first kernels."""
    by_value.check(by_value.answer)


@EXERCISES
@pytest.mark.usefixtures("warm")
def test_every_solution_obeys_all_laws_within_two_seconds(exercise: Exercise) -> None:
    started = time.process_time()  # the clock would also count what else the machine does
    result = exercise.check(exercise.answer)
    assert time.process_time() - started < 2
    assert result.grade is Grade.HOLDS
    assert result.tried == 200
    assert all(law.name in repr(result) for law in exercise.laws)


@EXERCISES
def test_every_stub_is_not_written_yet(exercise: Exercise) -> None:
    result = exercise.check(written(exercise.stub, exercise.name))
    assert result.grade is Grade.NOT_WRITTEN
    assert "not written yet" in repr(result)


@pytest.mark.once
@MISTAKES
def test_every_typical_mistake_is_caught_by_the_law_that_names_it(exercise, mistake, law) -> None:
    result = exercise.check(mistake)
    assert result.grade is Grade.BROKEN
    assert result.finding.law is law, repr(result)
    assert law.name in repr(result)
    assert f"{exercise.name}(" in dict(result.finding.rows)["given"]


@EXERCISES
def test_every_own_law_is_needed_to_catch_some_mistake(exercise: Exercise) -> None:
    assert set(exercise.laws) <= set(exercise.mistakes.values())
    assert len(exercise.mistakes) >= 4


@EXERCISES
def test_every_exercise_tells_its_hints_and_its_solution(exercise: Exercise) -> None:
    assert len(exercise.hints) >= 2
    assert repr(exercise.solution()).startswith(f"def {exercise.name}(")
    assert exercise.name in repr(exercises.names())
    assert getattr(exercises, exercise.name) is exercise


def test_solutions_agree_with_torch_and_timm() -> None:
    from timm.utils.agc import adaptive_clip_grad

    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(3, 4, generator=generator) for _ in range(3)]
    parameters = [torch.nn.Parameter(torch.ones(3, 4)) for _ in tensors]
    for parameter, tensor in zip(parameters, tensors, strict=True):
        parameter.grad = tensor.clone()
    before = torch.nn.utils.clip_grad_norm_(parameters, 1.5)
    clipped = clip_by_global_norm(tensors, 1.5)
    assert all(torch.allclose(p.grad, c) for p, c in zip(parameters, clipped, strict=True))
    assert exercises.norm_before_after.answer(tensors, 1.5) == pytest.approx((float(before), 1.5))

    scaled = [tensor * 1024 for tensor in tensors]
    unscaled = unscale_then_clip(scaled, 1024.0, 1.5)
    assert all(torch.allclose(*pair) for pair in zip(unscaled, clipped, strict=True))

    parameter = torch.nn.Parameter(torch.randn(3, 4, generator=generator))
    parameter.grad = tensors[0].clone()
    adaptive_clip_grad(parameter, clip_factor=0.1)
    _, rows = agc_ratio(parameter.detach(), tensors[0], 0.1, 1e-3)
    assert torch.allclose(parameter.grad, rows)


def test_thresholds_agree_with_numpy_and_with_what_the_rule_does() -> None:
    norms = torch.randn(40, generator=torch.Generator().manual_seed(0)).exp()
    rule, parameter = clip.Percentile(80.0), torch.nn.Parameter(torch.zeros(1))
    left = []
    for norm in norms:
        parameter.grad = norm.view(1).clone()
        left.append(float(norm * rule.clip_([parameter]).coefficient))
    thresholds = exercises.autoclip_thresholds.answer(norms, 80.0)
    assert thresholds.numpy() == pytest.approx(
        [np.percentile(norms[: step + 1], 80.0) for step in range(40)]
    )
    assert norms.minimum(thresholds).numpy() == pytest.approx(left, rel=RELATIVE_ERROR)

    threshold = exercises.threshold_for_rate.answer(norms, 0.1)
    share = exercises.fraction_clipped.answer(norms, threshold)
    assert share == pytest.approx(np.mean(norms.numpy() > threshold)) == pytest.approx(0.1)


def test_an_interval_agrees_with_scipy() -> None:
    from scipy.stats import ttest_rel

    ours, theirs = torch.rand(2, 5, generator=torch.Generator().manual_seed(0))
    interval = ttest_rel(ours.numpy(), theirs.numpy()).confidence_interval(0.95)
    assert exercises.paired_interval.answer(ours, theirs) == pytest.approx(interval, rel=1e-4)


def test_the_control_walks_as_far_as_the_clipped_run_does() -> None:
    generator = torch.Generator().manual_seed(0)
    gradients = [3 * torch.rand(1, generator=generator) * torch.ones(4) for _ in range(6)]
    norms = torch.stack([gradient.norm() for gradient in gradients])
    parameter, walked = torch.nn.Parameter(torch.zeros(4)), 0.0
    for gradient in gradients:
        parameter.grad = gradient.clone()
        clip.ByNorm(2.0).clip_([parameter])
        walked += 0.1 * float(parameter.grad.norm())
    rate = exercises.rate_of_the_control.answer(0.1, 2.0, norms)
    assert rate * float(norms.sum()) == pytest.approx(walked, rel=1e-5)
    assert 0 < rate < 0.1


def test_the_linear_chain_agrees_with_autograd_also_where_widths_differ() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = [torch.randn(*shape, generator=generator) for shape in ((5, 3), (4, 5), (2, 4))]
    upstream, x = torch.randn(2, generator=generator), torch.ones(3, requires_grad=True)
    y = x
    for weight in weights:
        y = weight @ y
    (gradient,) = torch.autograd.grad(y, x, upstream)
    expected = pytest.approx(float(gradient.norm()))
    assert gradient_norm_of_linear_chain(weights, upstream) == expected


def test_the_counterexample_is_the_smallest_and_reads_as_a_call() -> None:
    result = by_value.check(written("def clip_by_value(g, c):\n    return g.clamp(max=c)"))
    assert repr(result).splitlines() == [
        "clip_by_value: not yet right. A right function turns every element below -clip_value into "
        "-clip_value.",
        "  given     clip_by_value(tensor([-1.5]), 1.0)",
        "  expected  tensor([-1.])",
        "  got       tensor([-1.5])",
        "Idea: A large negative element is as harmful as a large positive one, and keeps its sign.",
    ]


@pytest.mark.parametrize("name", ["keeps_only_the_last", "sums"])
def test_two_checks_say_the_same(name: str) -> None:
    exercise = exercises.clip_with_accumulation
    mistake = next(each for each in exercise.mistakes if each.__name__ == name)
    assert repr(exercise.check(mistake)) == repr(exercise.check(mistake))


def test_a_check_does_not_depend_on_other_modules_constants(tmp_path, monkeypatch) -> None:
    code = "def clip_by_value(g, c):\n    return g.clamp(max=c)"
    before = repr(by_value.check(written(code)))
    (tmp_path / "of_the_student.py").write_text("SIZES = [7, 11, 13, 17, 19]\n")
    module = ModuleType("of_the_student")
    module.__file__ = str(tmp_path / "of_the_student.py")
    monkeypatch.setitem(sys.modules, "of_the_student", module)
    assert repr(by_value.check(written(code))) == before


@pytest.mark.parametrize("noise", ["torch.rand(1)", "random.random()", "numpy.random.rand()"])
def test_a_random_answer_is_judged_the_same_every_time(noise: str) -> None:
    code = f"import numpy, random\ndef clip_by_value(g, c):\n    return g + {noise}"
    first = repr(by_value.check(written(code)))
    assert "got" in first
    assert repr(by_value.check(written(code))) == first


def test_a_function_that_changes_its_mind_still_gets_an_answer() -> None:
    code = """
        calls = []
        def clip_by_value(g, c):
            calls.append(1)
            return g.clamp(-c, c) if len(calls) % 3 else g + 1
    """
    assert by_value.check(written(code)).grade is Grade.BROKEN


NEVER_CRASHES = {
    "not written: pass": ("def clip_by_value(g, c):\n    pass", judge.WRITTEN, "not written"),
    "not written: docstring": ('def clip_by_value(g, c):\n    "Clip."', judge.WRITTEN, "hint()"),
    "not written: raises": (
        "def clip_by_value(g, c):\n    raise NotImplementedError('later')",
        judge.WRITTEN,
        "not written",
    ),
    "not written: a gap": (
        "def clip_by_value(g, c):\n    clipped = ...\n    return clipped",
        judge.WRITTEN,
        "not written",
    ),
    "returns None": (
        "def clip_by_value(g, c):\n    g.clamp(-c, c)",
        FORM,
        "is a return missing?",
    ),
    "raises": (
        "def clip_by_value(g, c):\n    return g.clamp(-c, limit)",
        ANSWERS,
        "NameError: name 'limit' is not defined",
    ),
    "torch raises NotImplementedError": (
        "def clip_by_value(g, c):\n    return torch.empty(1, device='meta').item()",
        ANSWERS,
        "line 2",
    ),
    "raises what cannot be printed": (
        "class Odd(Exception):\n    def __str__(self): raise ValueError\n"
        "def clip_by_value(g, c):\n    raise Odd",
        ANSWERS,
        "Odd",
    ),
    "exits": ("def clip_by_value(g, c):\n    sys.exit(3)", ANSWERS, "SystemExit: 3"),
    "interrupts": ("def clip_by_value(g, c):\n    raise KeyboardInterrupt", ANSWERS, "Keyboard"),
    "recursion": (
        "def clip_by_value(g, c):\n    return clip_by_value(g, c)",
        ANSWERS,
        "RecursionError",
    ),
    "wrong shape": (
        "def clip_by_value(g, c):\n    return g.clamp(-c, c).sum()",
        FORM,
        "a float32 tensor of shape (), where a float32 tensor of shape (1,) belongs",
    ),
    "wrong dtype": (
        "def clip_by_value(g, c):\n    return g.double().clamp(-c, c)",
        FORM,
        "a float64 tensor of shape (1,)",
    ),
    "wrong device": (
        "def clip_by_value(g, c):\n    return g.clamp(-c, c).to('meta')",
        FORM,
        "on meta",
    ),
    "sparse": ("def clip_by_value(g, c):\n    return g.to_sparse()", FORM, "(sparse)"),
    "complex": ("def clip_by_value(g, c):\n    return g + 1j", FORM, "a complex64 tensor"),
    "a string": ("def clip_by_value(g, c):\n    return 'clipped'", FORM, "a str"),
    "a list that holds itself": (
        "def clip_by_value(g, c):\n    a = []\n    a.append(a)\n    return a",
        FORM,
        "a list",
    ),
    "a generator": ("def clip_by_value(g, c):\n    yield g", FORM, "a generator"),
    "a coroutine": ("async def clip_by_value(g, c):\n    return g", FORM, "a coroutine"),
    "resizes its input": (
        "def clip_by_value(g, c):\n    return g.resize_(7).clamp(-c, c)",
        UNTOUCHED,
        "became",
    ),
    "one argument too few": (
        "def clip_by_value(gradient):\n    return gradient",
        TAKES,
        "expected  clip_by_value(gradient, clip_value)",
    ),
    "too many arguments": (
        "def clip_by_value(g, c, d):\n    return g",
        TAKES,
        "got       clip_by_value(g, c, d)",
    ),
}


@pytest.mark.parametrize(("code", "law", "says"), NEVER_CRASHES.values(), ids=NEVER_CRASHES)
def test_a_check_survives_whatever_is_written(code, law, says) -> None:
    result = by_value.check(written(code))
    assert result.finding.law is law, repr(result)
    assert says in repr(result)


@pytest.mark.parametrize("thing", [None, 3, "clip", torch.zeros(2)])
def test_what_is_not_a_function_is_named_with_the_advice_to_pass_one(thing) -> None:
    assert "pass the function itself" in repr(by_value.check(thing))


@pytest.mark.parametrize("thing", [torch.relu, abs, dict, torch.nn.ReLU()])
def test_builtins_classes_and_modules_are_checked_like_functions(thing) -> None:
    assert by_value.check(thing).grade is Grade.BROKEN


ENDLESS = {
    "a loop": """
        def clip_by_value(g, c):
            while True: pass
    """,
    "a loop that swallows what stops it, twice": """
        swallowed = []
        def clip_by_value(g, c):
            while True:
                try:
                    while True: pass
                except BaseException:
                    swallowed.append(1)
                    if len(swallowed) > 2: raise
    """,
    "a loop on large elements only": """
        def clip_by_value(g, c):
            while g.abs().max() > 5: pass
            return g.clamp(-c, c)
    """,
}


@pytest.mark.once
@pytest.mark.parametrize("code", ENDLESS.values(), ids=ENDLESS)
def test_an_endless_loop_is_stopped(code: str) -> None:
    threads = threading.active_count()
    started = time.monotonic()
    result = by_value.check(written(code))
    assert time.monotonic() - started < 6
    assert result.finding.law is STOPS
    assert "answers within 1 s" in repr(result)
    assert threading.active_count() == threads


@pytest.mark.once
def test_a_call_that_cannot_be_stopped_is_left_behind_and_said_to_be() -> None:
    result = by_value.check(written("def clip_by_value(g, c):\n    time.sleep(2.5)"))
    assert result.finding.law is STOPS
    assert "restart the kernel" in repr(result)
    deadline = time.monotonic() + 10  # it ends by itself, without another word
    while any("_serve" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.once
def test_a_slow_function_is_checked_on_fewer_inputs() -> None:
    code = """
        def clip_by_value(g, c):
            time.sleep(0.1)
            return g.clamp(-c, c)
    """
    result = by_value.check(written(code))
    assert result.grade is Grade.HOLDS
    assert 1 <= result.tried <= 12


@pytest.mark.once
def test_a_check_works_on_another_thread() -> None:
    results = []
    thread = threading.Thread(
        target=lambda: results.extend(
            by_value.check(written(code))
            for code in (
                "def clip_by_value(g, c):\n    return g.clamp(-c, c)",
                "def clip_by_value(g, c):\n    while True: pass",
            )
        )
    )
    thread.start()
    thread.join()
    assert results[0].grade is Grade.HOLDS
    assert results[1].finding.law is STOPS


def test_checks_at_the_same_time_leave_the_output_alone() -> None:
    output, results = sys.stdout, []
    threads = [
        threading.Thread(target=lambda: results.append(by_value.check(by_value.answer)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.stdout is output
    assert [result.grade for result in results] == [Grade.HOLDS] * 3


def test_what_a_function_prints_is_shown_for_the_counterexample_only(capsys) -> None:
    code = "def clip_by_value(g, c):\n    print('largest', float(g.max()))\n    return g"
    result = by_value.check(written(code))
    assert capsys.readouterr().out == ""
    assert "  printed   largest 1.5" in repr(result)


@pytest.mark.once
def test_other_threads_keep_printing_during_a_check(capsys) -> None:
    code = "def clip_by_value(g, c):\n    print('mine')\n    while True: pass"
    thread = threading.Timer(0.3, print, args=["theirs"])
    thread.start()
    by_value.check(written(code))
    thread.join()
    assert capsys.readouterr().out == "theirs\n"


def test_after_a_check_everything_is_as_before() -> None:
    code = """
        def clip_by_value(g, c):
            import random, warnings
            import numpy
            torch.manual_seed(3); numpy.random.seed(3); random.seed(3)
            torch.set_default_dtype(torch.float64)
            torch.set_grad_enabled(False)
            torch.set_default_device("meta")
            warnings.simplefilter("error")
            g.requires_grad_()
            return g.detach().clamp(-c, c)
    """
    assert gc.isenabled()
    state = torch.get_rng_state(), random.getstate(), repr(np.random.get_state())  # noqa: NPY002
    filters, home = list(warnings.filters), os.getcwd()
    result = by_value.check(written(code))
    assert result.grade is Grade.HOLDS, repr(result)
    assert torch.equal(torch.get_rng_state(), state[0])
    assert (random.getstate(), repr(np.random.get_state())) == state[1:]  # noqa: NPY002
    assert torch.get_default_dtype() is torch.float32
    assert torch.is_grad_enabled()
    assert gc.isenabled()
    assert torch.zeros(1).device.type == "cpu"
    assert warnings.filters == filters
    assert os.getcwd() == home


def test_a_check_is_the_same_under_another_default_dtype_and_without_grad() -> None:
    expected = repr(exercises.agc_ratio.check(agc_ratio))
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            assert repr(exercises.agc_ratio.check(agc_ratio)) == expected
        assert torch.get_default_dtype() is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.once
def test_hypothesis_comes_with_the_first_check_and_leaves_no_folder(tmp_path) -> None:
    (tmp_path / "mine.py").write_text("SIZE = 12345\ndef clip_by_value(g, c):\n    return g\n")
    code = (
        "import sys, mine; from gradlab.course import exercises\n"
        "print('hypothesis' in sys.modules); "
        "print(exercises.clip_by_value.check(mine.clip_by_value).grade)"
    )
    run = [sys.executable, "-B", "-c", code]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["False", "not yet right"]
    assert [path.name for path in tmp_path.iterdir()] == ["mine.py"]


def test_without_hypothesis_a_check_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setattr("gradlab.course.exercises.checking.exercise.find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="pip install hypothesis"):
        by_value.check(by_value.answer)


def test_an_in_place_exercise_refuses_new_tensors_and_takes_torchs_own_way() -> None:
    in_place = exercises.clip_by_global_norm_

    def torchs_own(gradients: list[torch.Tensor], max_norm: float) -> torch.Tensor:
        parameters = [torch.nn.Parameter(torch.zeros_like(gradient)) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        return torch.nn.utils.clip_grad_norm_(parameters, max_norm)

    assert in_place.check(torchs_own).grade is Grade.HOLDS
    assert in_place.check(clip_by_global_norm).finding.law is IN_PLACE


@pytest.mark.parametrize("epsilon", [0.0, 1e-6])
def test_the_exact_coefficient_and_torchs_are_both_right(epsilon: float) -> None:
    def clip(gradients: list[torch.Tensor], max_norm: float) -> list[torch.Tensor]:
        total_norm = torch.cat([gradient.flatten() for gradient in gradients]).norm()
        coefficient = (max_norm / (total_norm + epsilon)).clamp(max=1.0)
        return [gradient * coefficient for gradient in gradients]

    assert exercises.clip_by_global_norm.check(clip).grade is Grade.HOLDS


def test_hints_come_one_after_the_other_and_the_last_one_stays() -> None:
    fresh = Exercise(**{**vars(by_value), "_asked": iter(range(1, 99))})
    shown = [repr(fresh.hint()) for _ in range(4)]
    assert [text.split(":")[0] for text in shown] == [f"Hint {n} of 3" for n in (1, 2, 3, 3)]
    assert "solution()" in shown[-1]
    assert "Hint 2 of 3" in repr(fresh.hint(2))
    with pytest.raises(ValueError, match="tier must be from 1 to 3, got 9"):
        fresh.hint(9)


def test_values_are_shown_as_one_would_type_them() -> None:
    given = [torch.tensor([2.0, -0.5]), torch.tensor([[float("nan"), float("inf")]])]
    assert values.show(given) == "[tensor([2., -0.5]), tensor([[nan, inf]])]"
    assert values.show((1.0, None)) == "(1.0, None)"
    assert values.show(torch.tensor([1e-7, 123456.0])) == "tensor([1e-07, 1.2346e+05])"
    assert values.show(torch.zeros(1000)) == "a float32 tensor of shape (1000,)"
