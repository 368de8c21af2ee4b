from __future__ import annotations

from pigeonhole.sweep.policies import Bandit, Hyperband, MedianStopping, TruncationSelection
from pigeonhole.testing.policies import PolicyContract


class TestBanditWithAFactor(PolicyContract):
    def policy(self):
        return Bandit(slack_factor=0.1, evaluation_interval=2)


class TestBanditWithAnAmount(PolicyContract):
    def policy(self):
        return Bandit(slack_amount=0.2, delay_evaluation=5)


class TestBanditWithoutSlack(PolicyContract):
    def policy(self):
        return Bandit(slack_factor=0)


class TestMedianStopping(PolicyContract):
    def policy(self):
        return MedianStopping(evaluation_interval=3, delay_evaluation=2)


class TestTruncationSelection(PolicyContract):
    def policy(self):
        return TruncationSelection(truncation_percentage=40)


class TestHyperband(PolicyContract):
    def policy(self):
        return Hyperband(max_resource=27, reduction_factor=3)
