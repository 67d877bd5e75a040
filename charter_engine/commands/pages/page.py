"""What every page is made of: its frame, its tables, and what is folded away."""

import html
from collections.abc import Iterable, Sequence
from typing import Final

COLOURS: Final = 6
"""Of the series of a plot."""

STYLE: Final = """
:root {
  color-scheme: light dark;
  --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --paper: #ffffff; --raised: #f6f8fa;
  --good: #1a7f37; --bad: #b35900;
  --s0: #0969da; --s1: #bc4c00; --s2: #1a7f37; --s3: #8250df; --s4: #bf3989; --s5: #4d6a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6edf3; --faint: #9198a1; --line: #3d444d; --paper: #0d1117; --raised: #151b23;
    --good: #3fb950; --bad: #f0883e;
    --s0: #4493f8; --s1: #f0883e; --s2: #3fb950; --s3: #ab7df8; --s4: #f778ba; --s5: #a5c261;
  }
}
body {
  font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  margin: 2rem auto; padding: 0 1rem; max-width: 76rem;
}
h1 { font-size: 1.5rem; margin-bottom: 0; overflow-wrap: anywhere }
h2 { font-size: 1.1rem; margin-top: 2rem }
p { margin: .4rem 0 }
.faint, figcaption small { color: var(--faint) }
.verdict { font-size: 1.15rem; border-left: 4px solid var(--faint); padding: .3rem 0 .3rem 1rem }
.verdict.better { border-color: var(--good) }
.verdict.worse { border-color: var(--bad) }
.paid { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0 }
.tile {
  flex: 1 1 15rem; background: var(--raised); border-radius: 6px; padding: .7rem 1rem;
  border-top: 3px solid var(--faint);
}
.tile.better { border-color: var(--good) }
.tile.worse { border-color: var(--bad) }
.tile strong { display: block; font-size: 1.3rem; font-variant-numeric: tabular-nums }
.tile span { display: block; color: var(--faint); font-size: .9rem }
.table { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem }
th, td {
  padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line);
  white-space: nowrap;
}
th { color: var(--faint); font-weight: 500 }
th:first-child, td:first-child, .words { text-align: left }
.words { white-space: normal }
.plots {
  display: grid; gap: 1.2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr));
}
.sides {
  display: grid; gap: 0 1.2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(28rem, 100%), 1fr));
}
figure {
  margin: 0; position: relative; background: var(--raised); border-radius: 6px; padding: .7rem;
}
figcaption { font-weight: 500 }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0; padding: 0 }
.legend label { cursor: pointer; font-size: .85rem; color: var(--faint) }
.legend input { accent-color: var(--own); width: .8em; height: .8em; margin: 0 .4em 0 0 }
svg { display: block; width: 100%; height: auto; overflow: visible }
svg text { fill: var(--faint); font-size: 11px }
svg .grid { stroke: var(--line); stroke-width: 1 }
svg .mark { stroke: var(--ink); stroke-dasharray: 3 3 }
svg .band { fill: var(--own); opacity: .18 }
svg .curve { fill: none; stroke: var(--own); stroke-width: 1.5; stroke-linejoin: round }
svg .dot { fill: var(--own) }
svg .bar { fill: var(--own) }
svg .value { fill: var(--ink); font-size: 10px; text-anchor: middle }
svg .cross { stroke: var(--faint); visibility: hidden }
.tip {
  position: absolute; pointer-events: none; visibility: hidden; white-space: pre;
  background: var(--paper); border: 1px solid var(--line); border-radius: 4px;
  padding: .2rem .5rem; font-size: .8rem; font-variant-numeric: tabular-nums;
}
details { margin-top: 1.5rem }
summary { cursor: pointer; color: var(--faint) }
h3 { font-size: .95rem; margin: .7rem 0 .3rem }
pre {
  white-space: pre-wrap; overflow-wrap: anywhere; background: var(--raised); padding: .7rem;
  border-radius: 6px; margin: 0;
}
@media print { .tip, .cross { display: none } }
""" + "".join(
    f'figure:has(input[value="{number}"]:not(:checked)) [data-series="{number}"] '
    "{ display: none }\n"
    for number in range(COLOURS)
)
"""Of a plot, what its legend has unticked is not shown: that needs no script."""

SCRIPT: Final = """
for (const figure of document.querySelectorAll("figure")) {
  const told = figure.querySelector("script");
  if (!told) continue;
  const { at, labels, series } = JSON.parse(told.textContent);
  const svg = figure.querySelector("svg"), cross = svg.querySelector(".cross");
  const tip = figure.querySelector(".tip");
  svg.onpointermove = event => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    let nearest = 0;
    at.forEach((place, index) => {
      if (Math.abs(place - x) < Math.abs(at[nearest] - x)) nearest = index;
    });
    cross.setAttribute("transform", `translate(${at[nearest]} 0)`);
    tip.textContent = [labels[nearest], ...series
      .filter(one => one.values[nearest] !== null)
      .map(one => `${one.name}  ${one.values[nearest]}`)].join("\\n");
    const right = x > svg.viewBox.baseVal.width / 2;
    tip.style.left = right ? "" : `${event.clientX - box.left + 24}px`;
    tip.style.right = right ? `${box.right - event.clientX + 24}px` : "";
    tip.style.top = `${event.clientY - figure.getBoundingClientRect().top}px`;
    cross.style.visibility = tip.style.visibility = "visible";
  };
  svg.onpointerleave = () => { cross.style.visibility = tip.style.visibility = "hidden"; };
}
"""
"""What a pointer over curves shows. Without it all is there all the same."""


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page. `parts` are HTML; there is a script only where they have something for it."""
    body = "\n".join(parts)
    script = f"<script>{SCRIPT}</script>" if "<script" in body else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{text(title)}</title>"
        '<meta name="viewport" content="width=device-width">'
        f"<style>{STYLE}</style></head>\n<body>\n<h1>{text(title)}</h1>\n{body}\n"
        f"{script}</body></html>\n"
    )


def text(words: str) -> str:
    """Words as HTML that shows them and does nothing else."""
    return html.escape(words)


def paragraphs(lines: Iterable[str], kind: str = "") -> str:
    """Each line as a paragraph."""
    named = f' class="{kind}"' if kind else ""
    return "".join(f"<p{named}>{text(line)}</p>" for line in lines)


def verdict(words: str, *, worth: bool | None) -> str:
    """What it comes to, said first; nothing where there are no words."""
    kind = {True: " better", False: " worse", None: ""}[worth]
    return f'<p class="verdict{kind}">{text(words)}</p>' if words else ""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table, its first column a name and the others figures, or words where they have no
    heading."""

    def cell(content: str, heading: str, tag: str) -> str:
        kind = "" if heading else ' class="words"'
        return f"<{tag}{kind}>{text(content)}</{tag}>"

    def row(cells: Sequence[str], tag: str) -> str:
        pairs = zip(cells, header, strict=True)
        return "<tr>" + "".join(cell(content, heading, tag) for content, heading in pairs) + "</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f'<div class="table"><table>{row(header, "th")}{body}</table></div>'


def side_by_side(sides: Iterable[tuple[str, str]]) -> str:
    """Texts beside each other where there is room, each under its name."""
    shown = (f"<div><h3>{text(name)}</h3><pre>{text(words)}</pre></div>" for name, words in sides)
    return f'<div class="sides">{"".join(shown)}</div>'


def section(title: str, *parts: str) -> str:
    """A heading with what is under it; nothing where that is nothing."""
    whole = "".join(parts)
    return f"<section><h2>{text(title)}</h2>{whole}</section>" if whole else ""


def folded(title: str, content: str) -> str:
    """What one opens to read; nothing where that is nothing."""
    return f"<details><summary>{text(title)}</summary>{content}</details>" if content else ""


def grid(plots: Iterable[str]) -> str:
    """Plots beside each other, as many as fit."""
    whole = "".join(plots)
    return f'<div class="plots">{whole}</div>' if whole else ""
