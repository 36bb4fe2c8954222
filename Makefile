# The two commands of the README. Both set up .venv when it is missing or the lock has changed.
PYTHON ?= python3
BIN := .venv/bin
# two processes, and a third because the tests with SLURM mostly wait; what shares a costly fixture stays in one
# (tests/conftest.py)
TWO := -n 2
THREE := -n 3

.PHONY: help demo test fast-test lint docs lock

help:  ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: .venv/ready  ## run the whole workflow on synthetic cohorts, then open results/demo/report.html
	$(BIN)/snakemake --profile demo all

test: .venv/ready  ## run all tests
	$(BIN)/python -m pytest $(THREE)

fast-test: .venv/ready  ## run the tests but those that run the workflow
	$(BIN)/python -m pytest $(TWO) -m "not slow"

lint: .venv/ready  ## check style, formatting and the Snakefile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules workflow
	$(BIN)/snakemake --profile demo --lint

docs: .venv/ready  ## build the documentation as a site that needs no network, then open build/site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The locks from pyproject.toml, with uv (pip install uv). Versions that still fit stay: delete a package's lines to get a newer one.
lock:  ## update requirements.lock and the files that follow from it
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --constraint torch.lock --no-emit-package torch \
	  --generate-hashes --no-annotate --quiet --custom-compile-command "make lock" --output-file requirements.lock
	$(PYTHON) envs/from_lock.py

# torch first and by itself: which build is right is the machine's matter. The lock is complete, so that nothing else is
# installed: deepbet's networks are used, and the window toolkit that its wheel asks for isn't.
.venv/ready: torch.lock requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; v = sys.version_info; assert v >= (3, 11), f"Python 3.11 or newer is needed, this is {v.major}.{v.minor}; try make PYTHON=python3.11"'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement torch.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch .venv/ready
