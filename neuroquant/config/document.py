"""The JSON schemas and the commented YAML that follow from the typed configuration.

`python -m neuroquant.config.document CONFIG_FOLDER` rewrites them; a test fails where they have drifted.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from neuroquant.config.cohort import Cohort
from neuroquant.config.experiment import Experiment
from neuroquant.config.model import ModelEntry
from neuroquant.files import write_text

PAPER: dict[str, Any] = {
    "experiment": "paper",
    "cohorts": ["ncanda", "abcd"],
    "models": [
        "vqgan",
        "sd_vae",
        "meditok",
        "medvae",
        "mean",
        "pca",
        "jpeg2000",
        "dct",
        "identity",
        "lowpass",
        "neuroquant",
        "neuroquant_wo_joint",
        "neuroquant_base",
        "neuroquant_fma",
        "neuroquant_film",
        "neuroquant_cross",
    ],
    "table1": {
        "models": [
            "vqgan",
            "sd_vae",
            "meditok",
            "medvae",
            "neuroquant",
            "neuroquant_wo_joint",
            "mean",
            "pca",
            "jpeg2000",
            "dct",
            "identity",
            "lowpass",
        ],
        "cohorts": ["ncanda", "abcd"],
    },
    "table2": {
        "models": ["neuroquant_base", "neuroquant_fma", "neuroquant_film", "neuroquant_cross", "neuroquant"],
        "cohorts": ["ncanda"],
    },
    "figure4": {
        "cohort": "ncanda",
        "models": ["neuroquant", "neuroquant_wo_joint", "neuroquant_cross", "neuroquant_base"],
    },
}
HEADER = """\
# yaml-language-server: $schema=schemas/experiment.schema.json
# The paper's experiment, every key with its default. Written by `python -m neuroquant.config.document config`.
# Your own experiment states only what differs: `snakemake all --cores 8 --configfile mine.yaml`.
"""


def commented_yaml(kind: type[BaseModel], values: dict[str, Any], indent: int = 0) -> str:
    """Every field of `kind` as YAML with its description above it; `values` stand in for fields without a default."""
    pad = "  " * indent
    lines = []
    for name, field in kind.model_fields.items():
        value = values[name] if name in values else field.get_default(call_default_factory=True)
        if field.description:
            lines.append(f"{pad}# {field.description}")
        if isinstance(value, BaseModel):
            lines += [f"{pad}{name}:", commented_yaml(type(value), {}, indent + 1)]
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            lines += [f"{pad}{name}:", commented_yaml(field.annotation, value, indent + 1)]
        else:
            lines.append(f"{pad}{name}: {json.dumps(value)}")  # JSON is YAML on one line
    return "\n".join(lines)


def experiment_schema() -> dict[str, Any]:
    """JSON schema of an experiment file, in which cohorts and models may be names or paths."""
    schema = Experiment.model_json_schema()
    for key in ("cohorts", "models"):
        items = schema["properties"][key]["items"]
        schema["properties"][key]["items"] = {"anyOf": [{"type": "string"}, items]}
    return schema


def documents() -> dict[str, str]:
    """Path inside the config folder -> text."""
    return {
        "config.yaml": HEADER + commented_yaml(Experiment, PAPER) + "\n",
        "schemas/experiment.schema.json": _json(experiment_schema()),
        "schemas/cohort.schema.json": _json(Cohort.model_json_schema()),
        "schemas/model.schema.json": _json(_with_extends(ModelEntry.model_json_schema())),
    }


def _with_extends(schema: dict[str, Any]) -> dict[str, Any]:
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "file beside this one to start from; label and published_as aren't taken from it",
    }
    schema.pop("required", None)
    return schema


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"


if __name__ == "__main__":
    for name, text in documents().items():
        write_text(Path(sys.argv[1]) / name, text)
