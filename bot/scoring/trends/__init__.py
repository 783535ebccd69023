"""Which media topics go on growing: features of their levels, a calibrated probability, an interval of growth."""

from bot.scoring.trends.catalogue import FEATURES
from bot.scoring.trends.params import TopicParams
from bot.scoring.trends.scores import TopicScores

__all__ = ["FEATURES", "TopicParams", "TopicScores"]
