"""What a probe predicts: one of two classes, one of several, or a number; how that is learned and judged."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch.nn.functional as F
from torch import Tensor

from neuroquant.files import read_tsv
from neuroquant.store.arrays import Record

Key = tuple[str, str, str]
"""Cohort, subject, session."""
LEAST = 1e-6
"""Least probability, and least spread of numbers, that is divided by or whose logarithm is taken."""


@dataclass(frozen=True)
class Target(ABC):
    """Something to be predicted of a session.

    Attributes
    ----------
    name : of the column.
    score : the measure of validation subjects, the higher the better, by which epochs are ranked.
    """

    name: str
    score: ClassVar[str] = "val_balanced_accuracy"

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Outputs of a network."""

    @abstractmethod
    def number_of(self, value: str) -> float:
        """A value of a table as what is learned: the number of a class, or the number itself; nan where unknown."""

    def fitted(self, y: Tensor) -> "Target":
        """The same, knowing the values (N,) of the training sessions."""
        return self

    def why_not(self, y: Tensor) -> str:
        """Why nothing can be learned of the values (N,) of training sessions; empty where something can."""
        return "" if len(y.unique()) > 1 else f"the training subjects all have one value of {self.name}"

    @abstractmethod
    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """Mean loss of outputs (B, outputs) for values (B,)."""

    @abstractmethod
    def shares(self, y: Tensor) -> np.ndarray:
        """How often each training session (N,) is drawn, up to a factor."""

    @abstractmethod
    def values(self, out: Tensor) -> Tensor:
        """Outputs (B, outputs) as predictions, (B,) or (B, classes)."""

    @abstractmethod
    def of_line(self, values: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """What a linear probe gives as predictions like those of a network.

        Parameters
        ----------
        values : the number (N,), or the probability of each class that it has learned of (N, seen).
        seen : numbers of these classes.
        """

    @abstractmethod
    def judge(self, predicted: np.ndarray, subjects: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """`score` and `val_loss` of predictions over subjects, whose sessions are averaged first."""

    @abstractmethod
    def row(self, predicted: Any) -> dict[str, Any]:
        """What a table of predictions says of one session: `predicted`, and the probabilities."""

    @abstractmethod
    def truth(self, y: float) -> str:
        """A value as the table of predictions has it."""


@dataclass(frozen=True)
class Pair(Target):
    """Two classes, of which predictions (N,) are the probability of the second; each counts as much as the other."""

    classes: tuple[str, ...] = ()

    @property
    def outputs(self) -> int:
        """One logit, of the second class."""
        return 1

    def number_of(self, value: str) -> float:
        """The position of a class; nan for any other value."""
        return float(self.classes.index(value)) if value in self.classes else math.nan

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """Binary cross entropy."""
        return F.binary_cross_entropy_with_logits(out[:, 0], y)

    def shares(self, y: Tensor) -> np.ndarray:
        """Both classes are drawn equally often."""
        second = min(max(y.mean().item(), LEAST), 1 - LEAST)  # shuffled classes of visits may all be one
        return np.where(y.numpy() == 1, 0.5 / second, 0.5 / (1 - second))

    def values(self, out: Tensor) -> Tensor:
        """Probability of the second class, (B,)."""
        return out[:, 0].sigmoid()

    def of_line(self, values: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Probability of the second class, (N,)."""
        return values[:, 1]

    def judge(self, predicted: np.ndarray, subjects: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """Balanced accuracy and cross entropy; a subject whose class changes between visits counts once in each."""
        table = pd.DataFrame({"subject": subjects, "p": predicted, "y": y}).groupby(["subject", "y"]).mean()
        table = table.reset_index("y")
        right = (table.p > 0.5) == (table.y == 1)
        p = table.p.clip(LEAST, 1 - LEAST)
        loss = -(table.y * np.log(p) + (1 - table.y) * np.log(1 - p)).mean()
        return {"val_balanced_accuracy": float(right.groupby(table.y).mean().mean()), "val_loss": float(loss)}

    def row(self, predicted: Any) -> dict[str, Any]:
        """The likelier class, and both probabilities."""
        p = float(predicted)
        return {"predicted": self.classes[int(p > 0.5)], "probabilities": f"{1 - p:.9g} {p:.9g}"}

    def truth(self, y: float) -> str:
        """Name of the class."""
        return self.classes[int(y)]


@dataclass(frozen=True)
class Several(Pair):
    """Three classes or more; predictions (N, classes) are their probabilities."""

    @property
    def outputs(self) -> int:
        """A logit for each class."""
        return len(self.classes)

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """Cross entropy."""
        return F.cross_entropy(out, y.long())

    def shares(self, y: Tensor) -> np.ndarray:
        """All classes are drawn equally often."""
        _, index, counts = np.unique(y.numpy(), return_inverse=True, return_counts=True)
        return 1 / counts[index]

    def values(self, out: Tensor) -> Tensor:
        """Probability of each class, (B, classes)."""
        return out.softmax(1)

    def of_line(self, values: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """Probability of each class, 0 of those that the line has never seen."""
        every = np.zeros((len(values), len(self.classes)))
        every[:, seen.astype(int)] = values
        return every

    def judge(self, predicted: np.ndarray, subjects: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """Balanced accuracy and cross entropy; subjects as for two classes."""
        table = pd.DataFrame(predicted).assign(subject=subjects, y=y).groupby(["subject", "y"]).mean()
        truth, p = table.index.get_level_values("y").to_numpy().astype(int), table.to_numpy()
        right = pd.Series(p.argmax(1) == truth).groupby(truth).mean().mean()
        loss = -np.log(np.clip(p[np.arange(len(p)), truth], LEAST, 1)).mean()
        return {"val_balanced_accuracy": float(right), "val_loss": float(loss)}

    def row(self, predicted: Any) -> dict[str, Any]:
        """The likeliest class, and all probabilities."""
        probabilities = " ".join(f"{p:.9g}" for p in predicted)
        return {"predicted": self.classes[int(np.argmax(predicted))], "probabilities": probabilities}


@dataclass(frozen=True)
class Number(Target):
    """A number; networks learn it less the mean of the training sessions, by their standard deviation."""

    centre: float = 0.0
    spread: float = 1.0
    score: ClassVar[str] = "val_r2"

    @property
    def outputs(self) -> int:
        """The number itself, standardised."""
        return 1

    def number_of(self, value: str) -> float:
        """The number."""
        return float(value) if value else math.nan

    def fitted(self, y: Tensor) -> "Number":
        """The same with mean and standard deviation of the training sessions."""
        values = y.double()
        return replace(self, centre=float(values.mean()), spread=max(float(values.std(correction=0)), LEAST))

    def loss(self, out: Tensor, y: Tensor) -> Tensor:
        """Mean squared error in squared standard deviations."""
        return F.mse_loss(out[:, 0], (y - self.centre) / self.spread)

    def shares(self, y: Tensor) -> np.ndarray:
        """All sessions are drawn equally often."""
        return np.ones(len(y))

    def values(self, out: Tensor) -> Tensor:
        """The number in its unit, (B,)."""
        return out[:, 0] * self.spread + self.centre

    def of_line(self, values: np.ndarray, seen: np.ndarray) -> np.ndarray:
        """As the line gives it."""
        return values

    def judge(self, predicted: np.ndarray, subjects: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """R2 and the mean squared error in squared standard deviations of the training sessions."""
        table = pd.DataFrame({"subject": subjects, "p": predicted, "y": y}).groupby("subject").mean()
        error, total = float(((table.p - table.y) ** 2).sum()), float(((table.y - table.y.mean()) ** 2).sum())
        loss = error / len(table) / self.spread**2
        return {"val_r2": 1 - error / total if total > 0 else -loss, "val_loss": loss}

    def row(self, predicted: Any) -> dict[str, Any]:
        """The number; it has no probabilities."""
        return {"predicted": f"{float(predicted):.7g}", "probabilities": ""}

    def truth(self, y: float) -> str:
        """The number."""
        return f"{y:.7g}"


@dataclass(frozen=True)
class Sex(Pair):
    """The paper's target, whose table has one probability."""

    def why_not(self, y: Tensor) -> str:
        """As for any two classes, in words of its own."""
        return "" if len(y.unique()) == 2 else "the training subjects are of one sex"

    def row(self, predicted: Any) -> dict[str, Any]:
        """The likelier sex, and the probability of F."""
        return {"probability": float(predicted), "predicted": "F" if predicted > 0.5 else "M"}


SEX = Sex("sex", ("M", "F"))


@dataclass(frozen=True)
class Aim:
    """What is predicted, and from which part of the latents.

    Attributes
    ----------
    target : what it is.
    part : of the latents, as `Latents.PARTS` names it; empty, or main: the array that the shards are read for.
    known : session -> its value; None: the sex in the records. Sessions that it doesn't have are left out.
    room : positions that an array may have where the settings leave it to the memory (`samples.room_for`).
    """

    target: Target = SEX
    part: str = ""
    known: Mapping[Key, str] | None = None
    room: float = math.inf

    def value(self, record: Record) -> float:
        """What is to be predicted of a session, nan where it isn't known."""
        if self.known is None:
            return float(record.sex == "F")
        return self.target.number_of(self.known.get(record.key[:3], ""))


def read_aim(part: str, facts_tsv: Path, values_tsv: Path) -> Aim:
    """A target, by the tables of what it is and what is known of it (`TARGETS`, `TARGET_VALUES`), and from what."""
    facts, values = read_tsv(facts_tsv).iloc[0], read_tsv(values_tsv)
    known = dict(zip(zip(values.cohort, values.subject, values.session, strict=True), values["value"], strict=True))
    target, classes = facts.target, tuple(json.loads(facts.classes))
    kind = Number(target) if not classes else Pair(target, classes) if len(classes) == 2 else Several(target, classes)
    return Aim(kind, part, known)
