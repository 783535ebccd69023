"""Shell: features, labels, estimator, walk-forward. The only place that knows scikit-learn."""

from bot.scoring.params import ScorerParams
from bot.scoring.scorer import IdleScorer, PanelScorer
from bot.scoring.walkforward import score_panel

__all__ = ["IdleScorer", "PanelScorer", "ScorerParams", "score_panel"]
