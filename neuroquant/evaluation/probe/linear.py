"""A linear probe: what a straight line can read from latents, in seconds and with little to overfit."""

from collections.abc import Callable

import numpy as np
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

from neuroquant.extras import optional

with optional():
    from sklearn.base import clone
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler


GRID = (6, 8, 6)
COMPONENTS = 256
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
FOLDS = 5


def fit_linear(
    features: np.ndarray, y: Tensor, subjects: np.ndarray, *others: Tensor, search: bool = True
) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Standardise, PCA, logistic regression; its strength by folds that keep subjects whole.

    Parameters
    ----------
    features : (N, features), what `pooled` gives
    y : (N,), the class; the strength is chosen for these
    others : further labels (N,), to be fitted with the same strength
    subjects : (N,)
    search : choose the strength, which takes 25 fits; otherwise it is 1

    Returns
    -------
    For y and each of the others a function from features to the probability of every class, (N, classes).
    """
    components = max(min(COMPONENTS, len(features) // 3, features.shape[1]), 1)
    reduce = make_pipeline(StandardScaler(), PCA(components, random_state=0))
    reduced, labels = reduce.fit_transform(features), y.numpy().astype(int)  # no label is seen here
    fewest = min(len(set(subjects[labels == one])) for one in np.unique(labels))
    line = LogisticRegression(max_iter=2000)
    if search and fewest >= 2:
        folds = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=0)
        search = GridSearchCV(line, {"C": STRENGTHS}, cv=folds, scoring="neg_log_loss")
        line = search.fit(reduced, labels, groups=subjects).best_estimator_
    else:
        line.fit(reduced, labels)
    lines = [line, *(clone(line).fit(reduced, other.numpy().astype(int)) for other in others)]
    return [lambda values, one=one: one.predict_proba(reduce.transform(values)) for one in lines]


def pooled(x: Tensor) -> np.ndarray:
    """(N, C, d, h, w) to (N, features), averaged to at most `GRID`."""
    grid = tuple(min(side, limit) for side, limit in zip(x.shape[2:], GRID, strict=True))
    return adaptive_avg_pool3d(x, grid).flatten(1).numpy()
