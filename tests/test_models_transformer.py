"""The grams are a scikit-learn transformer like any other."""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from models.features import SLOTS
from models.transformer import GramCounts
from schemas.predictions import TicketText
from tests.corpora import small_corpus

TEXTS = [example.text for example in small_corpus()[:120]]


def test_it_works_in_a_pipeline_and_can_be_cloned() -> None:
    labels = [example.gxp_impact for example in small_corpus()[:120]]
    pipeline = clone(make_pipeline(GramCounts(), LogisticRegression(C=10))).fit(TEXTS, labels)
    assert pipeline.score(TEXTS, labels) > 0.95


def test_a_text_counts_the_same_alone_and_among_others_and_needs_no_fitting() -> None:
    counts = GramCounts().transform(TEXTS)
    assert counts.shape == (120, SLOTS)
    assert (counts[7] != GramCounts().transform([TEXTS[7]])).nnz == 0


def test_an_empty_text_counts_its_role_alone() -> None:
    counts = GramCounts().transform([TicketText(title="", reporter_role="operator")])
    assert counts.nnz == 1
    assert np.isclose(counts.sum(), 1.0)
