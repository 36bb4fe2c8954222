/* Three planes through an original, its reconstruction and their difference, all at the same place. No library. */
(function () {
  "use strict";
  var images = JSON.parse(document.getElementById("images").textContent);
  var session = document.getElementById("session"), modality = document.getElementById("modality");
  var gain = document.getElementById("gain");
  var KINDS = ["original", "reconstruction", "error"], PLANES = [2, 1, 0];
  var now = null, at = [0, 0, 0];

  function decode(source, shape, done) {
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

  function draw() {
    var s = now.shape, o = now.original, r = now.reconstruction, most = Number(gain.value);
    PLANES.forEach(function (plane) {
      var across = plane === 0 ? 1 : 0, up = plane === 2 ? 1 : 2;
      var step = [1, s[0], s[0] * s[1]], w = s[across], h = s[up];
      KINDS.forEach(function (kind) {
        var canvas = document.getElementById(kind + plane), context = canvas.getContext("2d");
        var scale = Math.max(1, Math.ceil(360 / w)), small = document.createElement("canvas");
        small.width = w; small.height = h; canvas.width = w * scale; canvas.height = h * scale;
        var drawn = small.getContext("2d"), shown = drawn.createImageData(w, h);
        for (var y = 0, n = 0; y < h; y++)
          for (var x = 0; x < w; x++, n += 4) {
            var i = at[plane] * step[plane] + x * step[across] + (h - 1 - y) * step[up];
            var grey = kind === "original" ? o[i] : r[i];
            var rgb = kind === "error" ? colour(Math.abs(o[i] - r[i]) / 127.5 / most) : [grey, grey, grey];
            shown.data[n] = rgb[0]; shown.data[n + 1] = rgb[1]; shown.data[n + 2] = rgb[2]; shown.data[n + 3] = 255;
          }
        drawn.putImageData(shown, 0, 0);
        context.imageSmoothingEnabled = false;
        context.drawImage(small, 0, 0, w * scale, h * scale);
        context.strokeStyle = "#56B4E9"; context.globalAlpha = 0.8; context.lineWidth = 1;
        context.beginPath();
        context.moveTo((at[across] + 0.5) * scale, 0); context.lineTo((at[across] + 0.5) * scale, h * scale);
        context.moveTo(0, (h - 0.5 - at[up]) * scale); context.lineTo(w * scale, (h - 0.5 - at[up]) * scale);
        context.stroke();
        canvas.onclick = function (event) {
          var box = canvas.getBoundingClientRect();
          at[across] = Math.min(w - 1, Math.floor((event.clientX - box.left) / box.width * w));
          at[up] = Math.max(0, h - 1 - Math.floor((event.clientY - box.top) / box.height * h));
          sliders(); draw();
        };
      });
    });
    document.getElementById("place").textContent = "voxel " + at.join(", ") + " of " + s.join(" x ") +
      (now.step > 1 ? ", every second voxel" : "");
  }

  function sliders() {
    PLANES.forEach(function (plane) {
      var slider = document.getElementById("slice" + plane);
      slider.max = now.shape[plane] - 1; slider.value = at[plane];
      slider.oninput = function () { at[plane] = Number(slider.value); draw(); };
    });
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
        var fresh = !now || now.shape.join() !== chosen.shape.join();
        now = { step: chosen.step, shape: chosen.shape, original: original, reconstruction: reconstruction };
        if (fresh) at = chosen.shape.map(function (side) { return Math.floor(side / 2); });
        sliders(); draw();
        document.body.dataset.ready = "yes";
      });
    });
  }

  if (images.length) session.onchange = modality.onchange = choose;
  gain.oninput = function () { if (now) draw(); };
  if (images.length) choose();
})();
