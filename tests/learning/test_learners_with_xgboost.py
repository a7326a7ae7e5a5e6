"""XGBoost keeps the contract of the learners."""

from tests.learning.learner_contract import LearnerContract


class TestXGBoost(LearnerContract):
    name = "xgboost"
