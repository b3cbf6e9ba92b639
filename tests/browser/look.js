// Looks at the page that is shown; every function gives what is wrong with it, in words. It comes with axe.
const looks = (() => {
  const all = selector => [...document.querySelectorAll(selector)];
  const told = node => node.outerHTML.replace(/\s+/g, " ").slice(0, 160);
  const focusable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";

  // What axe doesn't look at.
  function markup() {
    const ids = all("[id]").map(node => node.id);
    return [
      ...[...new Set(ids.filter((id, place) => ids.indexOf(id) !== place))].map(id => `twice the id ${id}`),
      ...all("table").filter(node => !node.caption).map(node => `no caption: ${told(node)}`),
      ...all("svg.chart").filter(node => node.getAttribute("role") !== "img" || !node.querySelector("title"))
        .map(node => `no name: ${told(node)}`),
      ...all("main [style]").map(node => `a style of its own: ${told(node)}`),
    ];
  }

  // Whether one sees where the keyboard is; the keyboard has to have been used before.
  function focus() {
    const unseen = all(focusable).filter(node => {
      node.focus();
      const style = getComputedStyle(node);
      const shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      return document.activeElement === node && !shown;
    });
    document.activeElement.blur();
    return unseen.map(node => `focus isn't seen: ${told(node)}`);
  }

  function width() {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return [];
    const scrolls = node => node !== document.body && (getComputedStyle(node).overflowX !== "visible" || scrolls(node.parentElement));
    const end = node => node.getBoundingClientRect().left + Math.max(node.offsetWidth, node.scrollWidth);
    const wide = all("body *").filter(node => end(node) > clientWidth && !scrolls(node));
    return [`wider than the window by ${scrollWidth - clientWidth}: ${wide.slice(0, 3).map(told).join(" ")}`];
  }

  function print() {
    const useless = all("nav:not(.pager), form.filters, .me, .skip, button, .button");
    return useless.filter(node => node.checkVisibility()).map(node => `printed: ${told(node)}`);
  }

  // `type` is "tag" or "rule".
  async function rules([type, values]) {
    const found = await axe.run(document, { runOnly: { type, values }, resultTypes: ["violations"] });
    return found.violations.flatMap(rule => rule.nodes.map(node => {
      const why = [...node.any, ...node.all, ...node.none].map(check => check.message).join("; ");
      return `${rule.id}: ${node.html.replace(/\s+/g, " ").slice(0, 160)} [${node.target.join(" ")}] ${why}`;
    }));
  }

  return { markup, focus, width, print, rules };
})();
