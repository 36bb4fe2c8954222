"""Where this workflow lies, and how it runs: alone, or as a module of another Snakefile (docs/deploying.md)."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.sourcecache import HostingProviderFile, LocalGitFile, LocalSourceFile

IMPORTED = not workflow.modifier.is_main_snakefile()
PATHS = "PYTHONPATH"


def refuse(where, found, expected, remedy):
    """End with what is wrong in the importer's module statement, as `InputError` has it, which can't be imported yet."""
    raise WorkflowError(
        f"\n{where}\n  found:    {found}\n  expected: {expected}\n  to do:    {remedy}"
    )


def check_importer():
    """Refuse what a module statement can't do with this workflow, with what to write instead."""
    paths = workflow.modifier.path_modifier
    if paths.prefix or paths.modifies_prefixes:
        refuse(
            "module: prefix",
            "another place for the workflow's files",
            "none: jobs get the paths of results as settings, which a prefix doesn't reach",
            "remove `prefix` or `replace_prefix`; results lie in results/<experiment> below the folder in which "
            "Snakemake runs (snakemake --directory)",
        )


def check_config():
    """Refuse an importer that gives no settings: the workflow's own default is the paper's experiment on its cohorts."""
    if not config:
        example = BASE / "config/examples/bids.yaml"
        refuse(
            "module: config",
            "no settings",
            "those of an experiment",
            f"mkdir -p config && cp {example} config/config.yaml, edit it, and write "
            '`configfile: "config/config.yaml"` above the module and `config: config` in it',
        )


def clone_of(source):
    """A checkout of the commit from which another Snakefile imports this workflow.

    Snakemake takes single files from a repository; jobs need the package. The clone lies below the working directory,
    where nodes of a cluster find it too.

    Parameters
    ----------
    source : LocalGitFile or HostingProviderFile
        A folder of the repository, at some commit.
    """
    from git import Repo

    hosted = isinstance(source, HostingProviderFile)
    repository = Path(source.hosted_repo.repo_clone if hosted else source.repo_path)
    commit = Repo(repository).commit(source.ref).hexsha
    folder = Path(".snakemake/neuroquant").absolute() / commit
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.mkdtemp(dir=folder.parent, prefix="clone-")
        try:
            Repo.clone_from(str(repository.absolute()), scratch).git.checkout(commit)
            os.rename(scratch, folder)
        except OSError:
            if not folder.exists():
                raise
        finally:  # another process was first, or the clone failed
            shutil.rmtree(scratch, ignore_errors=True)
    return folder


def own_folder():
    """The folder that holds the Snakefile, whoever imports it."""
    rules_folder = workflow.current_basedir
    if isinstance(rules_folder, LocalSourceFile):
        return Path(rules_folder.get_path_or_uri(secret_free=True)).parent
    if isinstance(rules_folder, (LocalGitFile, HostingProviderFile)):
        return clone_of(rules_folder)
    refuse(
        "module: snakefile",
        f"{rules_folder}, single files",
        "a path, or a repository of which all files can be had",
        'write `snakefile: github("OWNER/NAME", path="Snakefile", tag="TAG")`',
    )


def use_own_package():
    """Have the package of this workflow imported, here and by jobs, whichever other one is installed."""
    package = BASE / "neuroquant"
    if package.is_dir():
        others = [path for path in os.environ.get(PATHS, "").split(os.pathsep) if path]
        if str(BASE) not in others:
            os.environ[PATHS] = os.pathsep.join([str(BASE), *others])
        sys.path.insert(0, str(BASE))
    else:  # installed from a wheel, which has the workflow inside of the package
        package = BASE.parent
    from neuroquant.sources import PACKAGE as imported

    if not imported.samefile(package):
        refuse(
            "module: the Python package neuroquant",
            f"{imported}, imported before",
            f"{package}",
            "import `neuroquant` nowhere above the module, and one version of this workflow in a Snakefile",
        )


def own_rules():
    """The rules of this workflow that are in use, by the names that they have here; an importer may rename them."""
    return {
        name: proxy.rule
        for name, proxy in rules._rules.items()
        if workflow.is_rule(proxy.rule.name)
        and workflow.get_rule(proxy.rule.name) is proxy.rule
    }


def offer(event, handler):
    """Call a handler beside that which the importer has set above its module; Snakemake calls none of modules itself.

    Parameters
    ----------
    event : {"start", "success", "error"}
    handler : callable
        Called with the path of Snakemake's log.
    """
    before = getattr(workflow, f"_on{event}")
    experiments = getattr(before, "experiments", frozenset())
    if str(RESULTS) in experiments:
        return  # another statement has used rules of this module

    def both(log):
        before(log)
        handler(log)

    both.experiments = experiments | {str(RESULTS)}
    setattr(workflow, f"_on{event}", both)


if IMPORTED:
    check_importer()
BASE = own_folder()
use_own_package()
