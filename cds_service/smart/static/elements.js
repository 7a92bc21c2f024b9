// Elements from data. Text goes in as text: what a record says is never parsed as HTML.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, properties, parts) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...parts.flat(Infinity).filter((part) => part !== undefined && part !== null && part !== ""));
  return node;
}

export const element = (tag, properties = {}, ...parts) => filled(document.createElement(tag), properties, parts);

export const drawn = (tag, properties = {}, ...parts) => filled(document.createElementNS(SVG, tag), properties, parts);

// One shape per urgency, so that colour is never the only sign.
const SHAPES = {
  critical: ["M7 2h10l5 5v10l-5 5H7l-5-5V7z", "M12 7v6M12 16.5v.5"],
  warning: ["M12 3 22.5 21h-21z", "M12 10v5M12 17.7v.3"],
  info: ["M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20z", "M12 11v6M12 7.2v.3"],
};

export function icon(indicator) {
  const [shape, mark] = SHAPES[indicator] ?? SHAPES.info;
  return drawn(
    "svg",
    { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" },
    drawn("path", { d: shape, class: "icon-shape" }),
    drawn("path", { d: mark, class: "icon-mark" }),
  );
}

// The tree of a card's detail, as the service takes it apart: strings, and {tag, href, parts}.
const TAGS = new Set(["p", "br", "hr", "h1", "h2", "h3", "h4", "blockquote", "pre", "code", "strong", "em", "s", "a", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"]);

export function tree(parts) {
  return parts.map((part) => {
    if (typeof part === "string") return document.createTextNode(part);
    if (!TAGS.has(part.tag)) return element("span", {}, tree(part.parts));
    return element(part.tag, part.tag === "a" ? outward(part.href) : {}, tree(part.parts));
  });
}

export function outward(url) {
  return /^https?:\/\//i.test(url ?? "") ? { href: url, target: "_blank", rel: "noopener noreferrer" } : {};
}
