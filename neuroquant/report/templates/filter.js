/* Buttons that show the lines of one verdict alone; a second press shows all again. */
(function () {
  "use strict";
  document.querySelectorAll(".filters").forEach(function (bar) {
    var buttons = bar.querySelectorAll("button");
    var rows = document.querySelectorAll("#" + bar.dataset.filters + " tbody tr");
    buttons.forEach(function (button) {
      button.onclick = function () {
        var chosen = button.getAttribute("aria-pressed") === "true" ? "" : button.value;
        buttons.forEach(function (each) { each.setAttribute("aria-pressed", String(each.value === chosen)); });
        rows.forEach(function (row) { row.hidden = chosen !== "" && row.dataset.kind !== chosen; });
      };
    });
  });
})();
