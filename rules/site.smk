"""What is asked of the scheduler: told to `neuroquant plan`, and held against SLURM before the first job."""

import logging
import os

from neuroquant.cluster.asks import ASKS_FILE, Ask, write_asks


def asks():
    """Jobs that are to run, those of a rule that ask for the same taken together."""
    counts = {}
    for job in workflow.dag.needrun_jobs():
        if job.is_norun:
            continue
        wants = job.resources
        key = (
            job.rule.name,
            job.rule.name in workflow._localrules,
            job.threads,
            wants.get("mem_mb"),
            wants.get("runtime"),
            str(wants.get("gres") or ""),
            str(wants.get("slurm_account") or ""),
            str(wants.get("slurm_partition") or ""),
            str(wants.get("tmpdir") or ""),
            wants.get("nodes") or 1,
        )
        counts[key] = counts.get(key, 0) + 1
    order = [rule.name for rule in workflow.rules]
    found = [Ask(key[0], count, *key[1:]) for key, count in counts.items()]
    return sorted(found, key=lambda ask: order.index(ask.rule))


def check_site():
    """Stop before the first job where SLURM can already tell that it, or a later one, can't run."""
    from neuroquant.cluster.check import faults, most_memory
    from neuroquant.cluster.estimate import bytes_needed

    settings = workflow.executor_settings
    status = getattr(settings, "status_command", None) or "sacct"
    wanted = asks()
    needed = bytes_needed(EXPERIMENT, RESULTS, {ask.rule for ask in wanted})
    found = faults(wanted, RESULTS, needed, status)
    if found:
        raise WorkflowError(
            "\n".join(["", "The run would fail at this site:", *map(str, found)])
        )
    MOST_MB.update(most_memory(wanted, 1 + workflow.execution_settings.retries))


class TellPlan(logging.Handler):
    """Writes the jobs of a dry run for `neuroquant plan`, when Snakemake counts them for the first time."""

    told = False

    def emit(self, record):
        if getattr(record, "event", "") == "run_info" and not self.told:
            self.told = True
            write_asks(asks(), Path(os.environ[ASKS_FILE]))

    def handleError(self, record):
        raise


if ASKS_FILE in os.environ and workflow.is_main_process:
    logging.getLogger("snakemake.logging").addHandler(TellPlan())


onstart:
    if workflow.is_main_process:
        if not workflow.local_exec:
            checked(check_site)
        begin_run()
