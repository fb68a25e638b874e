"""The stock scikit-learn pipeline that the router has to keep up with, on writers that neither has seen."""

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.svm import LinearSVC

from models.train import course_of, fit
from schemas.predictions import TicketText
from tests.corpora import carried, whole_corpus

FOLDS = 4
ONE_POINT = 0.01


def written(text: TicketText) -> str:
    return f"{text.title} . {text.body} role{text.reporter_role}"


def stock() -> Pipeline:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=2)
    union = FeatureUnion([("words", words), ("letters", letters)])
    return make_pipeline(union, LinearSVC(C=0.3, class_weight="balanced", random_state=1))


def folds(writer: np.ndarray) -> list[np.ndarray]:
    """Which tickets to hold out: each writer's tickets stay together, a few writers at a time."""
    names = sorted(set(writer.tolist()))
    return [np.isin(writer, names[first::FOLDS]) for first in range(FOLDS)]


def test_the_router_is_as_often_right_as_the_stock_pipeline() -> None:
    course = course_of(whole_corpus(), carried().lexicon)
    table = course.measured
    texts = np.array([written(example.text) for example in whole_corpus()], dtype=object)
    ours = theirs = 0
    for own in folds(table.writer):
        scores = course.columns.system(fit(course, ~own).scores(table.rows(own), course.columns))
        ours += int((scores.argmax(axis=1) == table.system[own]).sum())
        theirs += int((stock().fit(texts[~own], table.system[~own]).predict(texts[own]) == table.system[own]).sum())
    assert theirs > 0.7 * len(texts)
    assert ours >= theirs - ONE_POINT * len(texts)
