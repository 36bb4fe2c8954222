"""Start one training in several processes: torchrun on this machine, or one torchrun on every node that SLURM gave.

What starts here never trains itself. It hands on the processes' output, passes on the first signal that asks to stop,
and waits until every process has saved and ended.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from neuroquant.errors import InputError
from neuroquant.files import write_text
from neuroquant.job import THREAD_VARIABLES
from neuroquant.training.job_file import JobFile, failure_of

PACKAGE = str(Path(__file__).parents[2])


def launch(job: JobFile, processes: int, nodes: int) -> None:
    """Train `job` in so many processes together, on this machine or dealt out evenly over the nodes of this SLURM job.

    Raises
    ------
    InputError
        Whatever `run.train` raises in one of them; or if several nodes are wanted and this isn't a job of SLURM's
        that has them.
    RuntimeError
        If they end in another way; their output, handed on, says why.
    """
    path = job.checkpoints / "job.json"  # seen by all nodes, unlike a temporary folder
    write_text(path, job.model_dump_json(indent=2) + "\n")
    failure = failure_of(path)
    failure.unlink(missing_ok=True)
    each = processes // nodes
    if nodes == 1:
        status = follow(torchrun(path, each, "--standalone"), stop_child, environment(job.threads))
    else:
        hosts = nodes_of_this_job(nodes)
        print(f"{processes} processes on {', '.join(hosts)}", file=sys.stderr)
        # the batch script runs on the first node, so a port that is free here is free there
        rendezvous = [path, each, nodes, hosts[0], free_port()]
        status = follow(srun(rendezvous, nodes, each * job.threads), stop_steps, environment(job.threads))
    if failure.exists():
        raise InputError(**json.loads(failure.read_text(encoding="utf-8")))
    if status:
        raise RuntimeError(f"the {processes} processes of this training ended with status {status}; see above")


def torchrun(path: Path, each: int, *rendezvous: str) -> list[str]:
    """Command that trains a job file in `each` processes on this machine."""
    start = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={each}", *rendezvous]
    return [*start, "-m", "neuroquant.training", str(path)]


def srun(arguments: list[object], nodes: int, cores: int) -> list[str]:
    """Command that runs this module once on every node of the SLURM job."""
    shape = [f"--nodes={nodes}", f"--ntasks={nodes}", "--ntasks-per-node=1", f"--cpus-per-task={cores}"]
    step = ["srun", *shape, "--kill-on-bad-exit=1", "--export=ALL", sys.executable, "-m", "neuroquant.training.launch"]
    return [*step, *map(str, arguments)]


def nodes_of_this_job(nodes: int) -> list[str]:
    """Names of the nodes that SLURM gave to this job, in its order.

    Raises
    ------
    InputError
        If there is no such job, or it has another number of nodes.
    """
    job, given = os.environ.get("SLURM_JOB_ID"), os.environ.get("SLURM_JOB_NODELIST")
    hosts: list[str] = []
    if job:
        # the executor drops most of SLURM's variables before a job's own script runs
        given = given or told("squeue", "--noheader", f"--jobs={job}", "--format=%N")
        hosts = told("scontrol", "show", "hostnames", given).split()
    if len(hosts) != nodes:
        raise InputError(
            "compute.nodes",
            f"{nodes}, but " + (f"SLURM gave {', '.join(hosts)}" if job else "this isn't a job of SLURM's"),
            "a job on as many nodes",
            "run it through `snakemake --profile slurm`, or set compute.nodes: 1",
        )
    return hosts


def told(*command: str) -> str:
    """What a command of SLURM's prints."""
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout.strip()


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as free:
        free.bind(("", 0))
        return free.getsockname()[1]


def environment(threads: int) -> dict[str, str]:
    """Variables for the processes: they find this package and use `threads` threads each."""
    path = os.pathsep.join([PACKAGE, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads)), "PYTHONPATH": path}


def stop_child(process: subprocess.Popen) -> None:
    """Ask torchrun to stop; it asks every process."""
    process.send_signal(signal.SIGTERM)


def stop_steps(process: subprocess.Popen) -> None:
    """Ask the tasks on all nodes to stop; a signal to srun itself would kill them before they have saved.

    Where SLURM itself ends the job they have been asked already, and scancel would try again after five seconds: by
    then a requeued job, which keeps its number, may have started again.
    """
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(["scancel", "--signal=TERM", os.environ["SLURM_JOB_ID"]], check=False, timeout=3)


def follow(command: list[str], stop: Callable[[subprocess.Popen], None], variables: dict[str, str]) -> int:
    """Run a command to its end with its output on stderr, and return its status.

    SLURM and terminals signal every process of a group, some of them twice; torchrun forgets to wait when it is asked
    twice. So the command gets a session of its own, and only the first signal is passed on, by `stop`.
    """
    started: list[subprocess.Popen] = []
    signals: list[int] = []

    def pass_on(number: int, frame: object) -> None:
        signals.append(number)
        if len(signals) == 1 and started:
            stop(started[0])

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
    try:
        with subprocess.Popen(command, env=variables, start_new_session=True, **output) as process:
            started.append(process)
            if signals:  # came before there was anything to stop
                stop(process)
            reader = threading.Thread(target=hand_on, args=(process.stdout,))
            reader.start()
            # not one long wait: a signal that comes just before the system call would lie until the call returns
            while process.poll() is None:
                time.sleep(0.1)
            reader.join()
            return process.returncode
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def hand_on(lines: Iterable[str]) -> None:
    """Write lines to stderr as they come."""
    for line in lines:
        sys.stderr.write(line)


def on_this_node(path: str, each: str, nodes: str, address: str, port: str) -> int:
    """torchrun for this node's processes of a training over several nodes; SLURM says which node it is."""
    where = [f"--nnodes={nodes}", f"--node-rank={os.environ['SLURM_NODEID']}"]
    command = torchrun(Path(path), int(each), *where, f"--master-addr={address}", f"--master-port={port}")
    return follow(command, stop_child, dict(os.environ))


if __name__ == "__main__":
    sys.exit(on_this_node(*sys.argv[1:]))
