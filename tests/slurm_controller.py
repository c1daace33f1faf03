"""A SLURM cluster for tests: munge, a controller and one node, in a temporary folder."""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol")
#: Folders of the daemons on Debian, which are not on every user's PATH.
SEARCH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/usr/local/sbin"])

CONFIGURATION = """
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1
ReturnToService=2
SlurmdTimeout=10
OverTimeLimit=0
KillWait=20
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory={memory_MB} State=UNKNOWN
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """Programs of SLURM and munge that are not installed here."""
    return [name for name in PROGRAMS if shutil.which(name, path=SEARCH) is None]


class Slurm:
    """The running cluster; with `environment` SLURM's client programs use it."""

    def __init__(self, folder):
        self.folder, self.node = folder, None
        for name in ("munge", "state", "spool"):
            (folder / name).mkdir(mode=0o700)
        configuration = folder / "slurm.conf"
        ports = _free_ports(2)
        memory_MB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        configuration.write_text(
            CONFIGURATION.format(
                folder=folder,
                user=getpass.getuser(),
                controller_port=ports[0],
                node_port=ports[1],
                memory_MB=memory_MB,
            )
        )
        self._mark = f"SLURM_CONF={configuration}"
        self.environment = {"SLURM_CONF": str(configuration), "PATH": SEARCH}
        key = folder / "munge" / "key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        munge = {name: f"--{name}-file={folder}/munge/{name}" for name in ("key", "pid", "seed")}
        self._munged = self._start(
            "munged", "--foreground", "--force", f"--socket={folder}/munge/socket", *munge.values()
        )
        self._wait(lambda: (folder / "munge" / "socket").exists())
        self._controller = self._start("slurmctld", "-D", "-c")
        self._wait(lambda: self.query("scontrol", "ping").count(" UP") == 1)
        self.boot_node()

    def boot_node(self):
        """Start the node's daemon, and wait until jobs can run there."""
        self.node = self._start("slurmd", "-D", "-N", "localhost")
        self._wait(lambda: self.query("sinfo", "-h", "-o", "%t") in ("idle", "mix", "alloc"))

    def kill_node(self):
        """Simulate the loss of the node: kill its daemon and jobs, and wait until SLURM reacts."""
        for pid in self._processes() - {self._controller.pid, self._munged.pid}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.node.wait()
        self._wait(lambda: self.query("sinfo", "-h", "-o", "%t").startswith("down"), 120)

    def query(self, *command):
        """Return the output of a client program, '' if it fails."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        ).stdout.strip()

    def queue(self):
        """Ids of the jobs that are pending, running or completing."""
        return self.query("squeue", "-h", "-o", "%i").split()

    def state(self, job):
        """State of a job, such as COMPLETED."""
        fields = self.query("scontrol", "show", "job", job).split()
        return next(field for field in fields if field.startswith("JobState=")).split("=")[1]

    def wait_for(self, job, state, seconds=240):
        """Wait until a job has a given state."""
        self._wait(lambda: self.state(job) == state, seconds)

    def drain(self, seconds=600):
        """Wait until the queue is empty."""
        self._wait(lambda: not self.queue(), seconds)

    def stop(self):
        """End all processes that this module started."""
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in (self.node, self._controller, self._munged):
            if process is not None:
                process.kill()
                process.wait()

    def _start(self, name, *options):
        program = shutil.which(name, path=SEARCH)
        with (self.folder / f"{name}.log").open("ab") as log:
            environment = {**os.environ, **self.environment}
            return subprocess.Popen([program, *options], env=environment, stdout=log, stderr=log)

    def _processes(self):
        """Processes of this cluster, found by the configuration in their environment."""
        found = set()
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if self._mark in (entry / "environ").read_text(errors="replace").split("\0"):
                    found.add(int(entry.name))
        return found

    def _wait(self, done, seconds=60):
        until = time.monotonic() + seconds
        while not done():
            if time.monotonic() > until:
                logs = {path.name: path.read_text()[-1500:] for path in self.folder.glob("*.log")}
                raise TimeoutError(f"{logs} {self.query('squeue')}")
            time.sleep(0.2)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
