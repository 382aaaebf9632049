"""The figure and the table of a recorded run hold what the recording answers, ready for a paper."""

import gc
import re
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image
from test_panels_recorded import gradients, recording_of

from gradlab import clip, report
from gradlab.histogram.sampling import LARGE
from gradlab.recording.histograms import Histograms


@pytest.fixture(scope="module")
def recording():
    run = recording_of(gradients(), clip=clip.ByNorm(5.0))
    coefficient = np.minimum(1, 5 / run.total_norm)
    return replace(run, coefficient=coefficient, fired=coefficient < 1)


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize("width", ["column", "page"])
def test_the_figure_holds_the_norms_the_thresholds_and_how_often_they_fire(recording, width):
    figure = report.figure(recording, clip=clip.ByNorm(9.0), width=width)
    assert figure.get_size_inches()[0] == {"column": 3.4, "page": 7.0}[width]
    course, *others = figure.axes
    lines = {line.get_label(): line for line in course.get_lines()}
    assert np.array_equal(lines["before"].get_ydata(), recording.total_norm)
    assert np.array_equal(lines["after"].get_ydata(), np.minimum(recording.total_norm, 9.0))
    assert lines["threshold of the run"].get_ydata() == [5.0, 5.0]
    share = 100 * (recording.total_norm > 9).mean()
    assert f"9\n{share:.3g} %" in texts(figure)
    assert {len(image.get_array()) for axes in others for image in axes.get_images()} == {3}


def test_without_a_rule_the_figure_shows_the_runs_own_or_one_that_clips_a_tenth(recording):
    unclipped = replace(recording, clip=None)
    tenth = np.quantile(recording.total_norm, 0.9)
    for run, max_norm in ((recording, 5.0), (unclipped, tenth)):
        said = texts(report.figure(run))
        assert "max_norm\nfires at" in said
        assert any(text.startswith(f"{max_norm:.3g}\n") for text in said)


@pytest.mark.parametrize("rule", [clip.PerLayer(6.0), clip.ByValue(2.0), clip.ByNorm(1e9)])
def test_every_bound_has_its_figure_and_lies_in_it(recording, rule):
    figure = report.figure(recording, clip=rule)
    low, high = figure.axes[0].get_ylim()
    assert low < getattr(rule, "max_norm", getattr(rule, "clip_value", None)) < high
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []


def test_the_file_is_what_its_suffix_says(recording, tmp_path):
    png = report.save(recording, tmp_path / "run.png", width="column")
    with Image.open(png) as image:
        assert image.size == (1020, 1680)
    pdf = report.save(recording, str(tmp_path / "run.PDF"), clip=clip.PerLayer(6.0)).read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/CIDFontType2" in pdf  # TrueType
    assert b"/Type3" not in pdf
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.PDF", "run.png"]


def test_the_same_recording_makes_the_same_file(recording, tmp_path):
    one, two = (report.save(recording, tmp_path / f"{name}.pdf") for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_failed_save_leaves_the_older_file_whole(recording, tmp_path, monkeypatch):
    path = tmp_path / "run.png"
    path.write_bytes(b"older")

    def disk_full(*_, **__):
        raise OSError("no space left")

    for broken in ("os.replace", "pathlib.Path.write_bytes"):
        with monkeypatch.context() as patched:
            patched.setattr(broken, disk_full)
            with pytest.raises(OSError, match="no space left"):
                report.save(recording, path)
        assert path.read_bytes() == b"older"
        assert list(tmp_path.iterdir()) == [path]


def test_a_path_that_cannot_be_written_is_refused(recording, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.pdf or \.png, got '.*run\.svg'"):
        report.save(recording, tmp_path / "run.svg")
    with pytest.raises(ValueError, match=r"path must end in \.pdf or \.png, got 'run'"):
        report.save(recording, "run")
    with pytest.raises(FileNotFoundError, match="path must be in a folder that exists"):
        report.save(recording, tmp_path / "nowhere" / "run.pdf")


def test_what_has_no_figure_is_refused(recording):
    with pytest.raises(ValueError, match="width must be one of 'column', 'page', got 'poster'"):
        report.figure(recording, width="poster")
    with pytest.raises(TypeError, match="clip must be a rule with a fixed threshold"):
        report.figure(recording, clip=clip.Percentile(10))
    bare = replace(recording, histograms=Histograms.joined(recording.layers, []))
    with pytest.raises(ValueError, match="clip must need no histograms"):
        report.figure(bare, clip=clip.ByValue(1.0))
    zeros = recording_of([{n: 0 * g for n, g in step.items()} for step in gradients(4)])
    for refused in (
        report.figure,
        report.table,
        lambda run: report.figure(run, clip=clip.ByNorm(1.0)),
    ):
        with pytest.raises(ValueError, match="the recording must hold"):
            refused(zeros)


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_has_a_row_for_the_run_and_one_for_each_suggestion(recording):
    head, rule, run, *rows = report.table(recording).splitlines()
    assert len(cells(head)) == len(cells(rule)) == 7
    assert cells(run)[:2] == ["by norm, max_norm = 5 (the run)", "40 of 40 (100 %)"]
    assert float(cells(run)[3]) == pytest.approx(recording.coefficient.min(), rel=0.01)
    for row, one in zip(rows, recording.suggest().each, strict=True):
        label, fires, median, smallest, cosine, after, spent = cells(row)
        norms = recording.total_norm
        hit = norms[norms > one.max_norm]
        assert label == f"by norm, max_norm = {one.max_norm:.3g} ({one.says})"
        assert fires == f"{len(hit)} of 40 ({100 * len(hit) / 40:.3g} %)"
        assert float(median) == pytest.approx(np.median(one.max_norm / hit), rel=0.01)
        assert float(smallest) == pytest.approx(one.max_norm / hit.max(), rel=0.01)
        assert cosine == "1"
        clipped = np.median(np.minimum(norms, one.max_norm))
        assert float(after) == pytest.approx(clipped, rel=0.01)
        squares = recording.layer_norms[norms > one.max_norm] ** 2
        mean = (squares / squares.sum(axis=1, keepdims=True)).mean(axis=0)
        assert spent == f"{recording.layers[mean.argmax()]} {mean.max():.0%}"


def test_a_rule_that_turns_gradients_has_a_smaller_cosine_and_one_that_never_fires_has_none(
    recording,
):
    *_, layers, value, never = report.table(
        recording, [clip.PerLayer(3.0), clip.ByValue(1.0), clip.ByNorm(1e6)]
    ).splitlines()
    assert layers.startswith("| by norm, per layer, max_norm = 3 |")
    assert value.startswith("| by value, clip_value = 1 | 10 of 10 (100 %) |")
    assert float(cells(layers)[4]) < 1
    assert float(cells(value)[4]) < 1
    assert cells(never)[1:5] == ["0 of 40 (0 %)", "–", "–", "–"]
    assert cells(never)[-1] == "–"


@pytest.fixture
def odd():
    """Makes a rule that is called so; after the test no panel's menu has it."""
    yield lambda label: type("Odd", (clip.ByNorm,), {"label": label})(5.0)
    gc.collect()  # a class is part of a cycle


def test_the_latex_table_can_be_pasted(recording, odd):
    run = replace(recording, clip=odd(r"My_rule{50%} & #1 \x^2 ~ $5"))
    text = report.table(run, [clip.ByNorm(1e-5)], style="latex")
    assert text.startswith(r"\begin{tabular}{lrrrrrr}")
    assert text.endswith(r"\end{tabular}")
    assert (
        r"My\_rule\{50\%\} \& \#1 \textbackslash{}x\textasciicircum{}2 \textasciitilde{} \$5"
        in text
    )
    assert r"max\_norm = $1 \times 10^{-5}$" in text
    rows = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert [len(re.findall(r"(?<!\\)&", row)) for row in rows] == [6, 6, 6]


def test_a_pipe_in_a_rule_does_not_break_the_markdown(recording, odd):
    run = replace(recording, clip=odd("a|b"))
    assert "| a\\|b, max_norm = 5 (the run) |" in report.table(run, [])


def test_an_unknown_style_is_refused(recording):
    with pytest.raises(ValueError, match="style must be one of 'markdown', 'latex', got 'word'"):
        report.table(recording, style="word")


def test_counts_from_a_sample_are_said_to_be_from_a_sample():
    draw = torch.Generator().manual_seed(0)
    made = [{"fc.weight": torch.randn(4 * LARGE, generator=draw)} for _ in range(3)]
    run = recording_of(made, exact=False)
    said = "of fc.weight, 8,192 of 65,536 elements): a share of a layer's elements is known to 1.7"
    values, norms = clip.ByValue(2.0), clip.ByNorm(100.0)
    assert run.what_if(values).stride == 8
    assert "estimated from a sample, one element in up to 8" in repr(run.what_if(values))
    assert said in report.table(run, [norms, values])
    assert said.replace("%", r"\%") in report.table(run, [values], style="latex")
    assert "sample" not in report.table(run, [norms])
    (below,) = [t for t in texts(report.figure(run, clip=values)) if "sample" in t]
    assert said in " ".join(below.split())
    assert not any("sample" in text for text in texts(report.figure(run, clip=norms)))
    exact = recording_of(made)
    close = exact.what_if(values).norm_after / run.what_if(values).norm_after
    assert np.allclose(close, 1, atol=0.01)
    assert "sample" not in report.table(exact, [values])


def test_a_run_that_was_clipped_before_is_not_called_unclipped():
    draw = torch.Generator().manual_seed(0)
    made = [torch.randn(50, generator=draw) for _ in range(20)]
    run = recording_of([{"fc.weight": 3 * each / max(3.0, float(each.norm()))} for each in made])
    assert "| no clipping (the run) |" in report.table(recording_of([{"a": x} for x in made]), [])
    found = report.table(run, [])
    assert "| clipped before (the run) |" in found
    assert found.endswith(f"The run: {run.clipped_before}.")
    (below,) = [t for t in texts(report.figure(run)) if "The run" in t]
    assert "20 of 20 norms are 3, and none is larger" in " ".join(below.split())
