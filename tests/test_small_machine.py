"""A small machine really is small, and says so where it cannot be."""

import os
import subprocess
import sys

import pytest
import small_machine

pytestmark = pytest.mark.once

SCRIPT = small_machine.__file__
TOO_MUCH = f"b'x' * {small_machine.MEMORY}"


def small(*command, **environment):
    """What a Python that runs this code on a small machine returns, prints and says."""
    done = subprocess.run(
        [sys.executable, SCRIPT, sys.executable, "-c", *command],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=60,
    )
    return done.returncode, done.stdout.strip(), done.stderr.strip()


@pytest.fixture(scope="module")
def limited():
    """A machine that can be made small; where it has to be, it is not enough to skip."""
    code, _, said = small("", GRADLAB_REQUIRE_LIMIT="1")
    if code and os.environ.get("GRADLAB_REQUIRE_LIMIT") != "1":
        pytest.skip(said)
    assert code == 0, said


def test_a_command_that_takes_more_than_the_limit_is_killed(limited):
    code, printed, said = small(f"print('alive', flush=True); {TOO_MUCH}; print('still alive')")
    assert (code, printed) == (1, "alive")
    assert "took more than 2 GB" in said


def test_what_a_command_starts_counts_too(limited):
    code, printed, said = small(
        f"import subprocess, sys; print(subprocess.call([sys.executable, '-c', {TOO_MUCH!r}]))"
    )
    assert (code, printed) == (1, "-9")
    assert "took more than 2 GB" in said


def test_a_command_within_the_limit_keeps_its_exit_status(limited):
    assert small("print('well'); raise SystemExit(3)") == (3, "well", "")


def test_nothing_is_left_of_the_group_nor_of_a_process_that_outlives_the_command(limited):
    """A process that lived on would hold our end of its pipe open, and we would wait for it."""
    code, group, _ = small(
        "import subprocess, sys;"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
        "print(open('/proc/self/cgroup').read().split('gradlab-')[1].split()[0])"
    )
    assert code == 0
    assert not list(small_machine.GROUPS.rglob(f"gradlab-{group}"))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system binds no cores")
def test_a_command_has_one_core():
    _, printed, _ = small("import os; print(len(os.sched_getaffinity(0)))")
    assert printed == "1"


NO_GROUPS = f"""
import pathlib, sys
sys.path.insert(0, {os.path.dirname(SCRIPT)!r})
import small_machine
small_machine.GROUPS = pathlib.Path("/nowhere")
sys.exit(small_machine.main([sys.executable, "-c", "print('it runs')"]))
"""


@pytest.mark.parametrize(("required", "code", "printed"), [("0", 0, "it runs\n"), ("1", 1, "")])
def test_without_control_groups_a_command_runs_unlimited_or_fails_where_required(
    required, code, printed
):
    done = subprocess.run(
        [sys.executable, "-c", NO_GROUPS],
        capture_output=True,
        text=True,
        env=os.environ | {"GRADLAB_REQUIRE_LIMIT": required},
    )
    assert (done.returncode, done.stdout) == (code, printed)
    assert "no limit of 2 GB here: /nowhere" in done.stderr
