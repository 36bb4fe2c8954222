"""What is asked of the scheduler: written down for `neuroquant plan`, and held against SLURM before the first job."""

import logging
from collections import Counter

from neuroquant.cluster.asks import ASKS_FILE, Ask, join_options, write_asks
from neuroquant.failures import last_screen
from neuroquant.stages import Listener, Stages


def options_of(wants):
    """What the executor adds for a job to sbatch's options, in its order; `slurm_extra` goes last."""
    site = workflow.executor_settings
    gpus = ":".join(
        str(wants.get(key)) for key in ("gpu_model", "gpu") if wants.get(key)
    )
    asked = join_options(
        clusters=wants.get("cluster")
        or wants.get("clusters")
        or wants.get("slurm_cluster"),
        constraint=wants.get("constraint"),
        qos=getattr(site, "qos", None) or wants.get("qos"),
        reservation=getattr(site, "reservation", None),
        gpus=gpus,
    )
    return join_options(f"{asked} {wants.get('slurm_extra') or ''}")


def refused_by_executor(job):
    """What the SLURM executor itself has against a job's gres or `slurm_extra`; empty without that executor."""
    executor = sys.modules.get("snakemake_executor_plugin_slurm")
    try:
        if executor and job.rule.name not in workflow._localrules:
            executor.validate_slurm_extra(job)
            executor.set_gres_string(job)
    except WorkflowError as error:
        return str(error)
    return ""


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
            options_of(wants),
            refused_by_executor(job),
        )
        counts[key] = counts.get(key, 0) + 1
    order = [rule.name for rule in workflow.rules]
    grouped = [Ask(key[0], count, *key[1:]) for key, count in counts.items()]
    return sorted(grouped, key=lambda ask: order.index(ask.rule))


def check_site():
    """Stop before the first job where SLURM can already tell that it, or a later one, can't run."""
    from neuroquant.cluster.check import faults, most_memory
    from neuroquant.cluster.estimate import bytes_needed

    settings = workflow.executor_settings
    status = getattr(settings, "status_command", None) or "sacct"
    wanted = asks()
    asking = {ask.rule for ask in wanted}
    own = {name for name, each in own_rules().items() if each.name in asking}
    needed = bytes_needed(EXPERIMENT, RESULTS, own)
    errors = faults(wanted, RESULTS, needed, status)
    if errors:
        raise WorkflowError(
            "\n".join(["", "The run would fail at this site:", *map(str, errors)])
        )
    MOST_MB.update(most_memory(wanted, 1 + workflow.execution_settings.retries))


class WritePlan(logging.Handler):
    """Writes the jobs of a dry run for `neuroquant plan`, when Snakemake counts them for the first time."""

    written = False

    def emit(self, record):
        if getattr(record, "event", "") == "run_info" and not self.written:
            self.written = True
            write_asks(asks(), Path(os.environ[ASKS_FILE]))

    def handleError(self, record):
        raise


if ASKS_FILE in os.environ and workflow.is_main_process:
    logging.getLogger("snakemake.logging").addHandler(WritePlan())


def start_run():
    """What a run does before its first job: hold what it asks for against the site, and write its configuration."""
    if workflow.is_main_process:
        if not workflow.local_exec:
            checked(check_site)
        begin_run()
        follow_stages()


def follow_stages():
    """Have a line in Snakemake's log for each stage: the jobs of the rules of one file in `rules/`."""
    stage_of = {}
    for each in own_rules().values():
        file = re.search(r"(\w+)\.smk\b", str(each.snakefile))
        if file:
            stage_of[each.name] = file[1]
    log = logging.getLogger("snakemake.logging")
    log.addHandler(Listener(Stages(stage_of, log.info), jobs_of_rules))


def jobs_of_rules():
    """Number of jobs of each rule that this run makes or has made."""
    jobs = {*workflow.dag.needrun_jobs(), *workflow.dag.finished_jobs}
    return Counter(job.rule.name for job in jobs)


def end_run():
    """What a run says last: where the report is, with the numbers that matter; of a run of some targets, nothing."""
    # here, because planning doesn't load pandas
    from neuroquant.report.last_lines import last_lines

    page = RESULTS / "report.html"
    wanted = {str(path) for job in workflow.dag.jobs for path in job.output}
    if workflow.is_main_process and str(page) in wanted:
        print(
            last_lines(EXPERIMENT, page, RESULTS / "tables/table1.csv"), file=sys.stderr
        )
