"use strict";
(() => {
  const traces = JSON.parse(document.getElementById("charts").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ink = () => dark.matches
    ? { text: "#c9d1d9", grid: "#2b3440", band: "rgba(90,169,255,.17)", run0: "#5aa9ff", run1: "#f2b154", run2: "#a7b0ba" }
    : { text: "#39434e", grid: "#e4e8ee", band: "rgba(31,111,209,.13)", run0: "#1f6fd1", run1: "#d5851b", run2: "#7d8793" };
  const painted = (trace, inks) => {
    const copy = structuredClone(trace);
    for (const part of [copy.line, copy.marker]) if (part) part.color = inks[part.color] ?? part.color;
    if (copy.fillcolor) copy.fillcolor = inks[copy.fillcolor] ?? copy.fillcolor;
    return copy;
  };
  const draw = () => {
    const inks = ink();
    const axis = { gridcolor: inks.grid, zerolinecolor: inks.text, linecolor: inks.grid, automargin: true };
    const across = {
      folds: { ...axis, type: "category", showgrid: false },
      fan: { ...axis, type: "date", showgrid: false },
      sharpes: { ...axis, showgrid: false, dtick: 1, tickvals: [], title: { text: "paths, from the lowest" } },
    };
    const up = {
      folds: { ...axis, tickformat: "+.0%", hoverformat: "+.2%", zeroline: true },
      fan: { ...axis, tickformat: ".4~f", hoverformat: ".4f", zeroline: false },
      sharpes: { ...axis, tickformat: ".3~f", hoverformat: ".2f", zeroline: true },
    };
    for (const [id, lines] of Object.entries(traces)) {
      Plotly.react(id, lines.map((trace) => painted(trace, inks)), {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: id === "sharpes" ? "closest" : "x unified",
        font: { family: "system-ui, sans-serif", size: 12, color: inks.text }, bargap: 0.28, bargroupgap: 0.06,
        hoverlabel: { bgcolor: dark.matches ? "#1b222b" : "#ffffff", bordercolor: inks.grid, font: { color: inks.text } },
        margin: { l: 64, r: 14, t: 8, b: 44 }, showlegend: true,
        legend: { orientation: "h", yanchor: "bottom", y: 1.02, x: 0, traceorder: "normal" },
        xaxis: across[id], yaxis: up[id],
      }, { responsive: true, displayModeBar: false });
    }
  };
  dark.addEventListener("change", draw);
  draw();
})();
