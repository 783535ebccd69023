"""Training of models to be kept, and training them again from their manifests: the same steps, so the same bits.

What a run does at each refit is done here once, at the newest fit time, with what was known by then.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from bot.config import Config, load_config
from bot.core.dates import DAY, day
from bot.core.panel import Floats, Panel
from bot.core.universe import Universe
from bot.errors import ConfigError, DataError, located
from bot.loading import BAR_SECONDS, Options, Source, on_generated_signals, open_source
from bot.settings import simulated_universe
from bot.trend_fields import panels, trends_of

if TYPE_CHECKING:
    from bot.core.topic_panel import TopicPanel
    from bot.scoring.model import FittedModel
    from bot.scoring.registry import Kept, Manifest
    from bot.scoring.trends.params import TopicParams

EXPLAINED_ROWS: Final = 2_000  # at most, that importances are averaged over


@dataclass(frozen=True, slots=True)
class Ready:
    """A strategy file with its data, up to the last row that may be seen."""

    name: str
    config: Config
    source: Source
    universe: Universe
    panel: Panel
    recipe: Mapping[str, Any]

    @property
    def data(self) -> dict[str, Any]:
        """What a manifest says of the data."""
        catalogue = self.source.catalogue
        return {"title": catalogue.title, "kind": catalogue.kind, "digest": catalogue.digest}


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that can be kept, and all that is said of it."""

    model: Kept
    manifest: Manifest


def ready(options: Options) -> Ready:
    """Everything before a fit. Raises ConfigError, DataError; variables that change the file are refused, for nobody
    who reads the manifest would know of them.
    """
    changing = sorted(name for name in os.environ if name.startswith("PATRON__"))
    if changing:
        raise ConfigError(f"{changing[0]}: changes the strategy file from outside: write it into {options.config}")
    config = load_config(options.config, {})
    recipe = {
        "strategy": options.config.read_text(encoding="utf-8"),
        "ontology": _text(config.trends.ontology) if config.trends is not None and config.trends.ontology else None,
        "synthetic": options.synthetic,
        "strength": float(options.strength),
        "last": options.last,
    }
    return _ready(options, config, options.config.stem, recipe)


def ready_again(manifest: Manifest, data: Path | None) -> Ready:
    """As `ready`, from what a manifest keeps; `data`: where its catalogue is, unless it was generated.

    Raises DataError naming the manifest's field, ConfigError where the file of then is none for this version.
    """
    recipe = manifest.recipe
    kinds = {"strategy": str, "ontology": (str, type(None)), "synthetic": (int, type(None)), "last": (int, type(None))}
    for field, kind in kinds.items():
        if field not in recipe or not isinstance(recipe[field], kind):  # type: ignore[arg-type]
            raise DataError(located("manifest", f"recipe.{field}", "cannot be trained again from this"))
    if data is None and recipe["synthetic"] is None:
        raise ConfigError("this model was trained on recorded data: name it with --data DIR")
    name = manifest.name.partition(":")[0]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "strategy.yaml")
        file.write_text(recipe["strategy"], encoding="utf-8")
        config = load_config(file, {})
        if recipe["ontology"] is not None and config.trends is not None:
            own = Path(folder, "ontology.yaml")
            own.write_text(recipe["ontology"], encoding="utf-8")
            config = config.model_copy(update={"trends": config.trends.model_copy(update={"ontology": str(own)})})
        synthetic = recipe["synthetic"]
        options = Options(
            file,
            replay=data if synthetic is None else None,
            synthetic=synthetic,
            last=recipe["last"],
            strength=float(recipe.get("strength", 0.0)),
        )
        return _ready(options, config, name, recipe)


def _ready(options: Options, config: Config, name: str, recipe: Mapping[str, Any]) -> Ready:
    from bot.signals.quality import findings_of

    source = open_source(options, config)
    if source.label == "synthetic":
        config = on_generated_signals(config, source.catalogue.sources())
    universe = simulated_universe(config)
    findings_of(source.catalogue, universe, config.bar, config.read)
    panel = panels(config)(source.catalogue, universe, config.bar, config.read)
    panel = panel if options.last is None else panel.upto(options.last)
    if not len(panel):
        raise DataError(f"{source.described}: no {config.bar} bar by {day(options.last or 0)}")
    return Ready(name, config, source, universe, panel, recipe)


def asset_trained(known: Ready, parent: str = "") -> Trained:
    """The model of venues at the newest fit time. Raises DataError where there is too little to learn from."""
    from bot.scoring.labels import labels
    from bot.scoring.params import ScorerParams
    from bot.scoring.registry import Manifest
    from bot.scoring.registry.manifest import versions
    from bot.scoring.registry.metrics import asset_metrics
    from bot.scoring.walkforward import score_panel

    params = ScorerParams.of(known.config.scorer, BAR_SECONDS[known.config.bar])
    models: dict[int, FittedModel] = {}
    scores = score_panel(known.panel, params, models)
    model = next((each for each in models.values() if scores.model and each.digest == scores.model[-1]), None)
    if model is None:
        raise DataError(f"{known.source.described}: too little to learn from by {day(int(known.panel.times[-1]))}")
    truth = labels(known.panel, params.horizon)
    metrics = asset_metrics(scores, truth, known.panel.times, params.horizon)
    manifest = Manifest(
        kind="asset",
        name=known.name,
        model=model.digest,
        fit_time=model.fit_time,
        features=model.names,
        window=_window(model.fit_time - params.train, model.fit_time, model.rows, model.calibration_rows),
        data=known.data,
        params=asdict(params),
        seed=params.seed,
        metrics=metrics | {"importance": _importance(model, known.panel, params)},
        versions=versions(),
        recipe=known.recipe,
        parent=parent,
    )
    return Trained(model, manifest)


def topic_trained(known: Ready, series: str, parent: str = "") -> Trained:
    """The model of a series' topics at the newest fit time. Raises ConfigError, and DataError for too little."""
    from bot.scoring.registry import Manifest
    from bot.scoring.registry.manifest import versions
    from bot.scoring.trends.features import topic_features
    from bot.scoring.trends.model import fit
    from bot.scoring.trends.training import learnable, training_of

    params, panel = topics_of(known, series)
    names, x = topic_features(panel, params)
    rows = learnable(panel, params, names, x)
    fit_time = int(panel.times[-1]) // params.refit * params.refit if len(panel) else 0
    training = training_of(panel, rows, fit_time, params)
    if training is None:
        raise DataError(f"{known.source.described}: signals/{series}: too little to learn from by {day(fit_time)}")
    model = fit(training, params)
    earlier = training_of(panel, rows, (fit_time - params.gap) // params.refit * params.refit, params)
    metrics: dict[str, Any] = {"out_of_time": None}
    if earlier is not None:
        metrics = _judged(panel, params, fit(earlier, params), x, rows.labels[params.horizon], earlier.fit_time)
    manifest = Manifest(
        kind="topic",
        name=f"{known.name}:{series}",
        model=model.digest,
        fit_time=fit_time,
        features=names,
        window=_window(
            fit_time - params.train, fit_time, int(model.facts["rows"]), int(model.facts["calibration_rows"])
        ),
        data=known.data,
        params=asdict(params),
        seed=params.seed,
        metrics=metrics | {"importance": _topic_importance(model, x[panel.times >= fit_time - params.train])},
        versions=versions(),
        recipe=known.recipe,
        parent=parent,
    )
    return Trained(model, manifest)


def topics_of(known: Ready, series: str) -> tuple[TopicParams, TopicPanel]:
    """What a series' topics are scored by, and their levels at every midnight up to the panel's last row."""
    from bot.signals.storage import seconds_of
    from bot.signals.topic_levels import topic_panel

    trends = trends_of(known.config)
    if trends is None or known.config.trends is None or series not in known.config.trends.series:
        raise ConfigError(f"{known.name}: trends.series: does not name {series}")
    params = trends.params(series)
    published = known.source.catalogue.signals(series)["published_at"]
    if not len(published):
        raise DataError(f"{known.source.described}: signals/{series}: holds nothing")
    first = -(-int(seconds_of(published).min()) // DAY) * DAY
    grid = np.arange(first, int(known.panel.times[-1]) + 1, DAY, dtype=np.int64)
    return params, topic_panel(known.source.catalogue, params.panel_series, grid, None)


def trained_again(manifest: Manifest, data: Path | None) -> Trained:
    """The model of a manifest, trained anew. Raises ConfigError, DataError."""
    known = ready_again(manifest, data)
    if manifest.kind == "asset":
        found = asset_trained(known, manifest.parent)
    else:
        found = topic_trained(known, manifest.name.partition(":")[2], manifest.parent)
    return Trained(found.model, replace(found.manifest, name=manifest.name))


def _judged(
    panel: TopicPanel, params: TopicParams, model: Any, x: Floats, labels: Any, fit_time: int
) -> dict[str, Any]:
    """What the fit a horizon earlier said of the dates that it would have spoken on, beside what came of them."""
    from bot.scoring.registry.metrics import topic_metrics
    from bot.scoring.trends.labels import sampled
    from bot.scoring.trends.model import foretold

    spoke = (panel.times >= fit_time) & (panel.times < fit_time + params.refit) & sampled(panel.times, params.sample)
    rows, topics = np.nonzero(np.isfinite(labels.top) & spoke[:, None])
    if not len(rows):
        return {"out_of_time": None}
    said = foretold(model, x[rows, topics])
    growth = labels.growth[rows, topics]
    inside = {
        nominal: (growth >= said.low[place]) & (growth <= said.high[place])
        for place, nominal in enumerate(params.coverage)
    }
    return topic_metrics(said.probability, labels.top[rows, topics], inside, topics.astype(np.int64), params.seed)


def _importance(model: FittedModel, panel: Panel, params: Any) -> dict[str, float]:
    """Feature -> mean absolute contribution to an expected return over rows of the training window."""
    from bot.scoring.explain import importances
    from bot.scoring.walkforward import steps_of

    _, x = steps_of(params).features_of(panel, params.bar_seconds)
    known = panel.listed & np.isfinite(x).any(axis=2) & (panel.times >= model.fit_time - params.train)[:, None]
    return importances(model, _thinned(x[known]))


def _topic_importance(model: Any, x: Floats) -> dict[str, float]:
    """Feature -> mean absolute contribution to the log odds of being at the top, over rows x (T, K, F)."""
    from bot.scoring.trends.explain import contributions

    amounts = np.sort(np.abs(contributions(model, _thinned(x[np.isfinite(x).any(axis=2)]))), axis=0)
    mean = amounts.sum(axis=0) / max(1, len(amounts))
    found = zip(model.facts["names"], mean.tolist(), strict=True)
    return dict(sorted(found, key=lambda pair: (-pair[1], pair[0])))


def _thinned(rows: Floats) -> Floats:
    """At most so many of the rows, evenly chosen."""
    return rows[:: -(-len(rows) // EXPLAINED_ROWS) or 1]


def _window(first: int, last: int, rows: int, calibration_rows: int) -> dict[str, int]:
    return {"first": first, "last": last, "rows": rows, "calibration_rows": calibration_rows}


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
