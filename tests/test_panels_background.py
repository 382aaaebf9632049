"""Background work starts, stops, ends and fails as it says, and does not outlive its object."""

import gc
import itertools
import subprocess
import sys
import threading
import time
import weakref

import ipykernel.kernelbase
import kernels
import pytest

from gradlab.panels import background
from gradlab.panels import kernel as asked
from gradlab.panels.background import Background, Player


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "gradlab Counter"]


class Counter:
    """Work that counts its turns, and tells by events how far it is."""

    def __init__(self, kind=Background, turns=10_000):
        self.turns, self.last = itertools.count(1), turns
        self.begun, self.rested, self.pause = threading.Event(), [], 0.001
        self.background = kind(self)

    def turn(self):
        self.begun.set()
        return self.pause if next(self.turns) < self.last else None

    def rest(self, error):
        self.rested.append(error)


def test_work_that_ends_is_done_and_rests():
    counter = Counter(turns=3)
    counter.background.start()
    assert counter.background.wait(10)
    assert not counter.background.going
    assert counter.rested == [None]
    assert next(counter.turns) == 4


def test_it_can_start_again_and_rests_after_each_start():
    counter = Counter()
    for starts in (1, 2):
        counter.background.start()
        counter.background.start()
        assert len(threads()) == 1
        counter.background.stop()
        assert counter.rested == [None] * starts
        assert threads() == []


def test_a_stop_does_not_wait_for_a_pause(monkeypatch):
    monkeypatch.setattr(background, "_PIECE", 60)
    counter = Counter()
    counter.pause = 60
    counter.background.start()
    assert counter.begun.wait(10)
    began = time.perf_counter()
    counter.background.stop()
    assert time.perf_counter() - began < 30


def test_a_start_during_the_last_turn_is_not_lost():
    counter = Counter(turns=1)
    turn = counter.turn

    def once_more():
        if not counter.begun.is_set():
            counter.background.start()
        return turn()

    counter.turn = once_more
    counter.background.start()
    assert counter.background.wait(10)
    assert next(counter.turns) == 3


def test_it_does_not_keep_its_work_alive():
    counter = Counter()
    counter.background.start()
    (thread,) = threads()
    gone = weakref.ref(counter)
    del counter
    gc.collect()
    thread.join(10)
    assert gone() is None
    assert not thread.is_alive()


def test_what_is_closed_does_not_start_and_tells_nobody():
    counter = Counter()
    counter.background.start()
    counter.background.close()
    counter.background.start()
    assert counter.background.wait(10)
    assert counter.rested == []


def test_a_failing_turn_ends_the_work_and_reaches_the_log(monkeypatch):
    logged = []
    monkeypatch.setattr(threading, "excepthook", lambda args: logged.append(args.exc_value))
    counter = Counter()
    counter.turn = lambda: 1 / 0
    counter.background.start()
    assert counter.background.wait(10)
    assert not counter.background.going
    assert counter.rested == logged
    assert isinstance(logged[0], ZeroDivisionError)


def test_one_player_plays_and_other_work_goes_on_beside_it():
    work, first, second = Counter(), Counter(Player), Counter(Player)
    for each in (work, first, second):
        each.background.start()
    assert [each.background.going for each in (work, first, second)] == [True, False, True]
    Counter(Player)
    assert not second.background.going
    work.background.stop()


AT_EXIT = """
from gradlab.panels.background import Background
class Slow:
    def turn(self):
        begun.set()
        {slow}
        print("whole")
        return None
    def rest(self, error): print("rested")
import threading, time
begun = threading.Event()
slow = Slow()
background = Background(slow)
background.start()
begun.wait()
"""


def test_an_interpreter_that_ends_waits_for_the_last_turn():
    code = AT_EXIT.format(slow="time.sleep(0.5)")
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == ["whole"]


# Interrupts


@pytest.mark.parametrize("name", ["get_parent", *asked.HOOKS])
def test_ipykernel_still_has_the_names_that_the_panels_ask_it_for(name):
    assert callable(getattr(ipykernel.kernelbase.Kernel, name))


def test_without_those_names_nothing_breaks(monkeypatch):
    class Other:
        pass

    monkeypatch.setattr(asked, "_kernel", Other)
    assert asked.running() is None


PLAYED = """
import asyncio, itertools, threading, time
from gradlab.panels.background import Player
class Counter:
    def __init__(self):
        self.turns = 0
        self.player = Player(self)
    def turn(self):
        self.turns += 1
        return 0.001
    def rest(self, error):
        print("rested", flush=True)
counter = Counter()
counter.player.start()
"""


@pytest.fixture(scope="module")
def kernel():
    with kernels.kernel() as kernel:
        yield kernel


@pytest.mark.parametrize(
    "busy",
    [
        "",
        "print('now', flush=True); time.sleep(60)",
        "print('now', flush=True)\nwhile True: sum(range(1000))",
        "print('now', flush=True); await asyncio.sleep(5)",
    ],
    ids=["idle", "sleeps", "computes", "awaits"],
)
def test_an_interrupt_of_the_kernel_stops_the_work_whatever_the_kernel_does(kernel, busy):
    kernel.run(PLAYED)
    if busy:
        kernel.send(busy, "busy")
        kernel.wait_for("now")
    kernel.interrupt()
    kernel.wait_for("rested")
    if busy:
        kernel.wait_for_idle()
    assert kernel.run("print(counter.player.going)") == "False"
