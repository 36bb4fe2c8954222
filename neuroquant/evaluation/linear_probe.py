"""A linear probe: what a straight line can read from latents, in seconds and with little to overfit."""

from collections.abc import Callable

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

GRID = (6, 8, 6)
COMPONENTS = 256
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
FOLDS = 5


def fit_linear(x: Tensor, y: Tensor, subjects: np.ndarray) -> Callable[[Tensor], np.ndarray]:
    """Pool to a common grid, standardise, PCA, logistic regression; its strength by folds that keep subjects whole.

    Parameters
    ----------
    x : (N, C, d, h, w)
    y : (N,), 1 for F
    subjects : (N,)

    Returns
    -------
    A function from x to the probability of F, (N,).
    """
    features = pooled(x)
    components = max(min(COMPONENTS, len(features) // 3, features.shape[1]), 1)
    reduce = make_pipeline(StandardScaler(), PCA(components, random_state=0))
    reduced, labels = reduce.fit_transform(features), y.numpy().astype(int)  # no label is seen here
    fewest = min(len(set(subjects[labels == sex])) for sex in (0, 1))
    line: LogisticRegression | GridSearchCV = LogisticRegression(max_iter=2000)
    if fewest >= 2:
        folds = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=0)
        line = GridSearchCV(line, {"C": STRENGTHS}, cv=folds, scoring="neg_log_loss")
        line.fit(reduced, labels, groups=subjects)
    else:
        line.fit(reduced, labels)
    return lambda values: line.predict_proba(reduce.transform(pooled(values)))[:, 1]


def pooled(x: Tensor) -> np.ndarray:
    """(N, C, d, h, w) to (N, features), averaged to at most `GRID`."""
    grid = tuple(min(side, limit) for side, limit in zip(x.shape[2:], GRID, strict=True))
    return adaptive_avg_pool3d(x, grid).flatten(1).numpy()
