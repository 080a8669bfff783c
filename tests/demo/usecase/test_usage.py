import subprocess
import sys

from demo.usecase.usage import Watch

HOLD = "block = b'x' * (64 << 20); sum(range(2_000_000)); print('ready', flush=True); input()"


def test_a_childs_memory_and_time_are_seen() -> None:
    with (
        Watch() as watch,
        subprocess.Popen(
            [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child,
    ):
        assert child.stdout
        child.stdout.readline()
        watch.look()
        child.communicate(b"\n")
    used = watch.used[child.pid]
    assert used.peak_megabytes > 64
    assert used.cpu_seconds > 0
    assert used.seconds > 0
    assert used.command[1] == "-c"
