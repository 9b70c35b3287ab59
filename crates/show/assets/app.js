// What a page gains from a script. Without it every page reads, links and sends its forms all the same.
// No library, nothing from elsewhere, no text is ever read as markup.
(() => {
  "use strict";
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const one = (selector, from = document) => from.querySelector(selector);
  const make = (name, attributes = {}, ...children) => {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const live = make("div", { class: "sr", role: "status", "aria-live": "polite" });
  document.body.append(live);
  const say = (text) => { live.textContent = text; };

  // Days and instants in the reader's own way of writing them.
  for (const time of all("time[datetime]")) {
    const iso = time.getAttribute("datetime");
    const day = !iso.includes("T");
    const at = new Date(iso);
    if (isNaN(at)) continue;
    const style = day ? { dateStyle: "medium", timeZone: "UTC" } : { dateStyle: "medium", timeStyle: "short" };
    time.title = time.textContent;
    time.textContent = new Intl.DateTimeFormat(undefined, style).format(at);
  }

  // A definition closes with Escape and opens again when it is met anew.
  for (const term of all(".term")) {
    const again = () => term.classList.remove("shut");
    for (const event of ["pointerenter", "pointerleave", "focusin", "focusout"]) term.addEventListener(event, again);
  }

  // Tables sort by the values that stand behind the text; the row of the whole stays last.
  const sortValue = (row, at) => {
    const cell = row.cells[at];
    const data = cell && one("data", cell);
    const text = data ? data.value : cell ? cell.textContent.trim() : "";
    const number = Number(text.replace(/[,%]/g, "").replace("−", "-"));
    return text !== "" && !isNaN(number) ? number : data || text === "–" ? null : text;
  };
  const compare = (a, b) =>
    a === null || b === null ? (a === null) - (b === null) : typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  for (const table of all("table.sortable")) {
    const body = table.tBodies[0];
    if (!body || body.rows.length < 3) continue;
    all("thead th", table).forEach((head, at) => {
      if (!head.textContent.trim()) return;
      const button = make("button", { type: "button", title: "Sort by this column" }, ...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.classList.contains("n") ? head.getAttribute("aria-sort") !== "descending" : head.getAttribute("aria-sort") === "ascending";
        all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const rows = [...body.rows];
        const total = rows.filter((row) => row.classList.contains("total"));
        const others = rows.filter((row) => !row.classList.contains("total"));
        others.sort((a, b) => {
          const [x, y] = [sortValue(a, at), sortValue(b, at)];
          return x === null || y === null ? compare(x, y) : (down ? -1 : 1) * compare(x, y);
        });
        body.append(...others, ...total);
        say(`Sorted by ${button.textContent}, ${down ? "descending" : "ascending"}`);
      });
    });
  }

  // Addresses hold what was chosen and nothing empty; own days take the place of a period.
  for (const form of all("form[method=get]")) {
    form.addEventListener("formdata", ({ formData }) => {
      const days = formData.get("from") && formData.get("to");
      for (const [name, value] of [...formData]) if (value === "" || (days && name === "period")) formData.delete(name);
    });
  }

  // Definitions: find a word while typing.
  const filter = one("[data-filter]");
  if (filter) {
    filter.closest("[hidden]").hidden = false;
    const entries = all(".entry");
    const count = one(".find .count");
    filter.addEventListener("input", () => {
      const wanted = filter.value.trim().toLowerCase();
      for (const entry of entries) entry.hidden = !entry.textContent.toLowerCase().includes(wanted);
      for (const group of all(".words")) group.hidden = !one(".entry:not([hidden])", group);
      const n = entries.filter((entry) => !entry.hidden).length;
      count.textContent = wanted ? `${n} ${n === 1 ? "word" : "words"}` : "";
    });
  }

  // Copy the link that shows the same to a colleague.
  const asks = one(".answer .asks, .rows .asks");
  if (asks && navigator.clipboard) {
    const copy = make("button", { type: "button", class: "plain copy" }, "Copy link");
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(new URL(asks.dataset.link || location.href, location.href).href);
        say("Link copied");
        copy.textContent = "Copied";
      } catch {
        say("The link could not be copied");
      }
      setTimeout(() => { copy.textContent = "Copy link"; }, 2000);
    });
    asks.append(" ", copy);
  }

  // The menu of commands, the way by two letters, and the list of shortcuts.
  const pages = all(".menu nav a");
  const dialog = (label) => {
    const box = make("dialog", { "aria-label": label });
    box.addEventListener("close", () => box.remove());
    box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
    document.body.append(box);
    box.showModal();
    return box;
  };
  const find = () => {
    const box = dialog("Find a page or figure");
    const input = make("input", { type: "text", "aria-label": "Find a page or figure", placeholder: "Find a page or figure", autocomplete: "off" });
    const list = make("ul");
    const places = pages.map((link) => [link.textContent, "page", link.href]);
    for (const figure of all(".figure[aria-label]")) places.push([figure.getAttribute("aria-label"), "figure", `#${figure.id}`]);
    for (const row of all(".ledger tbody tr[id]")) places.push([one(".word", row).textContent, "figure", `#${row.id}`]);
    for (const part of all(".table[id], .plot[id]")) places.push([one("caption, figcaption", part).textContent, part.matches(".plot") ? "chart" : "table", `#${part.id}`]);
    const draw = () => {
      const wanted = input.value.trim().toLowerCase();
      const found = places.filter(([name]) => name.toLowerCase().includes(wanted)).slice(0, 40);
      list.replaceChildren(...found.map(([name, kind, href]) => {
        const link = make("a", { href }, make("span", {}, name), make("small", {}, kind));
        link.addEventListener("click", () => box.close());
        return make("li", {}, link);
      }));
      if (wanted) say(`${found.length} found`);
    };
    input.addEventListener("input", draw);
    box.addEventListener("keydown", (event) => {
      const links = all("a", list);
      const at = links.indexOf(document.activeElement);
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step) { event.preventDefault(); (links[at + step] || (step < 0 ? input : links[links.length - 1]) || input).focus(); }
      if (event.key === "Enter" && document.activeElement === input && links[0]) { event.preventDefault(); links[0].click(); }
    });
    draw();
    box.append(input, list);
    input.focus();
  };
  const help = () => {
    const keys = [["/", "find a page or figure"], ["?", "this list"], ["Esc", "close"], ["← →", "step through a chart"], ...pages.filter((link) => link.dataset.key).map((link) => [`g ${link.dataset.key}`, link.textContent])];
    const list = make("dl", { class: "keys-list" }, ...keys.map(([key, what]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, what))));
    const close = make("button", { type: "button" }, "Close");
    const box = dialog("Shortcuts");
    close.addEventListener("click", () => box.close());
    box.append(make("h2", {}, "Shortcuts"), list, make("p", { class: "soft" }, "Single letters can be switched off in the settings."), close);
    close.focus();
  };
  const letters = document.body.dataset.shortcuts === "on" && pages.length > 0;
  const hint = one(".keys");
  if (hint && letters) hint.hidden = false;
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { all(".term").forEach((term) => term.classList.add("shut")); hideTip(); return; }
    const typing = event.target.closest("input, select, textarea, dialog, [contenteditable]");
    if (!letters || typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (Date.now() - going < 1500) {
      going = 0;
      const link = pages.find((page) => page.dataset.key === event.key.toLowerCase());
      if (link) { event.preventDefault(); link.click(); }
    } else if (event.key === "/") { event.preventDefault(); find(); }
    else if (event.key === "?") { event.preventDefault(); help(); }
    else if (event.key === "g") going = Date.now();
  });

  // Charts: what a mark says stands beside the pointer or the focus; arrow keys step through the
  // points, one stop of the tab key for each chart; keys of series switch them off and on.
  let tip = null;
  let cross = null;
  const hideTip = () => {
    if (tip) tip.remove();
    if (cross) cross.remove();
    tip = cross = null;
  };
  const showTip = (mark, x, y) => {
    hideTip();
    const [head, ...rest] = mark.getAttribute("aria-label").split(/; |: (?=.*; )/);
    tip = make("div", { class: "tip", "aria-hidden": "true" }, make("strong", {}, head), ...rest.map((line) => make("div", {}, line)));
    document.body.append(tip);
    const box = mark.getBoundingClientRect();
    const [left, top] = x === undefined ? [box.left + box.width / 2, box.top] : [x, y];
    const { offsetWidth: width, offsetHeight: height } = tip;
    tip.style.left = `${Math.max(4, Math.min(left + 14, innerWidth - width - 4))}px`;
    tip.style.top = `${top - height - 10 < 4 ? top + 18 : top - height - 10}px`;
    const stretch = mark.matches(".slice") && one("rect", mark);
    if (stretch) {
      cross = document.createElementNS(mark.namespaceURI, "line");
      const [from, high] = ["y", "height"].map((name) => Number(stretch.getAttribute(name)));
      const ends = { class: "crosshair", x1: mark.dataset.x, x2: mark.dataset.x, y1: from, y2: from + high };
      for (const [key, value] of Object.entries(ends)) cross.setAttribute(key, value);
      mark.before(cross);
    }
  };
  for (const chart of all("svg.chart")) {
    const marks = all(".point, .slice", chart);
    // The words of a title become the label; a second tooltip would lie over ours.
    for (const mark of marks) for (const title of all(":scope > title", mark)) {
      mark.setAttribute("aria-label", title.textContent);
      if (!mark.matches("a")) mark.setAttribute("role", "img");
      title.remove();
    }
    const markOf = (event) => event.target.closest && event.target.closest(".point, .slice");
    chart.addEventListener("pointermove", (event) => {
      const mark = markOf(event);
      if (mark) showTip(mark, event.clientX, event.clientY); else hideTip();
    });
    chart.addEventListener("pointerleave", hideTip);
    chart.addEventListener("focusin", (event) => { const mark = markOf(event); if (mark) showTip(mark); });
    chart.addEventListener("focusout", hideTip);
    const slices = marks.filter((mark) => mark.matches(".slice"));
    const links = marks.filter((mark) => mark.matches("a"));
    const stops = links.length ? links : slices.length ? slices : marks;
    if (!stops.length) continue;
    for (const stop of stops) stop.setAttribute("tabindex", "-1");
    stops[0].setAttribute("tabindex", "0");
    chart.addEventListener("keydown", (event) => {
      const at = stops.indexOf(document.activeElement);
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -stops.length, End: stops.length }[event.key];
      if (at < 0 || !step) return;
      event.preventDefault();
      const next = stops[Math.max(0, Math.min(stops.length - 1, at + step))];
      document.activeElement.setAttribute("tabindex", "-1");
      next.setAttribute("tabindex", "0");
      next.focus();
      say(next.getAttribute("aria-label"));
    });
    for (const key of all(".key[data-series]", chart)) {
      const series = all(`.series[data-series="${key.dataset.series}"]`, chart);
      if (!series.length) continue;
      for (const [name, value] of [["role", "button"], ["tabindex", "0"], ["aria-pressed", "true"]]) key.setAttribute(name, value);
      key.setAttribute("aria-label", `Show ${key.textContent.trim()}`);
      const toggle = () => {
        const off = key.getAttribute("aria-pressed") === "true";
        key.setAttribute("aria-pressed", String(!off));
        series.forEach((part) => part.classList.toggle("off", off));
        say(`${key.textContent.trim()} ${off ? "hidden" : "shown"}`);
      };
      key.addEventListener("click", toggle);
      key.addEventListener("keydown", (event) => {
        if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
      });
    }
  }

  // Progress of a build: live where the server sends it, by loading again where not.
  const building = one("[data-building]");
  const notice = one("[data-progress]");
  if (building || notice) {
    const source = new EventSource("/progress");
    source.addEventListener("message", ({ data }) => {
      let news;
      try { news = JSON.parse(data); } catch { return; }
      if (news.over) {
        source.close();
        if (building) location.reload();
        else one("span", notice).replaceChildren("Newer data are ready. ", make("a", { href: location.href }, "Show them"));
      } else if (building && Array.isArray(news.stages)) {
        const count = (n) => Number(n).toLocaleString("en");
        one(".stages", building).replaceChildren(...news.stages.map((stage) => {
          const [kind, shape] = stage.over ? ["good", "●"] : stage.done ? ["watch", "◐"] : ["off", "○"];
          const done = stage.of ? `${count(stage.done)} of ${count(stage.of)}` : stage.done ? count(stage.done) : "";
          return make("li", {}, make("span", { class: `status ${kind}` }, `${shape} ${stage.name}`), make("span", { class: "soft" }, done));
        }));
      } else if (notice && news.text) one("span", notice).textContent = news.text;
    });
    source.addEventListener("error", () => {
      source.close();
      if (building) setTimeout(() => location.reload(), 5000);
    });
  }
})();
