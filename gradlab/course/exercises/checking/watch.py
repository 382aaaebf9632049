"""Call what a student wrote: on a thread of its own, for a limited time, leaving no trace.

A signal could interrupt only the main thread, and a slider's callback may run on another; a trace
function would slow every line and fight with debuggers. So a worker makes the calls, and whoever
waits for it can stop waiting. An overdue worker is sent an exception, again and again, because a
bare ``except:`` may swallow one; a worker that even then does not end (it sleeps, say) is left
behind. Only C code that never lets go of the interpreter, as in ``sum(itertools.count())``, blocks.
"""

import ctypes
import gc
import io
import random
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Any

import numpy
import torch

CALL_SECONDS = 1.0
"""A call that takes longer is stopped."""
GRACE_SECONDS = 0.5
"""How long a stopped call may take to end before it is left behind."""
_ONE_AT_A_TIME = threading.Lock()  # what is put back would else be another check's

Call = tuple[Callable[..., Any], tuple[Any, ...]]
Outcome = tuple[Any, BaseException | None, float]


class Overdue(BaseException):
    """A call took too long; not an Exception, so that few handlers in its way catch it."""


class Worker:
    """A thread that makes calls for the one that asks, one at a time.

    Attributes:
        printed: what the last call printed.
        seconds: the time that all calls took together, without the waiting for the worker, which is
            long on a busy machine.
    """

    def __init__(self) -> None:
        self.printed = io.StringIO()
        self.seconds = 0.0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._answers: SimpleQueue[Outcome] = SimpleQueue()

    def call(
        self, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> tuple[Any, BaseException | None]:
        """The function's answer, and the exception that it raised instead; or raises Overdue."""
        self.printed.seek(0)
        self.printed.truncate()
        self._calls.put((function, arguments))
        try:
            answer, error, seconds = self._answers.get(timeout=CALL_SECONDS)
        except Empty:
            raise Overdue from None
        self.seconds += seconds
        return answer, error

    def _serve(self) -> None:
        try:
            while call := self._calls.get():
                self._answers.put(_outcome(*call))
        except Overdue:
            pass

    def end(self) -> None:
        """End the thread, interrupting its call where there is one."""
        self._calls.put(None)
        self.thread.join(0.05)
        deadline = time.monotonic() + GRACE_SECONDS
        while self.thread.is_alive() and time.monotonic() < deadline:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self.thread.ident or 0), ctypes.py_object(Overdue)
            )
            self.thread.join(0.05)


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
    torch.default_generator.manual_seed(0)  # random answers are the same at every call
    random.seed(0)
    numpy.random.seed(0)  # noqa: NPY002
    started = time.monotonic()
    try:
        return function(*arguments), None, time.monotonic() - started
    except Overdue:
        raise
    except BaseException as error:
        return None, error, time.monotonic() - started


@contextmanager
def watched() -> Iterator[Worker]:
    """A worker for a while; what its calls may change for the whole process is then put back.

    Grad mode and default device need no care, for every thread has its own.
    """
    worker = Worker()
    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=_gpus()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dtype, output, collects = torch.get_default_dtype(), sys.stdout, gc.isenabled()
        numbers, arrays = random.getstate(), numpy.random.get_state()  # noqa: NPY002
        gc.disable()  # Hypothesis follows collections, and fails in one at the end of a recursion
        torch.set_default_dtype(torch.float32)
        sys.stdout = _Diverted(output, worker)
        worker.thread.start()
        try:
            yield worker
        finally:
            worker.end()
            sys.stdout = output
            torch.set_default_dtype(dtype)
            random.setstate(numbers)
            numpy.random.set_state(arrays)  # noqa: NPY002
            if collects:
                gc.enable()


def _gpus() -> range:
    """The GPUs in use, whose random numbers count too; the others stay asleep."""
    return range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)


class _Diverted:
    """A standard output that keeps apart what a worker prints."""

    def __init__(self, output: Any, worker: Worker) -> None:
        self._output, self._worker = output, worker

    def write(self, text: str) -> int:
        prints = threading.current_thread() is self._worker.thread
        return int((self._worker.printed if prints else self._output).write(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._output, name)
