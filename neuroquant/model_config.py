"""The names of the files of a model folder, and its `config.json`; without torch, for what only describes a model."""

from pathlib import Path

from neuroquant import __version__, models
from neuroquant.config.load import validate
from neuroquant.config.model import ModelEntry
from neuroquant.config.plain import brief, read_json
from neuroquant.config.volume import Volume
from neuroquant.errors import InputError

WEIGHTS, CONFIG, PROVENANCE = "model.safetensors", "config.json", "provenance.json"
FORMAT = 2
"""Version of a model folder: raised when older versions of this package would misread one."""
SHA256 = "weights_sha256"
"""Key of the hash of the weights in the configuration."""
CHAIN = "trained_elsewhere"
"""Key of the provenance for the model that another began with; its own is in it in turn."""
RETRAIN = "name a model folder as training wrote it; if it was copied, copy it again whole"


def read_config(path: Path) -> tuple[ModelEntry, Volume]:
    """The model and the settings of the volumes that a model folder's configuration names.

    Raises
    ------
    InputError
        If it isn't such a file, or a value can't be.
    """
    config = read_json(path)
    if not isinstance(config, dict) or not {"model", "volume"} <= config.keys():
        raise InputError(str(path), "no model and volume in it", "a model folder's config.json", RETRAIN)
    require_known_format(path, config.get("format", 1))
    entry = validate(ModelEntry, config["model"], f"{path}: model")
    validate(models.parameters_class(entry.architecture), entry.parameters, f"{path}: model.parameters")
    return entry, validate(Volume, config["volume"], f"{path}: volume")


def require_known_format(path: Path, found: object) -> None:
    """Refuse a model folder that a newer version of this package wrote.

    Raises
    ------
    InputError
        With the version that is installed, and how to get a newer one.
    """
    if not isinstance(found, int) or found > FORMAT:
        raise InputError(
            str(path),
            f"a model folder of format {brief(found)}, which a newer version saved",
            f"format 1 to {FORMAT}, which NeuroQuant {__version__} reads",
            "pip install --upgrade neuroquant",
        )
