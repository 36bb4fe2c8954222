/* Flickers between modalities, and keeps and saves ratings. No library, no request; all is seen without it. */
(function () {
  "use strict";
  var facts = JSON.parse(document.getElementById("facts").textContent);
  var still = matchMedia("(prefers-reduced-motion: reduce)");
  var PERIOD = 700; /* ms a modality: less than three changes a second */

  document.querySelectorAll(".flicker").forEach(function (button) {
    var picks = [].slice.call(button.parentNode.querySelectorAll(".pick")), timer = 0;
    function next() {
      var now = picks.findIndex(function (pick) { return pick.checked; });
      picks[(now + 1) % picks.length].checked = true;
    }
    function stop() {
      clearInterval(timer);
      timer = 0;
      button.setAttribute("aria-pressed", "false");
    }
    function named() {
      stop();
      button.textContent = still.matches ? "Next modality" : "Flicker";
      if (still.matches) button.removeAttribute("aria-pressed");
    }
    button.onclick = function () {
      if (still.matches) return next();
      if (timer) return stop();
      next();
      timer = setInterval(next, PERIOD);
      button.setAttribute("aria-pressed", "true");
    };
    addEventListener("keydown", function (event) { if (event.key === "Escape" && timer) stop(); });
    picks.forEach(function (pick) { pick.onchange = stop; });
    still.addEventListener("change", named);
    named();
    button.hidden = false;
  });

  var said = document.getElementById("said"), rater = document.getElementById("rater");
  function key(session) { return "neuroquant-rating/" + session.pictures + "/" + session.subject + "/" + session.session; }
  function kept(name) {
    try { return JSON.parse(localStorage.getItem(name)); } catch (error) { return null; }
  }
  function keep(name, value) {
    try { localStorage.setItem(name, JSON.stringify(value)); } catch (error) {
      said.textContent = "This browser doesn't keep ratings: save them before you close the page.";
    }
  }

  var boxes = [].slice.call(document.querySelectorAll(".rating"));
  var ratings = facts.sessions.map(function (session, number) {
    var box = boxes[number], buttons = [].slice.call(box.querySelectorAll("input"));
    var comment = box.querySelector("textarea");
    var mine = kept(key(session)) || { rating: null, comment: "", rated: null };
    function show() {
      buttons.forEach(function (button) { button.checked = button.value === mine.rating; });
      comment.value = mine.comment;
    }
    function change(rating) {
      mine.rating = rating;
      mine.comment = comment.value;
      mine.rated = rating || comment.value ? new Date().toISOString() : null;
      tell();
      keep(key(session), mine);
    }
    buttons.forEach(function (button) { button.onchange = function () { change(button.value); }; });
    comment.oninput = function () { change(mine.rating); };
    box.querySelector(".clear").onclick = function () { change(null); show(); };
    show();
    box.hidden = false;
    return mine;
  });

  function tell() {
    var done = ratings.filter(function (one) { return one.rating; }).length;
    said.textContent = done + " of " + ratings.length + (ratings.length > 1 ? " sessions rated" : " session rated");
  }

  document.getElementById("save").onclick = function () {
    var out = {
      format: facts.format, title: facts.title, rater: rater.value, saved: new Date().toISOString(),
      ratings: facts.sessions.map(function (session, number) { return Object.assign({}, session, ratings[number]); })
    };
    var link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(out, null, 2) + "\n"], { type: "application/json" }));
    link.download = facts.file;
    link.click();
    setTimeout(function () { URL.revokeObjectURL(link.href); }, 1000);
  };

  rater.value = kept("neuroquant-rater") || "";
  rater.oninput = function () { keep("neuroquant-rater", rater.value); };
  tell();
  document.querySelector(".saving").hidden = false;
})();
