// Draws each figure's data with Plotly in the place of its still picture, in the page's colours.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const figures = [...document.querySelectorAll("figure")].map((figure) => ({
    still: figure.querySelector(".still"),
    plot: figure.querySelector(".plot"),
    data: figure.querySelector("script").textContent,
  }));

  function coloured(text) {
    const style = getComputedStyle(document.documentElement);
    return text.replace(/var\((--[\w-]+)\)/g, (_, name) => style.getPropertyValue(name).trim());
  }

  function draw({ still, plot, data }) {
    const { data: traces, layout } = JSON.parse(coloured(data));
    layout.font.family = getComputedStyle(document.body).fontFamily;
    const narrow = document.documentElement.clientWidth < 700;
    if (narrow) layout.dragmode = false; // a finger scrolls the page
    plot.hidden = false;
    still.hidden = true;
    return Plotly.react(plot, traces, layout, {
      displayModeBar: false,
    }).catch((error) => {
      plot.hidden = true;
      still.hidden = false;
      throw error;
    });
  }

  const drawAll = () => figures.forEach(draw);
  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => {
    if (target.clientWidth && target.layout) Plotly.Plots.resize(target);
  }));
  drawAll();
  figures.forEach(({ plot }) => resized.observe(plot));
  dark.addEventListener("change", drawAll);
})();
