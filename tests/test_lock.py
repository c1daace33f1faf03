"""Locks: one process per job, and takeover of a dead owner's lock by exactly one process."""

import multiprocessing
import os
import signal
import socket
import time

import pytest
from helpers import free_model, thermal_state, tiny_point
from test_record import rows

from januspore.files import check_fences, written_aside
from januspore.run.operations import _alone
from januspore.simulate.driver import Checkpoints
from januspore.simulate.layout import trajectory
from januspore.simulate.record import RecordFiles
from januspore.space import lock
from januspore.space.dataspace import dump, open_project
from januspore.space.lock import Busy, Lost, locked


def test_a_held_lock_is_refused_and_released_at_the_end(tmp_path):
    with locked(tmp_path), pytest.raises(Busy, match=f"process {os.getpid()}"), locked(tmp_path):
        pass
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_released_after_an_error(tmp_path):
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


def test_the_lock_of_another_host_is_taken_over_if_it_is_not_renewed(tmp_path):
    path = tmp_path / "lock"
    path.write_text("another-host 1 abc")
    with pytest.raises(Busy, match="another-host"), locked(tmp_path):
        pass
    silent = time.time() - lock.STALE_S - 1
    os.utime(path, (silent, silent))
    with locked(tmp_path):
        assert lock.here() in path.read_text()


def test_a_lock_from_before_a_restart_of_the_host_is_taken_over(tmp_path):
    """After a restart the number of its process may belong to another process."""
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
def test_of_many_processes_at_once_one_gets_the_lock(tmp_path, stale):
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


def test_a_live_owner_renews_its_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "HEARTBEAT_S", 0.05)
    with locked(tmp_path):
        path = tmp_path / "lock"
        os.utime(path, (0, 0))
        time.sleep(0.5)
        assert time.time() - path.stat().st_mtime < 10


# --- a suspended owner -------------------------------------------------------------------------


def silence(path):
    """Set a lock's time as if its owner had not renewed it for some seconds."""
    silent = time.time() - lock.STALE_S - 1
    os.utime(path, (silent, silent))


def write(path, text):
    with written_aside(path) as aside:
        aside.write_text(text)


def stops_and_writes_again(folder):
    """Suspend this process between two writes, as a host that sleeps would."""
    with locked(folder):
        write(folder / "checkpoint", "the sleeper's")
        os.kill(os.getpid(), signal.SIGSTOP)
        write(folder / "checkpoint", "the sleeper's")


def test_a_suspended_owner_does_not_overwrite_files_of_the_new_owner(tmp_path, monkeypatch):
    sleeper = multiprocessing.Process(target=stops_and_writes_again, args=(tmp_path,))
    sleeper.start()
    try:
        _, status = os.waitpid(sleeper.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        silence(tmp_path / "lock")
        monkeypatch.setattr(lock, "here", lambda: "another/host")
        with locked(tmp_path):
            write(tmp_path / "checkpoint", "the new owner's")
            os.kill(sleeper.pid, signal.SIGCONT)
            sleeper.join(30)
            assert sleeper.exitcode == 1  # it ended with an error
            assert (tmp_path / "checkpoint").read_text() == "the new owner's"
            assert (tmp_path / "lock").read_text().startswith("another/host")
    finally:
        sleeper.kill()
        sleeper.join()
    assert {p.name for p in tmp_path.iterdir()} == {"checkpoint"}


@pytest.fixture
def lost(tmp_path, monkeypatch):
    """A folder whose lock this process held until another host took it over."""
    with pytest.raises(Lost), locked(tmp_path):
        (tmp_path / "lock").unlink()
        (tmp_path / "lock").write_text("another/host 7 abc")
        yield tmp_path
        check_fences()


def test_no_file_of_a_run_changes_once_its_lock_is_lost(lost):
    model = free_model(1, 4, (1.3, 1.3, 1.3))
    files, checkpoints = RecordFiles(lost), Checkpoints(lost, model, "owner")
    with pytest.raises(Lost, match="process 7 on another/host"):
        files.append(rows(1, 4))
    with pytest.raises(Lost):
        checkpoints.write(thermal_state(model))
    with pytest.raises(Lost):
        files.rewind(0)
    with pytest.raises(Lost):
        files.consolidate({})
    left = [p.name for p in lost.rglob("*") if p.is_file() and not p.name.startswith(".")]
    assert left == ["lock"]


def test_a_job_whose_lock_is_lost_is_skipped_and_not_marked_as_failed(tmp_path, capsys):
    """`run` continues with other jobs, as the new owner simulates this one."""
    job = open_project(tmp_path).open_job(dump(tiny_point("equilibrate"))).init()

    def work():
        (trajectory(job) / "lock").write_text("another/host 7 abc")
        write(trajectory(job) / "record.h5", "old")

    _alone(job, work)
    assert "passed over: its lock was taken over" in capsys.readouterr().err
    assert not (trajectory(job) / "record.h5").exists()


def test_a_writer_whose_temporary_file_was_removed_reports_the_lost_lock(lost):
    with pytest.raises(Lost), written_aside(lost / "record.h5") as aside:
        aside.write_text("half")
        aside.unlink()
