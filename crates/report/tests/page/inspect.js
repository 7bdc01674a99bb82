// Looks at the page in the frame, and writes what it finds into `#found`: first `key=value` facts,
// then one line per fault.
const luminance = (channels) => {
  const [r, g, b] = channels.map((value) => {
    const share = value / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
const contrast = (one, other) => {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};

function inspect(frame) {
  const page = frame.contentDocument;
  const style = (element) => frame.contentWindow.getComputedStyle(element);
  const isShown = (element) => element.getClientRects().length > 0;
  const found = [];

  const charts = [...page.querySelectorAll("svg")].filter(isShown);
  const dark = frame.contentWindow.matchMedia("(prefers-color-scheme: dark)").matches;
  found.push(`scheme=${dark ? "dark" : "light"}`);
  found.push(`widths=${charts.map((chart) => chart.viewBox.baseVal.width).join(" ")}`);
  found.push(`requests=${frame.contentWindow.performance.getEntriesByType("resource").length}`);

  const root = page.documentElement;
  if (root.scrollWidth > root.clientWidth) {
    found.push(`the page is ${root.scrollWidth} px wide in ${root.clientWidth} px`);
  }

  const surface = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(style(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  for (const element of page.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!hasText || !isShown(element) || element.tagName === "title") continue;
    const ink = element.tagName === "text" ? style(element).fill : style(element).color;
    const ratio = contrast(channels(ink), channels(surface(element).join(" ")));
    if (ratio < 4.5) found.push(`contrast ${ratio.toFixed(2)}: ${element.textContent}`);
  }

  for (const chart of charts) {
    const edge = chart.getBoundingClientRect();
    const scale = edge.width / chart.viewBox.baseVal.width;
    const texts = [...chart.querySelectorAll("text")].map((text) => {
      const { left, top, right, bottom } = text.getBoundingClientRect();
      const px = parseFloat(style(text).fontSize) * scale;
      return { words: text.textContent, left, top, right, bottom, px };
    });
    texts.forEach((text, index) => {
      if (text.px < 11) found.push(`type of ${text.px.toFixed(1)} px: ${text.words}`);
      if (text.left < edge.left || text.right > edge.right) found.push(`cut off: ${text.words}`);
      if (text.top < edge.top || text.bottom > edge.bottom) found.push(`cut off: ${text.words}`);
      for (const other of texts.slice(0, index)) {
        const meet = text.left < other.right && other.left < text.right
          && text.top < other.bottom && other.top < text.bottom;
        if (meet) found.push(`${text.words} on ${other.words}`);
      }
    });
  }

  for (const table of page.querySelectorAll(".scroll")) {
    if (table.scrollWidth <= table.clientWidth) continue;
    found.push("scrolls=true");
    if (table.tabIndex !== 0) found.push("a table that scrolls cannot be focused");
    if (table.getAttribute("role") !== "region") found.push("a table that scrolls has no role");
    if (!table.getAttribute("aria-label")) found.push("a table that scrolls has no name");
    if (!style(table).backgroundImage.includes("gradient")) found.push("no shadow at the edge");
    const far = Math.min(40, table.scrollWidth - table.clientWidth);
    table.scrollLeft = far;
    if (table.scrollLeft !== far) found.push("a table does not scroll");
    table.scrollLeft = 0;
  }
  return found;
}

addEventListener("load", () => {
  const frame = document.querySelector("iframe");
  document.querySelector("#found").textContent = inspect(frame).join("\n");
});
