"""The LSTM keeps the contract of the learners."""

from tests.learning.learner_contract import LearnerContract


class TestLSTM(LearnerContract):
    name = "lstm"
