"""A saved recording comes back equal, survives a crash, and says what is wrong with a file."""

import dataclasses
import errno
import json
import os
import pathlib

import numpy as np
import pytest
import torch
from torch import nn

import gradlab
from gradlab import clip
from gradlab.recording import storage
from gradlab.recording.arrays import packed
from gradlab.recording.histograms import Histograms
from gradlab.recording.record import record
from gradlab.recording.recording import load


def recorded(count=5, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(5, 30), nn.Linear(30, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    rule = clip.ByNorm(0.5, nonfinite="skip")
    with record(model, optimizer, clip=rule, every=2) as recorder:
        for step in range(count):
            optimizer.zero_grad()
            model(torch.randn(4, 5)).square().sum().backward()
            if step == 1:
                model[1].bias.grad[0] = float("inf")
            if step == 2:
                model[0].bias.grad = None
            optimizer.step()
    return recorder.recording


def same(one, other):
    """Whether two dataclasses hold equal values, all the way down."""
    if isinstance(one, np.ndarray):
        equal = np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        return equal and one.dtype == other.dtype
    if isinstance(one, Histograms) or (dataclasses.is_dataclass(one) and type(one) is type(other)):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    return type(one) is type(other) and one == other


def test_a_recording_comes_back_equal(tmp_path):
    recording = recorded()
    recording.save(tmp_path / "new" / "folder")
    loaded = load(tmp_path / "new" / "folder")
    assert same(recording, loaded)
    assert not same(recording, recorded(seed=1))
    rule = clip.ByValue(0.01)
    np.testing.assert_array_equal(
        loaded.what_if(rule).coefficient, recording.what_if(rule).coefficient
    )
    assert gradlab.load is load


@pytest.mark.parametrize("count", [0, 1])
def test_an_empty_or_short_recording_comes_back_equal(tmp_path, count):
    recording = recorded(count)
    recording.save(tmp_path)
    assert same(recording, load(tmp_path))


def test_a_recording_without_a_rule_comes_back_without_one(tmp_path):
    model = nn.Linear(2, 1)
    recording = record(model, torch.optim.SGD(model.parameters(), lr=0.1)).recording
    recording.save(tmp_path)
    assert load(tmp_path).clip is None


def test_saving_again_leaves_one_recording(tmp_path):
    recorded().save(tmp_path)
    recording = recorded(4)
    recording.save(tmp_path)
    recording.save(tmp_path)
    assert same(recording, load(tmp_path))
    assert len(list(tmp_path.iterdir())) == 2


def test_no_pickle_is_written_or_read(tmp_path):
    recorded().save(tmp_path)
    (arrays,) = tmp_path.glob("*.npz")
    with np.load(arrays, allow_pickle=False) as stored:
        assert all(stored[name].dtype != object for name in stored)
    np.savez(arrays, layers=np.array([{}], object))  # and a manifest that vouches for it
    manifest = json.loads((tmp_path / "recording.json").read_text())
    manifest["sha256"] = storage._checksum(arrays)
    (tmp_path / "recording.json").write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match="is not a file of arrays"):
        load(tmp_path)


class Crash(BaseException):
    """The machine stops."""


OPERATIONS = [
    (os, "replace"),
    (os, "fsync"),
    (pathlib.Path, "unlink"),
    (np, "savez"),
    (json, "dump"),
]


def crashing(patch, at, *, after, error):
    """Stop at the operation number `at`, before or after it is done; count them all."""
    done = []
    for owner, name in OPERATIONS:
        real = getattr(owner, name)

        def operation(*args, _real=real, **kwargs):
            done.append(_real)
            if len(done) - 1 != at:
                return _real(*args, **kwargs)
            if after:
                _real(*args, **kwargs)
            raise error

        patch.setattr(owner, name, operation)
    return done


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("error", [Crash(), OSError(errno.ENOSPC, "the disk is full")])
def test_a_crash_at_any_operation_leaves_a_whole_recording(tmp_path, monkeypatch, after, error):
    old, new = recorded(), recorded(7, seed=3)
    old.save(tmp_path / "counted")
    with monkeypatch.context() as patch:
        done = crashing(patch, -1, after=after, error=error)
        new.save(tmp_path / "counted")
        operations = len(done)
    assert operations == 7
    outcomes = set()
    for at in range(operations + 1):
        folder = tmp_path / str(at)
        old.save(folder)
        with monkeypatch.context() as patch:
            crashing(patch, at, after=after, error=error)
            try:
                new.save(folder)
            except type(error):
                pass
        found = load(folder)
        outcomes.add("new" if same(found, new) else "old" if same(found, old) else "neither")
        new.save(folder)  # what the crash left is no obstacle
        assert same(load(folder), new)
        assert len(list(folder.iterdir())) == 2
    assert outcomes == {"old", "new"}


@pytest.mark.parametrize(
    ("error", "left"), [(Crash(), 3), (OSError(errno.ENOSPC, "the disk is full"), 2)]
)
def test_half_written_arrays_leave_the_old_recording(tmp_path, monkeypatch, error, left):
    old = recorded()
    old.save(tmp_path)

    def half(file, **arrays):
        file.write(b"PK half of it")
        raise error

    monkeypatch.setattr(storage.np, "savez", half)
    with pytest.raises(type(error)):
        recorded(7).save(tmp_path)
    monkeypatch.undo()
    assert same(load(tmp_path), old)
    assert len(list(tmp_path.iterdir())) == left  # a full disk is left no fuller


def test_a_folder_without_a_recording_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"folder must hold a recording, .*recording\.json"):
        load(tmp_path / "nothing")


def test_missing_arrays_are_named(tmp_path):
    recorded().save(tmp_path)
    (arrays,) = tmp_path.glob("*.npz")
    arrays.unlink()
    with pytest.raises(FileNotFoundError, match=arrays.name):
        load(tmp_path)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text[: len(text) // 2], "is damaged, or not the manifest of a recording"),
        (lambda text: "", "is damaged, or not the manifest"),
        (lambda text: "[1, 2]", "is damaged, or not the manifest"),
        (lambda text: '{"name": "something else"}', "is damaged, or not the manifest"),
        (lambda text: text.replace("gradlab recording", "sweep"), "must be of a gradlab recording"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "a newer gradlab wrote it"),
        (lambda text: text.replace('"version": 1', '"version": "x"'), "must be of version 1"),
        (lambda text: text.replace('"sha256": "', '"sha256": "0'), "checksum is not the one"),
    ],
)
def test_a_manifest_that_is_not_right_is_named_with_its_fault(tmp_path, damage, says):
    recorded().save(tmp_path)
    path = tmp_path / "recording.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(ValueError, match=says) as raised:
        load(tmp_path)
    assert str(tmp_path) in str(raised.value)


@pytest.mark.parametrize("at", [0.0, 0.3, 0.6, 0.999])
def test_one_wrong_byte_in_the_arrays_is_found(tmp_path, at):
    recorded().save(tmp_path)
    (path,) = tmp_path.glob("*.npz")
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        load(tmp_path)


@pytest.mark.parametrize("left", [0, 1, 0.5])
def test_truncated_arrays_are_found(tmp_path, left):
    recorded().save(tmp_path)
    (path,) = tmp_path.glob("*.npz")
    content = path.read_bytes()
    path.write_bytes(content[: int(left * len(content)) if left < 1 else -1])
    with pytest.raises(ValueError, match=f"{path.name} is damaged"):
        load(tmp_path)


def test_arrays_of_something_else_are_no_recording(tmp_path):
    storage.write(tmp_path, {"weights": np.ones(3)})
    with pytest.raises(ValueError, match=r"is no whole recording: it lacks .*layers"):
        load(tmp_path)


def test_a_recording_of_before_there_were_samples_and_moments_still_loads(tmp_path):
    recording = recorded()
    arrays = {
        name: array
        for name, array in packed(recording).items()
        if not name.startswith("moments_") and name != "histograms_strides"
    }
    storage.write(tmp_path, arrays)
    loaded = load(tmp_path)
    assert same(loaded.histograms, recording.histograms)
    assert len(loaded.moment_histograms) == 0
