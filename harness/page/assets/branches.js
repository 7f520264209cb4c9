"use strict";
/* Opens or closes all branches of a tree. */
for (const button of document.querySelectorAll("button[data-open]"))
  button.addEventListener("click", () => {
    for (const branch of button.closest("section").querySelectorAll("details")) branch.open = !!button.dataset.open;
  });
