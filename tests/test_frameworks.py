"""The recorder in Trainer, Lightning and Accelerate: trains for real, bit for bit as without it."""

import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

import gradlab
from gradlab import clip

pytestmark = pytest.mark.filterwarnings("default")  # the frameworks warn about themselves


class Net(nn.Module):
    """A Hugging Face model as far as Trainer asks: it takes inputs and labels, and gives a loss."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))

    def forward(self, x, labels=None):
        out = self.body(x)
        return {"loss": 100 * (out - labels).square().mean(), "logits": out}


def examples(bad=None):
    torch.manual_seed(1)
    rows = [{"x": torch.randn(4), "labels": torch.randn(2)} for _ in range(24)]
    if bad is not None:
        rows[bad]["x"] = None  # collating it raises
    return rows


def same(one, other):
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def usable(recording, rule, steps, tmp_path):
    """Whether it can be asked, saved, and read like any other."""
    assert len(recording) == steps
    assert repr(recording.clip) == repr(rule)
    assert recording.optimizer is not None
    assert recording.judge()
    assert recording.suggest()
    assert 0 in recording.histograms
    recording.save(tmp_path / "saved")
    assert len(gradlab.load(tmp_path / "saved")) == steps


def closed(optimizer):
    return not optimizer._optimizer_step_pre_hooks


def test_no_framework_is_imported_by_the_library():
    names = {"transformers", "lightning", "accelerate"}
    code = "import sys, gradlab, gradlab.frameworks, gradlab.recording.record; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not names & set(said.stdout.split())


def run_readme(framework, **here):
    """Run the README's lines for a framework."""
    text = Path(__file__).parents[1].joinpath("README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    (block,) = (block for block in blocks if f"gradlab.frameworks.{framework}" in block)
    exec(compile(block, "README.md", "exec"), here)
    return here


class TestTransformers:
    def trained(self, tmp_path, callbacks=(), data=None, raises=None, **how):
        transformers = pytest.importorskip("transformers")
        settings = {"max_grad_norm": 0.5, "per_device_train_batch_size": 2} | how
        args = transformers.TrainingArguments(
            tmp_path / "out",
            num_train_epochs=1,
            learning_rate=0.01,
            report_to="none",
            use_cpu=True,
            logging_steps=1,
            save_strategy="no",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            **settings,
        )
        trainer = transformers.Trainer(
            Net(), args, train_dataset=data or examples(), callbacks=list(callbacks)
        )
        trainer.remove_callback(transformers.PrinterCallback)
        if raises:
            with pytest.raises(raises):
                trainer.train()
        else:
            trainer.train()
        return trainer

    def test_the_lines_of_the_readme_run(self, tmp_path):
        transformers = pytest.importorskip("transformers")
        args = transformers.TrainingArguments(
            tmp_path, max_steps=2, use_cpu=True, report_to="none", dataloader_pin_memory=False
        )
        trainer, data = transformers.Trainer, examples()
        ran = run_readme("transformers", Trainer=trainer, model=Net(), args=args, data=data)
        assert len(ran["callback"].recording) == 2

    def callback(self, *args, **how):
        pytest.importorskip("transformers")
        from gradlab.frameworks.transformers import RecorderCallback

        return RecorderCallback(*args, **how)

    @pytest.mark.parametrize("accumulated", [1, 2])
    def test_it_clips_once_and_bit_for_bit_as_trainer(self, tmp_path, accumulated):
        callback, how = self.callback(), {"gradient_accumulation_steps": accumulated}
        alone = self.trained(tmp_path, **how)
        trainer = self.trained(tmp_path, [callback], **how)
        assert same(trainer.model, alone.model)
        norms = [log["grad_norm"] for log in alone.state.log_history if "grad_norm" in log]
        logged = [log["grad_norm"] for log in trainer.state.log_history if "grad_norm" in log]
        assert len(norms) == 12 // accumulated
        assert logged == norms == pytest.approx(callback.recording.total_norm.tolist())
        assert callback.recording.fired.any()
        usable(callback.recording, clip.ByNorm(0.5, nonfinite="allow"), len(norms), tmp_path)
        assert trainer.args.max_grad_norm == 0.5
        assert closed(trainer.optimizer.optimizer)

    def test_a_rule_that_is_given_clips_instead(self, tmp_path):
        callback = self.callback(clip.PerLayer(0.1), updates=True, every=1)
        trainer = self.trained(tmp_path, [callback])
        assert not same(trainer.model, self.trained(tmp_path).model)
        usable(callback.recording, clip.PerLayer(0.1), 12, tmp_path)
        assert (callback.recording.update_norms > 0).all()

    def test_without_a_clip_it_only_measures(self, tmp_path):
        callback = self.callback()
        trainer = self.trained(tmp_path, [callback], max_grad_norm=0.0)
        assert same(trainer.model, self.trained(tmp_path, max_grad_norm=0.0).model)
        assert callback.recording.clip is None

    def test_when_training_raises_all_is_put_back(self, tmp_path):
        callback = self.callback()
        with callback:
            trainer = self.trained(tmp_path, [callback], examples(bad=3), raises=Exception)
        assert len(callback.recording) < 12
        assert trainer.args.max_grad_norm == 0.5
        assert closed(trainer.optimizer.optimizer)

    def test_what_cannot_work_is_refused_before_anything_is_taken(self, tmp_path):
        with pytest.raises(TypeError, match=r"clip must be a Rule \| None, got float"):
            self.callback(1.0)
        with pytest.raises(TypeError, match="updates must be a bool, got str 'x'"):
            self.callback(updates="x")
        with pytest.raises(RuntimeError, match="no training has begun with this callback"):
            _ = self.callback().recording
        callback = self.callback()

        class Args:
            max_grad_norm = 1.0
            deepspeed = "ds.json"

        with pytest.raises(TypeError, match="must leave gradients and clipping to PyTorch"):
            callback.on_train_begin(Args, None, None, model=Net(), optimizer=None)
        Args.deepspeed = None
        with pytest.raises(RuntimeError, match="must show callbacks a torch optimizer"):
            callback.on_train_begin(Args, None, None, model=Net(), optimizer=None)
        net = Net()
        some = torch.optim.SGD(net.body[0].parameters(), lr=0.1)
        with pytest.raises(ValueError, match=r"got one that does not update body\.2\.weight"):
            callback.on_train_begin(Args, None, None, model=net, optimizer=some)
        lbfgs = torch.optim.LBFGS(net.parameters())
        with pytest.raises(TypeError, match="one gradient for each step, got LBFGS"):
            callback.on_train_begin(Args, None, None, model=net, optimizer=lbfgs)
        assert Args.max_grad_norm == 1.0


class TestLightning:
    def trained(self, callbacks=(), module=None, raises=None, **how):
        pl = pytest.importorskip("lightning.pytorch")
        settings = {"gradient_clip_val": 0.5} | how
        trainer = pl.Trainer(
            max_epochs=1,
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            callbacks=list(callbacks),
            **settings,
        )
        module = module or self.module()
        loader = torch.utils.data.DataLoader(examples(), batch_size=2)
        if raises:
            with pytest.raises(raises[0], match=raises[1]):
                trainer.fit(module, loader)
        else:
            trainer.fit(module, loader)
        return trainer, module

    def module(self, **methods):
        pl = pytest.importorskip("lightning.pytorch")

        def __init__(self):  # noqa: N807 - it becomes a method below
            pl.LightningModule.__init__(self)
            self.net = Net()

        def training_step(self, batch, _):
            return self.net(**batch)["loss"]

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)

        methods = {
            "__init__": __init__,
            "training_step": training_step,
            "configure_optimizers": configure_optimizers,
        } | methods
        return type("Module", (pl.LightningModule,), methods)()

    def test_the_lines_of_the_readme_run(self):
        pl = pytest.importorskip("lightning.pytorch")
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = partial(pl.Trainer, max_steps=2, accelerator="cpu", **quiet)
        data = torch.utils.data.DataLoader(examples(), batch_size=2)
        ran = run_readme("lightning", Trainer=trainer, module=self.module(), data=data)
        assert len(ran["callback"].recording) == 2

    def callback(self, *args, **how):
        pytest.importorskip("lightning")
        from gradlab.frameworks.lightning import RecorderCallback

        return RecorderCallback(*args, **how)

    @pytest.mark.parametrize(
        ("how", "rule", "steps"),
        [
            ({}, clip.ByNorm(0.5, nonfinite="allow"), 12),
            ({"accumulate_grad_batches": 3}, clip.ByNorm(0.5, nonfinite="allow"), 4),
            ({"gradient_clip_algorithm": "value"}, clip.ByValue(0.5, nonfinite="allow"), 12),
            ({"precision": "bf16-mixed"}, clip.ByNorm(0.5, nonfinite="allow"), 12),
            ({"gradient_clip_val": None}, None, 12),
        ],
        ids=["norm", "accumulated", "value", "bf16", "none"],
    )
    def test_it_clips_once_and_bit_for_bit_as_lightning(self, tmp_path, how, rule, steps):
        callback = self.callback()
        _, alone = self.trained(**how)
        trainer, module = self.trained([callback], **how)
        assert same(module, alone)
        assert callback.recording.fired.any() == (rule is not None)
        usable(callback.recording, rule, steps, tmp_path)
        assert trainer.gradient_clip_val == how.get("gradient_clip_val", 0.5)
        assert closed(trainer.optimizers[0])

    def test_a_rule_that_is_given_clips_instead(self, tmp_path):
        callback = self.callback(clip.ZClip(warmup_steps=3))
        self.trained([callback])
        usable(callback.recording, clip.ZClip(warmup_steps=3), 12, tmp_path)

    def test_when_training_raises_all_is_put_back(self):
        def training_step(self, batch, at):
            if at == 5:
                raise ArithmeticError("it went wrong")
            return self.net(**batch)["loss"]

        callback = self.callback()
        module = self.module(training_step=training_step)
        trainer, _ = self.trained([callback], module, (ArithmeticError, "it went wrong"))
        assert len(callback.recording) == 5
        assert trainer.gradient_clip_val == 0.5
        assert closed(trainer.optimizers[0])

    @pytest.mark.parametrize(
        ("methods", "error", "words"),
        [
            (
                {
                    "configure_optimizers": lambda self: [
                        torch.optim.SGD(layer.parameters(), lr=0.1)
                        for layer in (self.net.body[0], self.net.body[2])
                    ],
                    "training_step": lambda self, batch, _: None,
                },
                (ValueError, RuntimeError),
                "one optimizer|multiple optimizers",
            ),
            (
                {"configure_gradient_clipping": lambda self, *args, **how: None},
                ValueError,
                "configure_gradient_clipping must be Lightning's own",
            ),
            (
                {
                    "configure_optimizers": lambda self: torch.optim.SGD(
                        self.net.body[0].parameters(), lr=0.1
                    )
                },
                ValueError,
                "does not update net.body.2.weight",
            ),
            (
                {"configure_optimizers": lambda self: torch.optim.LBFGS(self.parameters())},
                TypeError,
                "one gradient for each step, got LBFGS",
            ),
        ],
        ids=["two optimizers", "own clipping", "not all parameters", "LBFGS"],
    )
    def test_what_cannot_work_is_refused_before_anything_is_taken(self, methods, error, words):
        callback = self.callback()
        trainer, _ = self.trained([callback], self.module(**methods), (error, words))
        assert trainer.gradient_clip_val == 0.5
        with pytest.raises(RuntimeError, match="no training has begun"):
            _ = callback.recording

    def test_manual_optimization_and_unknown_algorithms_are_refused(self):
        callback, module = self.callback(), self.module()
        module.automatic_optimization = False
        words = "automatic_optimization must be True"
        self.trained([callback], module, (ValueError, words), gradient_clip_val=None)
        pl = pytest.importorskip("lightning.pytorch")
        trainer = pl.Trainer(accelerator="cpu", logger=False, gradient_clip_val=1.0)
        trainer.gradient_clip_algorithm = "median"
        module = self.module()
        trainer.strategy._optimizers = [module.configure_optimizers()]
        with pytest.raises(ValueError, match="must be 'norm' or 'value', got 'median'"):
            callback.on_train_start(trainer, module)


class TestAccelerate:
    def prepared(self):
        accelerate = pytest.importorskip("accelerate")
        accelerator = accelerate.Accelerator(cpu=True, gradient_accumulation_steps=2)
        model = Net()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        loader = torch.utils.data.DataLoader(examples(), batch_size=2)
        return accelerator, *accelerator.prepare(model, optimizer, loader)

    def loop(self, accelerator, model, optimizer, loader, ask):
        norms = []
        for batch in loader:
            with accelerator.accumulate(model):
                accelerator.backward(model(**batch)["loss"])
                if accelerator.sync_gradients:
                    norms.append(ask(accelerator, model))
                optimizer.step()
                optimizer.zero_grad()
        return norms

    def test_the_lines_of_the_readme_run(self):
        accelerator, model, optimizer, loader = self.prepared()

        def train(model, optimizer):
            ask = lambda acc, model: acc.clip_grad_norm_(model.parameters(), 0.5)  # noqa: E731
            self.loop(accelerator, model, optimizer, loader, ask)

        here = {"accelerator": accelerator, "model": model, "optimizer": optimizer}
        ran = run_readme("accelerate", train=train, **here)
        assert len(ran["recorder"].recording) == 6

    def record(self, *args, **how):
        pytest.importorskip("accelerate")
        from gradlab.frameworks.accelerate import record

        return record(*args, **how)

    @pytest.mark.parametrize(
        ("ask", "rule"),
        [
            (
                lambda accelerator, model: accelerator.clip_grad_norm_(model.parameters(), 0.5),
                clip.ByNorm(0.5, nonfinite="allow"),
            ),
            (
                lambda accelerator, model: accelerator.clip_grad_norm_(model.parameters(), 0.5, 1),
                clip.ByNorm(0.5, 1.0, nonfinite="allow"),
            ),
            (
                lambda accelerator, model: accelerator.clip_grad_value_(model.parameters(), 0.1),
                clip.ByValue(0.1, nonfinite="allow"),
            ),
            (lambda accelerator, model: None, None),
        ],
        ids=["norm", "1-norm", "value", "none"],
    )
    def test_it_clips_once_and_bit_for_bit_as_accelerate(self, tmp_path, ask, rule):
        alone = self.prepared()
        norms = self.loop(*alone, ask)
        mine = self.prepared()
        with self.record(*mine[:3]) as recorder:
            assert self.loop(*mine, ask) == norms
        assert same(mine[1], alone[1])
        assert recorder.recording.fired.any() == (rule is not None)
        usable(recorder.recording, rule, 6, tmp_path)
        assert "clip_grad_norm_" not in vars(mine[0])
        assert closed(mine[2].optimizer)

    def test_a_rule_that_is_given_clips_instead(self, tmp_path):
        mine = self.prepared()
        with self.record(*mine[:3], clip=clip.PerLayer(0.1)) as recorder:
            self.loop(*mine, lambda acc, model: acc.clip_grad_norm_(model.parameters(), 0.5))
        usable(recorder.recording, clip.PerLayer(0.1), 6, tmp_path)

    def test_when_training_raises_all_is_put_back(self):
        def ask(accelerator, model):
            accelerator.clip_grad_norm_(model.parameters(), 0.5)
            if len(recorder.recording) == 3:
                raise ArithmeticError("it went wrong")

        mine = self.prepared()
        with pytest.raises(ArithmeticError), self.record(*mine[:3]) as recorder:
            self.loop(*mine, ask)
        assert len(recorder.recording) == 3
        assert "clip_grad_norm_" not in vars(mine[0])
        assert closed(mine[2].optimizer)

    def test_what_cannot_work_is_refused(self):
        accelerator, model, optimizer, loader = self.prepared()
        other = Net()
        other.body[0].weight.grad = torch.ones(6, 4)
        bounds = iter((1.0, 2.0))
        with pytest.raises(TypeError, match="accelerator must be an Accelerator, got Net"):
            self.record(other, model, optimizer).__enter__()
        with self.record(accelerator, model, optimizer):
            with pytest.raises(ValueError, match="by one recorder at a time"):
                self.record(accelerator, model, optimizer).__enter__()
            with pytest.raises(ValueError, match="must be all that the recorded optimizer updates"):
                self.loop(
                    accelerator,
                    model,
                    optimizer,
                    loader,
                    lambda acc, model: acc.clip_grad_norm_(model.body[0].parameters(), 1.0),
                )
            accelerator.clip_grad_norm_(other.parameters(), 1.0)  # not ours: clipped as ever
            assert other.body[0].weight.grad.norm() == pytest.approx(1.0)
            with pytest.raises(ValueError, match="clip must stay what it was at the first step"):
                self.loop(
                    accelerator,
                    model,
                    optimizer,
                    loader,
                    lambda acc, model: acc.clip_grad_norm_(model.parameters(), next(bounds)),
                )
        accelerator.state.distributed_type, kept = "DEEPSPEED", accelerator.distributed_type
        with pytest.raises(TypeError, match="got DEEPSPEED, which keeps and clips them by itself"):
            self.record(accelerator, model, optimizer).__enter__()
        accelerator.state.distributed_type = kept
