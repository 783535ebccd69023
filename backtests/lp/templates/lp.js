"use strict";
(() => {
  const traces = JSON.parse(document.getElementById("charts").textContent);
  const shape = JSON.parse(document.getElementById("shape").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const ink = () => dark.matches
    ? { text: "#c9d1d9", grid: "#2b3440", gain: "#3fb27f", loss: "#e5626b", main: "#5aa9ff", second: "#f2b154", third: "#a7b0ba",
      fourth: "#b492e0", price: "#8b98a6", base: "#b492e0", quote: "#5aa9ff", idle: "#59636f", earned: "#3fb27f",
      band: "rgba(90,169,255,.17)", edge: "rgba(90,169,255,.55)", net: "#e3e9ef", faint: "rgba(63,178,127,.14)" }
    : { text: "#39434e", grid: "#e4e8ee", gain: "#2f9e6b", loss: "#cf4752", main: "#1f6fd1", second: "#d5851b", third: "#7d8793",
      fourth: "#8757c4", price: "#8a95a1", base: "#8757c4", quote: "#1f6fd1", idle: "#c3cad3", earned: "#2f9e6b",
      band: "rgba(31,111,209,.13)", edge: "rgba(31,111,209,.45)", net: "#1d2733", faint: "rgba(47,158,107,.12)" };
  const painted = (value, inks) => {
    if (Array.isArray(value)) return value.map((each) => painted(each, inks));
    if (value !== null && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, each]) =>
        [key, /colou?r$/i.test(key) ? (Array.isArray(each) ? each.map((one) => inks[one] ?? one) : inks[each] ?? each)
          : (key === "x" || key === "y" || key === "text") ? each : painted(each, inks)]));
    }
    return value;
  };
  const axes = {
    picture: { tickformat: ",.6~g", range: shape.prices ?? undefined },
    value: { tickformat: ",.4~f" },
    earned: { tickformat: ",.4~f" },
    inventory: { tickformat: ".0%", range: [0, 1] },
    flow: { tickformat: ",.4~f", zeroline: true },
  };
  const hover = { picture: ",.6~g", value: ",.2f", earned: ",.2f", inventory: ".1%", flow: ",.2f" };
  const draw = () => {
    const inks = ink();
    for (const [id, lines] of Object.entries(traces)) {
      const flow = id === "flow";
      const axis = { gridcolor: inks.grid, zerolinecolor: inks.grid, linecolor: inks.grid };
      Plotly.react(id, painted(lines, inks), {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", hovermode: flow ? "closest" : "x unified",
        font: { family: "system-ui, sans-serif", size: 12, color: inks.text },
        hoverlabel: { bgcolor: dark.matches ? "#1b222b" : "#ffffff", bordercolor: inks.grid, font: { color: inks.text } },
        margin: { l: 64, r: 14, t: flow ? 22 : 8, b: flow ? 40 : 44 }, showlegend: !flow,
        legend: { orientation: "h", yanchor: "bottom", y: 1.02, x: 0, traceorder: "normal" },
        xaxis: flow ? { ...axis, fixedrange: true } : { ...axis, type: "date", showgrid: false, range: shape.times },
        yaxis: { ...axis, ...axes[id], hoverformat: hover[id] },
      }, { responsive: true, displayModeBar: false });
    }
  };
  dark.addEventListener("change", draw);
  draw();
})();
