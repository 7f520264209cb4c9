"use strict";
/* Light, dark, or what the system says; remembered where the browser lets a file remember. */
const data = JSON.parse(document.getElementById("data").textContent);
{
  const button = document.getElementById("theme"), themes = ["automatic", "light", "dark"];
  const stored = () => { try { return localStorage.getItem("harness-theme"); } catch { return null; } };
  const use = (theme) => {
    if (theme === "automatic") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    button.textContent = `Colours: ${theme}`;
    button.dataset.is = theme;
  };
  button.hidden = false;
  use(themes.includes(stored()) ? stored() : "automatic");
  button.addEventListener("click", () => {
    const next = themes[(themes.indexOf(button.dataset.is) + 1) % themes.length];
    use(next);
    try { localStorage.setItem("harness-theme", next); } catch { /* a file may have no storage */ }
  });
}

/* An element with text, never markup: names come from outside. */
function make(name, properties = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties))
    if (key === "text") element.textContent = value; else element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}
