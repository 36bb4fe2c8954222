/* Headings of tables of exact values become buttons that sort the rows: numbers by size, words by letters. */
(function () {
  "use strict";
  function key(row, column) {
    var text = row.cells[column].textContent.trim(), number = parseFloat(text.replace(/,/g, "").replace("−", "-"));
    return { number: number, text: text };
  }

  function compare(a, b) {
    var one = isNaN(a.number), other = isNaN(b.number);
    if (one && other) return a.text.localeCompare(b.text);
    return one || other ? Number(one) - Number(other) : a.number - b.number;
  }

  document.querySelectorAll("table.sortable").forEach(function (table) {
    var body = table.tBodies[0], heads = table.tHead.rows[table.tHead.rows.length - 1].cells;
    Array.prototype.forEach.call(heads, function (head, column) {
      var button = document.createElement("button");
      button.className = "sort";
      button.type = "button";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.onclick = function () {
        var up = head.getAttribute("aria-sort") !== "ascending", sign = up ? 1 : -1;
        Array.prototype.forEach.call(heads, function (each) { each.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        Array.from(body.rows)
          .sort(function (a, b) { return sign * compare(key(a, column), key(b, column)); })
          .forEach(function (row) { body.appendChild(row); });
      };
    });
  });
})();
