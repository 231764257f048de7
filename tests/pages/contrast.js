// How many pieces of text are shown, and those whose contrast with their ground is below what WCAG 2.1 AA asks for.
() => {
  // A mixed color is color(srgb 0.1 0.2 0.3).
  const channels = (color) => color.match(/[\d.]+/g).map((part) => Number(part) * (color.startsWith("color(") ? 255 : 1));
  const linear = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const luminance = ([red, green, blue]) => 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = channels(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const faint = [];
  let lookedAt = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("title") || !element.checkVisibility()) continue;
    lookedAt += 1;
    const style = getComputedStyle(element);
    const [one, other] = [channels(element.closest("svg") ? style.fill : style.color), ground(element)].map(luminance);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 60)}`);
  }
  return [lookedAt, [...new Set(faint)]];
}
