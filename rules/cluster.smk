"""What running through SLURM takes: GPUs of trainings, and three gaps of the executor."""

import re
import subprocess

PROCESSES_A_NODE = COMPUTE.gpus // COMPUTE.nodes

# `mpi` has the executor start our script itself on the first node, without srun; the script starts a task on every node
SEVERAL_NODES = (
    dict(nodes=COMPUTE.nodes, tasks=COMPUTE.nodes, tasks_per_gpu=0, mpi="srun")
    if COMPUTE.nodes > 1
    else {}
)


def ask_for_gpus(rule_name, count):
    """Where the profile gives a rule one GPU of some kind, ask for `count` on every node; call it after the rule.

    The kind is the site's and stands in the profile (`gres: "gpu:h100:1"`, or `--gpus-per-node=NAME:1` in `slurm_extra`
    where the executor refuses the name); how many is the experiment's, and a profile overwrites what a rule asks for.
    """
    asking = own_rules().get(rule_name)
    if asking is None:  # an importer may leave it out
        return
    resources = asking.resources
    gres = re.fullmatch(
        r"(gpu(?::[\w.]*[A-Za-z_][\w.]*)?)(?::\d+)?",
        str(getattr(resources.get("gres"), "raw", "")),
    )
    if gres and count > 1:
        resources.update(type(resources).from_mapping({"gres": f"{gres[1]}:{count}"}))
    extra = str(getattr(resources.get("slurm_extra"), "raw", ""))
    if "--gpus-per-node=" in extra and count > 1:
        named = re.sub(
            r"(--gpus-per-node=(?:[^\s:]*[^\s:\d][^\s:]*:)?)\d+",
            rf"\g<1>{count}",
            extra,
        )
        resources.update(type(resources).from_mapping({"slurm_extra": named}))


def in_queue(jobs):
    """Which of some jobs (SLURM's numbers) wait or run by now."""
    states = "PENDING,CONFIGURING,RUNNING,SUSPENDED,COMPLETING"
    command = ["squeue", "--noheader", "--format=%i", f"--states={states}"]
    done = subprocess.run(
        [*command, f"--jobs={','.join(jobs)}"],
        text=True,
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.stdout.split()


def patch_status_queries():
    """Have the SLURM executor notice jobs cancelled by hand, keep those that SLURM requeues, and wait for its answers.

    Version 2.8.0 compares states with CANCELLED where sacct prints "CANCELLED by <uid>", and forgets every job that runs
    when sacct (or squeue) fails five times in a row, which takes a second. Either way Snakemake waits for ever. And a
    job whose node failed is NODE_FAIL to sacct until SLURM, which has requeued it, starts it again: the executor
    takes it for lost, and submits the next with `--exclude=None assigned`, which no sbatch takes.
    """
    executor = sys.modules.get("snakemake_executor_plugin_slurm")
    asked = getattr(executor, "query_job_status", None)
    if asked is None or hasattr(asked, "_patched"):
        return

    async def query_job_status(command, logger):
        states, seconds = await asked(command, logger)
        if states is None:
            logger.warning("SLURM doesn't say how the jobs are; asking again later")
            return {}, 0.0
        states = {
            job: state.split()[0] if state else state for job, state in states.items()
        }
        lost = [job for job, state in states.items() if state == "NODE_FAIL"]
        again = in_queue(lost) if lost else []
        return states | dict.fromkeys(again, "PENDING"), seconds

    query_job_status._patched = True
    executor.query_job_status = query_job_status


if workflow.is_main_process:
    patch_status_queries()
