"""The topics of a catalogue or store that most likely go on growing, and why.

python docs/examples/trending.py DIRECTORY SERIES
"""

import sys

import numpy as np

from bot.scoring.trends import TopicParams
from bot.scoring.trends.explain import reasons
from bot.scoring.trends.features import topic_features
from bot.scoring.trends.model import TopicModel
from bot.scoring.trends.walkforward import score_topics
from bot.signals.catalogue import Catalogue
from bot.signals.storage import seconds_of
from bot.signals.topic_levels import topic_panel

DAY = 86_400

catalogue, params = Catalogue.open(sys.argv[1]), TopicParams(sys.argv[2])
published = seconds_of(catalogue.signals(params.series)["published_at"])
days = np.arange(published.min() // DAY + 1, published.max() // DAY + 2) * DAY
panel = topic_panel(catalogue, params.panel_series, days)

models: dict[int, TopicModel] = {}
scores = score_topics(panel, params, models, first=len(panel) - 1)  # the newest row alone
if not models:
    sys.exit("too little is known for a model: a first fit needs about eighty days of a few hundred topics")
model = next(iter(models.values()))
probability = scores.probability[-1]
best = [int(place) for place in np.argsort(-probability) if np.isfinite(probability[place])][:10]
why = reasons(model, topic_features(panel, params)[1][-1][best])
for place, told in zip(best, why, strict=True):
    low, high = scores.low[0.8][-1, place], scores.high[0.8][-1, place]
    because = ", ".join(f"{name} {added:+.2f}" for name, added in told)
    growth = f"{np.expm1(low):+.0%} to {np.expm1(high):+.0%}"
    sys.stdout.write(f"{probability[place]:.2f}  {growth:>16}  {panel.topics[place]}  ({because})\n")
