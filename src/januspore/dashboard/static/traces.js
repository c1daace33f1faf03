// Plots of a record against time. All show the same time; dragging over one zooms in all.
"use strict";
(() => {
  const COLORS = ["#222222", "#8e44ad", "#2e9e4f", "#c0392b"];
  const HEIGHT = 190;
  const box = document.getElementById("traces");
  if (!box) return;
  const told = box.querySelector(".told");
  const place = box.querySelector(".plots");
  const whole = box.querySelector("button");
  const run = box.querySelector("select");
  let plots = [];

  // Leaves a margin, also for a constant line, which is then in the middle of its plot.
  function wide(_plot, low, high) {
    if (low === null) return [0, 1];
    const room = 0.08 * (high - low) || 0.1 * Math.abs(high) || 1;
    return [low - room, high + room];
  }

  async function show(from, to) {
    const address = new URL(box.dataset.from, location.href);
    if (run) address.searchParams.set("run", run.value);
    if (from !== undefined) {
      address.searchParams.set("from", from);
      address.searchParams.set("to", to);
    }
    const answer = await fetch(address);
    const found = await answer.json();
    if (found.fault) {
      told.textContent = found.fault;
      return;
    }
    told.textContent = `each point is the mean over ${+found.mean_over_ps.toPrecision(4)} ps; drag over a plot to zoom in`;
    whole.hidden = from === undefined;
    draw(found);
  }

  function draw(found) {
    plots.forEach((plot) => plot.destroy());
    place.textContent = "";
    plots = found.panels.map((panel) => {
      const part = document.createElement("div");
      const title = document.createElement("h3");
      title.textContent = panel.title + (panel.unit ? `, ${panel.unit}` : "");
      part.append(title);
      place.append(part);
      const names = Object.keys(panel.lines);
      const options = {
        width: part.clientWidth,
        height: HEIGHT,
        cursor: { sync: { key: "time" }, drag: { setScale: false } },
        scales: { x: { time: false }, y: { range: wide } },
        axes: [{ label: "time, ps", labelSize: 18, size: 36 }, { size: 62 }],
        series: [
          { label: "ps" },
          ...names.map((name, k) => ({
            label: name,
            stroke: COLORS[k % COLORS.length],
            width: 1,
            spanGaps: true,
            points: { show: found.time_ps.length < 40 },
          })),
        ],
        hooks: {
          setSelect: [
            (plot) => {
              const { left, width } = plot.select;
              if (width > 3) show(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
            },
          ],
        },
      };
      return new uPlot(options, [found.time_ps, ...names.map((name) => panel.lines[name])], part);
    });
    box.dataset.shown = found.panels.length;
  }

  addEventListener("resize", () => {
    plots.forEach((plot) => plot.setSize({ width: plot.root.parentNode.clientWidth, height: HEIGHT }));
  });
  whole.addEventListener("click", () => show());
  if (run) run.addEventListener("change", () => show());
  show().catch(() => { told.textContent = "The record cannot be read at the moment."; });
})();
