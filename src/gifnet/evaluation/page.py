"""The report's style and script, which make it one self-contained file."""

from __future__ import annotations

STYLE = """
:root { --ink: #1c2430; --soft: #5b6675; --line: #dde2e9; --ground: #ffffff; --panel: #f6f8fa;
  --accent: #0b6e75; --best: #d9f0e6; --second: #eef7f3; --picture: 210px; color-scheme: light; }
@media (prefers-color-scheme: dark) { :root { --ink: #e3e8ee; --soft: #98a4b3; --line: #323c49;
  --ground: #14191f; --panel: #1c232b; --accent: #58c3c9; --best: #1e4a3b; --second: #1b332c;
  color-scheme: dark; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
header, main, footer { max-width: 1680px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 30px; }
h1 { font-size: 28px; margin: 0 0 4px; letter-spacing: -.01em; }
h2 { font-size: 22px; margin: 46px 0 10px; padding-top: 8px; border-top: 2px solid var(--accent); }
h3 { font-size: 16px; margin: 26px 0 8px; }
p { max-width: 78ch; margin: 6px 0 12px; }
.soft, figcaption { color: var(--soft); }
nav { position: sticky; top: 0; z-index: 2; background: var(--ground);
  border-bottom: 1px solid var(--line); padding: 8px 28px; display: flex; gap: 18px;
  flex-wrap: wrap; font-size: 14px; margin-top: 14px; }
nav a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { padding: 5px 11px; border-bottom: 1px solid var(--line); text-align: right;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0;
  background: var(--ground); }
thead th { color: var(--soft); font-weight: 600; border-bottom: 2px solid var(--line); }
tbody tr:hover td { background: var(--panel); }
td.best { background: var(--best); font-weight: 700; }
td.second { background: var(--second); }
td.mean { font-weight: 700; }
td.bar { min-width: 150px; }
td.bar i { display: block; height: 9px; border-radius: 2px; background: var(--accent); }
.text td { white-space: normal; text-align: left; vertical-align: top; }
.text th { text-align: left; }
.strip { display: grid; grid-auto-flow: column; grid-auto-columns: var(--picture); gap: 8px;
  overflow-x: auto; padding: 10px 12px 14px; background: var(--panel); border-radius: 8px;
  margin: 8px 0 22px; align-items: start; }
.strip figure { margin: 0; display: grid; gap: 4px; }
.strip figcaption { font-size: 13px; line-height: 1.25; height: 2.6em; display: flex;
  align-items: flex-end; overflow: hidden; }
.strip .source figcaption { color: var(--accent); font-weight: 600; }
.frame { position: relative; line-height: 0; }
.frame b { position: absolute; outline: 2px solid #ffcf33; pointer-events: none; }
.strip img { width: 100%; height: auto; cursor: zoom-in; border-radius: 2px; background: #888; }
.strip img.exact { image-rendering: pixelated; }
.strip .rowname { font-size: 12px; color: var(--soft); line-height: 1.2; height: 1.3em;
  margin-top: 4px; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
.blank { background: none; }
dialog { padding: 0; border: 0; background: transparent; max-width: 100vw; max-height: 100vh; }
dialog::backdrop { background: rgba(10, 14, 18, .86); }
dialog img { width: 92vmin; image-rendering: pixelated; cursor: zoom-out; display: block; }
footer { padding-bottom: 60px; }
@media print { nav { display: none; } .strip { overflow: visible; flex-wrap: wrap; } }
"""

SCRIPT = """
const dialog = document.createElement("dialog");
const large = document.createElement("img");
dialog.append(large);
document.body.append(dialog);
dialog.addEventListener("click", () => dialog.close());
document.querySelectorAll(".strip img").forEach((image) => image.addEventListener("click", () => {
  large.src = image.src; large.alt = image.alt; dialog.showModal();
}));
"""
