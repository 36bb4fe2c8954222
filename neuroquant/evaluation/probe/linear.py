"""A linear probe: what a straight line can read from latents, in seconds and with little to overfit."""

from collections.abc import Callable

import numpy as np
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool3d

from neuroquant.extras import optional

with optional():
    from sklearn.base import clone
    from sklearn.decomposition import PCA
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.metrics import log_loss, make_scorer
    from sklearn.model_selection import GridSearchCV, GroupKFold, StratifiedGroupKFold
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import StandardScaler


GRID = (6, 8, 6)
COMPONENTS = 256
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)
"""Those of ridge regression, of which features of unit variance need more where there are many."""
FOLDS = 5


def fit_linear(
    features: np.ndarray, y: Tensor, families: np.ndarray, *others: Tensor, search: bool = True
) -> list[Callable[[np.ndarray], np.ndarray]]:
    """Standardise, PCA, logistic regression; its strength by folds that keep families whole.

    Parameters
    ----------
    features : (N, features), what `pooled` gives
    y : (N,), the class; the strength is chosen for these
    others : further labels (N,), to be fitted with the same strength
    families : (N,)
    search : choose the strength, which takes 25 fits; otherwise it is 1

    Returns
    -------
    For y and each of the others a function from features to the probability of every class, (N, classes).
    """
    reduce = reducer(features)
    reduced, labels = reduce.fit_transform(features), y.numpy().astype(int)  # no label is seen here
    fewest = min(len(set(families[labels == one])) for one in np.unique(labels))
    line = LogisticRegression(max_iter=2000)
    if search and fewest >= 2:
        folds = StratifiedGroupKFold(min(FOLDS, fewest), shuffle=True, random_state=0)
        search = GridSearchCV(line, {"C": STRENGTHS}, cv=folds, scoring=scorer(np.unique(labels)))
        line = search.fit(reduced, labels, groups=families).best_estimator_
    else:
        line.fit(reduced, labels)
    lines = [line, *(clone(line).fit(reduced, other.numpy().astype(int)) for other in others)]
    return [lambda values, one=one: one.predict_proba(reduce.transform(values)) for one in lines]


def fit_numbers(
    features: np.ndarray, y: Tensor, families: np.ndarray, *others: Tensor
) -> list[Callable[[np.ndarray], np.ndarray]]:
    """The same for a number: ridge regression, functions from features to the number, (N,)."""
    reduce = reducer(features)
    reduced, count = reduce.fit_transform(features), len(np.unique(families))
    line = Ridge()
    if count >= 2:
        search = GridSearchCV(
            line, {"alpha": PENALTIES}, cv=GroupKFold(min(FOLDS, count)), scoring="neg_mean_squared_error"
        )
        line = search.fit(reduced, y.numpy(), groups=families).best_estimator_
    lines = [clone(line).fit(reduced, values.numpy()) for values in (y, *others)]
    return [lambda values, one=one: one.predict(reduce.transform(values)) for one in lines]


def reducer(features: np.ndarray) -> Pipeline:
    """Standardises features (N, features) and takes their principal components; not fitted yet."""
    components = max(min(COMPONENTS, len(features) // 3, features.shape[1]), 1)
    return make_pipeline(StandardScaler(), PCA(components, random_state=0))


def scorer(classes: np.ndarray) -> object:
    """Cross entropy, also of a fold in which a class is missing."""
    return make_scorer(log_loss, greater_is_better=False, response_method="predict_proba", labels=classes)


def pooled(x: Tensor) -> np.ndarray:
    """(N, C, d, h, w) to (N, features), averaged to at most `GRID`."""
    grid = tuple(min(side, limit) for side, limit in zip(x.shape[2:], GRID, strict=True))
    return adaptive_avg_pool3d(x, grid).flatten(1).numpy()
