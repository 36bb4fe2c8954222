"""The Boutiques descriptor has the arguments of the command, and no others."""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import neuroquant
from neuroquant.bids_app import options

DESCRIPTOR = Path(options.__file__).with_name("boutiques.json")


def descriptor():
    return json.loads(DESCRIPTOR.read_text())


def arguments():
    parser = argparse.ArgumentParser(add_help=False)
    options.add_arguments(parser)
    return parser._actions


def test_every_argument_is_in_the_descriptor_and_the_reverse():
    inputs = {one["id"]: one for one in descriptor()["inputs"]}
    actions = {action.dest: action for action in arguments()}
    assert inputs.keys() == actions.keys()
    for name, action in actions.items():
        one = inputs[name]
        assert one.get("command-line-flag") in (action.option_strings or [None]), name
        assert one["optional"] == (not action.required) and one.get("list", False) == (action.nargs == "+"), name
        assert one.get("value-choices") == (list(action.choices) if action.choices else None), name
        assert one["value-key"] in descriptor()["command-line"]
        assert (one["type"] == "Flag") == (action.nargs == 0), name


def test_the_descriptor_is_of_this_version():
    assert descriptor()["tool-version"] == neuroquant.__version__


@pytest.mark.parametrize("flag", ["--participant_label", "--n_cpus", "--nthreads", "--skip_bids_validation", "-w"])
def test_arguments_have_the_other_spellings_of_fmriprep_too(flag):
    assert any(flag in action.option_strings for action in arguments())


def test_bosh_finds_the_descriptor_valid():
    beside = Path(sys.executable).parent / "bosh"
    command = str(beside) if beside.exists() else shutil.which("bosh")
    if not command:
        pytest.skip("boutiques isn't installed")
    done = subprocess.run([command, "validate", str(DESCRIPTOR)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
