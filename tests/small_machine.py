"""Run a command on a small machine, such as mybinder.org gives: 2 GB of memory and one core.

    python tests/small_machine.py COMMAND [ARGUMENT ...]

A control group of Linux counts the memory of the command and of all that it starts, and kills what
takes more; that it does so is tried out first. Where no such group is to be had, the command runs
on one core only, and a sentence says why; with GRADLAB_REQUIRE_LIMIT=1 that is an error.
"""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
MEMORY = 2_000_000_000  # bytes
LIMIT = f"{MEMORY / 1e9:g} GB"


def main(command):
    """The exit status of the command; not 0 if something in it took too much memory."""
    take_one_core()
    with ExitStack() as machine:
        try:
            group = machine.enter_context(limited_memory())
        except OSError as error:
            said = f"small machine: no limit of {LIMIT} here: {error}"
            if os.environ.get("GRADLAB_REQUIRE_LIMIT") == "1":
                sys.exit(f"{said} (and GRADLAB_REQUIRE_LIMIT=1)")
            print(said, file=sys.stderr, flush=True)
            return subprocess.run(command).returncode
        before = killed(group)
        status = subprocess.run(command).returncode
        if killed(group) > before:
            sys.exit(f"small machine: {' '.join(command)} took more than {LIMIT}")
        return status


def take_one_core():
    """Leave one core to this process and to what it starts, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])


@contextmanager
def limited_memory():
    """Put this process, and what it starts, in a control group; OSError where that fails."""
    own, parent, limits = place()
    if not (parent / "cgroup.procs").exists():
        raise FileNotFoundError(f"{parent} is not a control group")
    group = parent / f"gradlab-{os.getpid()}"
    group.mkdir()
    try:
        for name, limit in limits.items():
            (group / name).write_text(str(limit))
        enter(group)
        greedy = subprocess.run([sys.executable, "-c", f"b'x' * {MEMORY}"])
        if greedy.returncode != -signal.SIGKILL:
            raise OSError(f"{group} let a process take more")
        yield group
    finally:
        enter(own)
        remove(group)


def place():
    """Our own group, the one in which to make another, and the files that limit that one."""
    lines = Path("/proc/self/cgroup").read_text().splitlines()
    paths = {names: path[1:] for _, names, path in (line.split(":", 2) for line in lines)}
    if "memory" in paths:  # version 1
        own = GROUPS / "memory" / paths["memory"]
        return own, own, {"memory.limit_in_bytes": MEMORY, "memory.memsw.limit_in_bytes": MEMORY}
    own = GROUPS / paths.get("", "")  # version 2: no limits inside a group that holds processes
    parent = own if own == GROUPS else own.parent
    return own, parent, {"memory.max": MEMORY, "memory.swap.max": 0}


def enter(group):
    """Move this process."""
    (group / "cgroup.procs").write_text("0")  # 0 is the process that writes


def remove(group):
    """End what still runs in the group, and take the group away."""
    for process in (group / "cgroup.procs").read_text().split():
        os.kill(int(process), signal.SIGKILL)
    deadline = time.monotonic() + 5
    while True:
        try:
            return group.rmdir()
        except OSError:  # its last process is still ending
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def killed(group):
    """How many processes had to end because the group was full."""
    counts = [group / "memory.oom_control", group / "memory.events"]  # of version 1, of version 2
    text = next(file for file in counts if file.exists()).read_text()
    return int(re.search(r"^oom_kill (\d+)", text, re.MULTILINE)[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
