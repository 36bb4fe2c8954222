/* Three planes and a surface of an original, its reconstruction and a synthesised image, all at the same place. No library,
   and no WebGL: slices and surfaces are drawn on plain canvases. */
(function () {
  "use strict";
  var images = JSON.parse(document.getElementById("images").textContent);
  var byId = function (id) { return document.getElementById(id); };
  var session = byId("session"), modality = byId("modality");
  var PLANES = [2, 1, 0], SLIDERS = document.querySelectorAll(".bar input[type=range]");
  var now = null, at = [0, 0, 0], active = 2, turn = { yaw: 0.6, pitch: 0.3 }, waiting = 0;

  function decode(source, shape, done) {
    if (!source) return done(null);
    var picture = new Image();
    picture.onload = function () {
      var canvas = document.createElement("canvas"), columns = source.columns;
      canvas.width = picture.width; canvas.height = picture.height;
      var context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(picture, 0, 0);
      var points = context.getImageData(0, 0, picture.width, picture.height).data;
      var volume = new Uint8Array(shape[0] * shape[1] * shape[2]), w = shape[0], h = shape[1];
      for (var z = 0, n = 0; z < shape[2]; z++) {
        var left = (z % columns) * w, top = Math.floor(z / columns) * h;
        for (var y = 0; y < h; y++)
          for (var x = 0; x < w; x++) volume[n++] = points[4 * ((top + y) * picture.width + left + x)];
      }
      done(volume);
    };
    picture.src = source.png;
  }

  function colour(value) { /* black, purple, orange, yellow: a short inferno */
    var stops = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
    var place = Math.min(0.9999, Math.max(0, value)) * 4, k = Math.floor(place), f = place - k;
    return stops[k].map(function (c, i) { return c + f * (stops[k + 1][i] - c); });
  }

  function setting(name) { return Number(byId(name).value); }

  function windowed(value) { /* a grey value within the window, 0 to 255 */
    var low = setting("low"), high = Math.max(setting("high"), low + 1);
    return Math.min(255, Math.max(0, (value - low) / (high - low) * 255));
  }

  function shownKinds() {
    return ["original", "reconstruction", "synthesis", "error"].filter(function (kind) {
      return kind === "error" || now[kind];
    });
  }

  function valueOf(kind, i) { /* the first panel fades from the original to its reconstruction */
    if (kind !== "original") return now[kind][i];
    var share = setting("blend");
    return (1 - share) * now.original[i] + share * now.reconstruction[i];
  }

  function drawSlice(kind, plane) {
    var s = now.shape, most = setting("gain");
    var across = plane === 0 ? 1 : 0, up = plane === 2 ? 1 : 2;
    var step = [1, s[0], s[0] * s[1]], w = s[across], h = s[up];
    var canvas = byId(kind + plane), context = canvas.getContext("2d");
    var scale = Math.max(1, Math.ceil(360 / w)), small = document.createElement("canvas");
    small.width = w; small.height = h; canvas.width = w * scale; canvas.height = h * scale;
    var drawn = small.getContext("2d"), picture = drawn.createImageData(w, h);
    for (var y = 0, n = 0; y < h; y++)
      for (var x = 0; x < w; x++, n += 4) {
        var i = at[plane] * step[plane] + x * step[across] + (h - 1 - y) * step[up], rgb;
        if (kind === "error") rgb = colour(Math.abs(now.original[i] - now.reconstruction[i]) / 127.5 / most);
        else { var grey = windowed(valueOf(kind, i)); rgb = [grey, grey, grey]; }
        picture.data[n] = rgb[0]; picture.data[n + 1] = rgb[1]; picture.data[n + 2] = rgb[2]; picture.data[n + 3] = 255;
      }
    drawn.putImageData(picture, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, w * scale, h * scale);
    context.strokeStyle = plane === active ? "#F0E442" : "#56B4E9"; context.globalAlpha = 0.8; context.lineWidth = 1;
    context.beginPath();
    context.moveTo((at[across] + 0.5) * scale, 0); context.lineTo((at[across] + 0.5) * scale, h * scale);
    context.moveTo(0, (h - 0.5 - at[up]) * scale); context.lineTo(w * scale, (h - 0.5 - at[up]) * scale);
    context.stroke();
    canvas.onclick = function (event) {
      var box = canvas.getBoundingClientRect();
      active = plane;
      at[across] = clamp(Math.floor((event.clientX - box.left) / box.width * w), across);
      at[up] = clamp(h - 1 - Math.floor((event.clientY - box.top) / box.height * h), up);
      draw();
    };
  }

  /* The surface of what is brighter than background, seen along parallel rays, lit from the viewer's left and above. */
  function drawSurface(kind) {
    var canvas = byId("surface-" + kind), side = 150, s = now.shape, volume = now[kind];
    canvas.width = canvas.height = side;
    var context = canvas.getContext("2d"), picture = context.createImageData(side, side);
    var cy = Math.cos(turn.yaw), sy = Math.sin(turn.yaw), cp = Math.cos(turn.pitch), sp = Math.sin(turn.pitch);
    var right = [cy, sy, 0], ahead = [-sy * cp, cy * cp, -sp], top = [-sy * sp, cy * sp, cp];
    var reach = Math.sqrt(s[0] * s[0] + s[1] * s[1] + s[2] * s[2]) / 2, least = 36;
    function value(p) {
      var x = Math.round(p[0]), y = Math.round(p[1]), z = Math.round(p[2]);
      return x < 0 || y < 0 || z < 0 || x >= s[0] || y >= s[1] || z >= s[2] ? 0 : volume[x + s[0] * (y + s[1] * z)];
    }
    var zoom = 2 * 0.8 * reach / side, light = [-0.5, -0.7, 0.5];
    for (var v = 0, n = 0; v < side; v++)
      for (var u = 0; u < side; u++, n += 4) {
        var a = (u - side / 2) * zoom, b = (side / 2 - v) * zoom, shade = 0;
        for (var d = -reach; d < reach; d++) {
          var p = [0, 1, 2].map(function (k) { return s[k] / 2 + a * right[k] + b * top[k] + d * ahead[k]; });
          if (value(p) <= least) continue;
          var g = [0, 1, 2].map(function (k) {
            var far = p.slice(), near = p.slice();
            far[k] += 2; near[k] -= 2;
            return value(near) - value(far);
          });
          var size = Math.sqrt(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]) || 1;
          var facing = [0, 1, 2].map(function (k) { return light[0] * right[k] + light[1] * ahead[k] + light[2] * top[k]; });
          shade = 60 + 180 * Math.max(0, (g[0] * facing[0] + g[1] * facing[1] + g[2] * facing[2]) / size);
          break;
        }
        picture.data[n] = picture.data[n + 1] = picture.data[n + 2] = shade; picture.data[n + 3] = 255;
      }
    context.putImageData(picture, 0, 0);
  }

  function surfaces() { /* not more often than they can be drawn */
    if (waiting || !now) return;
    waiting = requestAnimationFrame(function () {
      waiting = 0;
      ["original", "reconstruction", "synthesis"].forEach(function (kind) { if (now[kind]) drawSurface(kind); });
      document.body.dataset.turned = [turn.yaw.toFixed(2), turn.pitch.toFixed(2)].join(" ");
    });
  }

  function clamp(voxel, axis) { return Math.min(now.shape[axis] - 1, Math.max(0, voxel)); }

  function draw() {
    var kinds = shownKinds();
    PLANES.forEach(function (plane) {
      kinds.forEach(function (kind) { drawSlice(kind, plane); });
      var slider = byId("slice" + plane);
      slider.max = now.shape[plane] - 1; slider.value = at[plane];
      slider.oninput = function () { at[plane] = Number(slider.value); active = plane; draw(); };
    });
    var i = at[0] + now.shape[0] * (at[1] + now.shape[1] * at[2]);
    byId("place").textContent = "voxel " + at.join(", ") + " of " + now.shape.join(" x ") +
      (now.step > 1 ? ", every second voxel" : "") + ": " + kinds.filter(function (kind) { return kind !== "error"; })
        .map(function (kind) { return kind + " " + (now[kind][i] / 127.5 - 1).toFixed(2); }).join(", ");
    document.body.dataset.at = at.join(" ");
  }

  function wanted(name) {
    return images.filter(function (image) { return image.session === session.value && image.modality === name; })[0];
  }

  function choose() { /* a session may lack a modality: then another of its images is shown */
    Array.prototype.forEach.call(modality.options, function (option) { option.disabled = !wanted(option.value); });
    var own = images.filter(function (image) { return image.session === session.value; });
    var chosen = wanted(modality.value) || own[0];
    modality.value = chosen.modality;
    decode(chosen.original, chosen.shape, function (original) {
      decode(chosen.reconstruction, chosen.shape, function (reconstruction) {
        decode(chosen.synthesis, chosen.shape, function (synthesis) {
          var fresh = !now || now.shape.join() !== chosen.shape.join();
          now = { step: chosen.step, shape: chosen.shape, original: original, reconstruction: reconstruction,
            synthesis: synthesis };
          if (fresh) at = chosen.shape.map(function (side) { return Math.floor(side / 2); });
          document.querySelectorAll(".synthesis").forEach(function (element) { element.hidden = !synthesis; });
          byId("views").style.setProperty("--kinds", synthesis ? 4 : 3);
          draw(); surfaces();
          document.body.dataset.ready = "yes";
        });
      });
    });
  }

  function step(id, by) { var slider = byId(id); slider.value = Number(slider.value) + by; draw(); }

  var KEYS = {
    ArrowLeft: function () { move(active === 0 ? 1 : 0, -1); }, ArrowRight: function () { move(active === 0 ? 1 : 0, 1); },
    ArrowDown: function () { move(active === 2 ? 1 : 2, -1); }, ArrowUp: function () { move(active === 2 ? 1 : 2, 1); },
    PageUp: function () { move(active, 1); }, PageDown: function () { move(active, -1); },
    a: function () { active = 2; draw(); }, c: function () { active = 1; draw(); }, s: function () { active = 0; draw(); },
    f: function () { var slider = byId("blend"); slider.value = Number(slider.value) < 0.5 ? 1 : 0; draw(); },
    "+": function () { step("high", -8); }, "-": function () { step("high", 8); },
    m: function () { next(modality); }, n: function () { next(session); },
    r: function () {
      SLIDERS.forEach(function (slider) { slider.value = slider.defaultValue; });
      at = now.shape.map(function (side) { return Math.floor(side / 2); });
      turn = { yaw: 0.6, pitch: 0.3 }; draw(); surfaces();
    }
  };

  function move(axis, by) { at[axis] = clamp(at[axis] + by, axis); draw(); }

  function next(choice) {
    var options = Array.prototype.filter.call(choice.options, function (option) { return !option.disabled; });
    var place = options.map(function (option) { return option.value; }).indexOf(choice.value);
    choice.value = options[(place + 1) % options.length].value; choose();
  }

  if (!images.length) return;
  session.onchange = modality.onchange = choose;
  SLIDERS.forEach(function (slider) { slider.oninput = function () { if (now) draw(); }; });
  addEventListener("keydown", function (event) {
    var tag = event.target.tagName, own = tag === "SELECT" || tag === "INPUT";
    if (!now || !KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    if (own && /^(Arrow|Page)/.test(event.key)) return;  /* these move the slider or the list that has the focus */
    KEYS[event.key](); event.preventDefault();
  });
  document.querySelectorAll(".surface").forEach(function (canvas) {
    canvas.onpointerdown = function (event) { canvas.setPointerCapture(event.pointerId); canvas.dataset.held = "yes"; };
    canvas.onpointerup = canvas.onpointercancel = function () { delete canvas.dataset.held; };
    canvas.onpointermove = function (event) {
      if (!canvas.dataset.held) return;
      turn.yaw += event.movementX / 80; turn.pitch = Math.max(-1.5, Math.min(1.5, turn.pitch + event.movementY / 80));
      surfaces();
    };
    canvas.onkeydown = function (event) {
      var by = { ArrowLeft: [-0.2, 0], ArrowRight: [0.2, 0], ArrowUp: [0, -0.2], ArrowDown: [0, 0.2] }[event.key];
      if (!by) return;
      turn.yaw += by[0]; turn.pitch = Math.max(-1.5, Math.min(1.5, turn.pitch + by[1]));
      surfaces(); event.preventDefault(); event.stopPropagation();
    };
  });
  choose();
})();
