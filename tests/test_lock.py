"""Two processes never hold one job; a dead owner's lock is taken over, by one process only."""

import multiprocessing
import os
import signal
import socket
import time

import pytest

from januspore.simulate import lock
from januspore.simulate.lock import Busy, locked


def test_a_held_lock_is_refused_and_freed_at_the_end(tmp_path):
    with locked(tmp_path), pytest.raises(Busy, match=f"process {os.getpid()}"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_it_is_freed_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path):
        raise ZeroDivisionError
    assert not (tmp_path / "lock").exists()


def hold(folder, ready):
    with locked(folder):
        ready.set()
        time.sleep(60)


def test_the_lock_of_a_killed_process_is_taken_over(tmp_path):
    ready = multiprocessing.Event()
    process = multiprocessing.Process(target=hold, args=(tmp_path, ready))
    process.start()
    assert ready.wait(30)
    with pytest.raises(Busy), locked(tmp_path):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with locked(tmp_path):
        assert str(os.getpid()) in (tmp_path / "lock").read_text()


def test_another_host_is_judged_by_its_silence(tmp_path):
    path = tmp_path / "lock"
    path.write_text("another-host 1 abc")
    with pytest.raises(Busy, match="another-host"), locked(tmp_path):
        pass
    silent = time.time() - lock.STALE_S - 1
    os.utime(path, (silent, silent))
    with locked(tmp_path):
        assert lock.here() in path.read_text()


def test_before_a_restart_of_the_host_numbers_were_others(tmp_path):
    """A lock of this host's name, but of before, is not taken for that of a process of now."""
    path = tmp_path / "lock"
    path.write_text(f"{socket.gethostname()}/before/1 {os.getpid()} abc")
    silent = time.time() - lock.STALE_S - 1
    os.utime(path, (silent, silent))
    with locked(tmp_path):
        assert path.read_text().startswith(lock.here())


def contend(folder, wins, start):
    start.wait()
    try:
        with locked(folder):
            with wins.get_lock():
                wins.value += 1
            time.sleep(1.0)
    except Busy:
        pass


@pytest.mark.parametrize("stale", [False, True])
def test_of_many_that_come_at_once_one_gets_it(tmp_path, stale):
    if stale:
        (tmp_path / "lock").write_text(f"{lock.here()} 999999999 abc")
    wins, start = multiprocessing.Value("i", 0), multiprocessing.Event()
    crowd = [
        multiprocessing.Process(target=contend, args=(tmp_path, wins, start)) for _ in range(8)
    ]
    for process in crowd:
        process.start()
    start.set()
    for process in crowd:
        process.join()
    assert wins.value == 1


def test_a_live_owner_keeps_touching_its_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "HEARTBEAT_S", 0.05)
    with locked(tmp_path):
        path = tmp_path / "lock"
        os.utime(path, (0, 0))
        time.sleep(0.5)
        assert time.time() - path.stat().st_mtime < 10
