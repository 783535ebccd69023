"use strict";
(() => {
  const { traces, axes } = JSON.parse(document.getElementById("document").textContent).derived;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let printing = false;
  const narrow = () => window.innerWidth < 640;
  const wheel = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#ff9da7", "#9c755f",
    "#86bcb6", "#d37295", "#8cd17d", "#499894", "#f1ce63", "#a0cbe8", "#d4a6c8", "#79706e"];
  const ink = () => dark.matches && !printing
    ? { text: "#c9d1d9", grid: "#2b3440", idle: "#59636f", others: "#8a94a0", gain: "#3fb27f", loss: "#e5626b", band: "rgba(0,0,0,0)",
      faint: "rgba(229,98,107,.14)", outer: "rgba(90,169,255,.13)", inner: "rgba(90,169,255,.25)", label: "#1b222b",
      middle: "#181f28", costs: ["#f2b154", "#e5626b", "#b492e0"], runs: ["#5aa9ff", "#f2b154", "#a7b0ba", "#b492e0"] }
    : { text: "#39434e", grid: "#e4e8ee", idle: "#c3cad3", others: "#9aa4af", gain: "#2f9e6b", loss: "#cf4752", band: "rgba(0,0,0,0)",
      faint: "rgba(207,71,82,.10)", outer: "rgba(31,111,209,.12)", inner: "rgba(31,111,209,.24)", label: "#ffffff",
      middle: "#ffffff", costs: ["#e09a35", "#cf4752", "#8757c4"], runs: ["#1f6fd1", "#d5851b", "#7d8793", "#8757c4"] };
  const colour = (role, inks) => {
    if (typeof role !== "string") return role;
    const place = Number(/\d+$/.exec(role)?.[0]);
    if (/^run\d+$/.test(role)) return inks.runs[place % inks.runs.length];
    if (/^cost\d+$/.test(role)) return inks.costs[place % inks.costs.length];
    if (/^venue\d+$/.test(role)) return wheel[(place - 1) % wheel.length];
    return inks[role] ?? role;
  };
  const painted = (trace, inks) => {
    const copy = structuredClone(trace);
    const paint = (thing) => {
      if (!thing || thing.color === undefined) return;
      thing.color = Array.isArray(thing.color) ? thing.color.map((role) => colour(role, inks)) : colour(thing.color, inks);
    };
    [copy.line, copy.marker, copy.connector?.line, copy.increasing?.marker, copy.decreasing?.marker,
      copy.totals?.marker].forEach(paint);
    if (copy.fillcolor) copy.fillcolor = colour(copy.fillcolor, inks);
    if (copy.stackgroup) copy.fillcolor = copy.line.color + "cc";
    if (copy.colorscale === "heat") {
      copy.colorscale = [[0, inks.loss], [0.5, inks.middle], [1, inks.gain]];
      copy.colorbar = { thickness: 12, outlinewidth: 0 };
    }
    if (copy.type === "waterfall") {
      copy.constraintext = "none";
      if (narrow()) copy.textposition = "none";  // the table below has them
    }
    // A name instead of values: an axis of unix seconds that several traces share.
    if (typeof copy.x === "string") copy.x = axes[copy.x].map((at) => at * 1000);
    return copy;
  };
  const money = ",.4~f";
  const kinds = {
    equity: { y: { tickformat: money, hoverformat: ",.2f" } },
    drawdown: { y: { tickformat: ".3~%", hoverformat: ".2%", rangemode: "tozero" } },
    sharpe: { y: { tickformat: ".3~f", hoverformat: ".2f", zeroline: true } },
    weights: { y: { tickformat: ".0%", hoverformat: ".2%", range: [0, 1] } },
    turnover: { y: { tickformat: ".3~%", rangemode: "tozero" }, single: true },
    waterfall: { y: { tickformat: money }, x: { type: "category", automargin: true }, single: true },
    costs: { y: { tickformat: money, hoverformat: ",.2f", rangemode: "tozero" } },
    fan: { y: { tickformat: money, hoverformat: ",.2f" } },
    attribution: { y: { automargin: true, dtick: 1, type: "category" }, x: { tickformat: money, type: "-" }, single: true },
    folds: { y: { tickformat: ".3~%", hoverformat: ".2%" }, x: { type: "category" } },
    paths: { y: { tickformat: ".3~f", hoverformat: ".3f" }, closest: true },
    heat: { y: { type: "category", automargin: true }, x: { type: "category", automargin: true }, single: true },
  };
  const logarithmic = document.getElementById("log");
  const draw = () => {
    const inks = ink();
    for (const [id, lines] of Object.entries(traces)) {
      const place = document.getElementById(id);
      if (!place || lines.length === 0) continue;
      const kind = kinds[id];
      const axis = { gridcolor: inks.grid, zerolinecolor: inks.grid, linecolor: inks.grid };
      const layout = {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", separators: ".,",
        hovermode: kind.single || kind.closest ? "closest" : "x unified",
        font: { family: "system-ui, sans-serif", size: 12, color: inks.text },
        hoverlabel: { bgcolor: inks.label, bordercolor: inks.grid, font: { color: inks.text } },
        margin: { l: narrow() ? 52 : 64, r: 14, t: id === "waterfall" ? 24 : 8, b: 34 }, showlegend: !kind.single,
        legend: { orientation: "h", yanchor: "bottom", y: 1.02, x: 0, traceorder: "normal", font: { size: 11 } },
        xaxis: { ...axis, type: "date", showgrid: false, nticks: narrow() ? 4 : undefined, ...kind.x },
        yaxis: { ...axis, automargin: true, ...kind.y },
        bargap: 0.25, barmode: "group",
        // Paper has its own width, which cannot be measured before it is printed on.
        width: printing ? 650 : undefined, autosize: !printing,
      };
      const bars = lines[0].x;
      if (id === "turnover" && bars.length <= (narrow() ? 3 : 6)) {
        Object.assign(layout.xaxis, { tickmode: "array", tickvals: bars, tickformat: "%-d %b %Y" });
      }
      if (id === "attribution") layout.xaxis.showgrid = true;
      if (id === "equity" && logarithmic.checked) layout.yaxis.type = "log";
      Plotly.react(id, lines.map((trace) => painted(trace, inks)), layout,
        { responsive: true, displayModeBar: false });
    }
  };
  const print = (now) => () => {
    printing = now;
    draw();
    if (!now) document.querySelectorAll(".js-plotly-plot").forEach((place) => Plotly.Plots.resize(place));
  };
  logarithmic.addEventListener("change", draw);
  dark.addEventListener("change", draw);
  window.addEventListener("beforeprint", print(true));
  window.addEventListener("afterprint", print(false));
  draw();
})();
