"use strict";
(() => {
  const traces = JSON.parse(document.getElementById("charts").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const wheel = ["#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#ff9da7", "#9c755f",
    "#86bcb6", "#d37295", "#8cd17d", "#499894", "#f1ce63", "#a0cbe8", "#d4a6c8", "#79706e"];
  const ink = () => dark.matches
    ? { text: "#c9d1d9", grid: "#2b3440", idle: "#59636f", gain: "#3fb27f", loss: "#e5626b", faint: "rgba(229,98,107,.14)",
      runs: ["#5aa9ff", "#f2b154", "#a7b0ba", "#b492e0"] }
    : { text: "#39434e", grid: "#e4e8ee", idle: "#c3cad3", gain: "#2f9e6b", loss: "#cf4752", faint: "rgba(207,71,82,.10)",
      runs: ["#1f6fd1", "#d5851b", "#7d8793", "#8757c4"] };
  const colour = (role, inks) => {
    if (typeof role !== "string") return role;
    if (role.startsWith("run")) return inks.runs[Number(role.slice(3)) % inks.runs.length];
    if (role === "venue0") return inks.idle;
    if (role.startsWith("venue")) return wheel[(Number(role.slice(5)) - 1) % wheel.length];
    return inks[role] ?? role;
  };
  const painted = (trace, inks) => {
    const copy = structuredClone(trace);
    if (copy.line) copy.line.color = colour(copy.line.color, inks);
    if (copy.fillcolor) copy.fillcolor = colour(copy.fillcolor, inks);
    if (copy.stackgroup) copy.fillcolor = copy.line.color + "cc";
    if (copy.marker) copy.marker.color = copy.marker.color.map((role) => colour(role, inks));
    return copy;
  };
  const axes = {
    equity: { tickformat: ",.4~f" },
    drawdown: { tickformat: ".0%", rangemode: "tozero" },
    weights: { tickformat: ".0%", range: [0, 1] },
    costs: { tickformat: ",.4~f", rangemode: "tozero" },
    attribution: { automargin: true },
  };
  const hover = { equity: ":,.2f", drawdown: ":.2%", weights: ":.2%", costs: ":,.2f" };
  const logarithmic = document.getElementById("log");
  const draw = () => {
    const inks = ink();
    for (const [id, lines] of Object.entries(traces)) {
      const bars = id === "attribution";
      const axis = { gridcolor: inks.grid, zerolinecolor: inks.grid, linecolor: inks.grid };
      const layout = {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: bars ? "closest" : "x unified",
        font: { family: "system-ui, sans-serif", size: 12, color: inks.text },
        hoverlabel: { bgcolor: dark.matches ? "#1b222b" : "#ffffff", bordercolor: inks.grid, font: { color: inks.text } },
        margin: { l: 64, r: 14, t: 8, b: 34 }, showlegend: !bars,
        legend: { orientation: "h", yanchor: "bottom", y: 1.02, x: 0, traceorder: "normal" },
        xaxis: bars ? { ...axis, tickformat: ",.4~f" } : { ...axis, type: "date", showgrid: false },
        yaxis: { ...axis, ...axes[id], hoverformat: hover[id]?.slice(1) },
      };
      if (id === "equity" && logarithmic.checked) layout.yaxis.type = "log";
      Plotly.react(id, lines.map((trace) => painted(trace, inks)), layout,
        { responsive: true, displayModeBar: false });
    }
  };
  logarithmic.addEventListener("change", draw);
  dark.addEventListener("change", draw);
  draw();
})();
