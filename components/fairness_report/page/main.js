// Starts the page: what is near is drawn at once, the rest when it comes near.
for (const key of ['arfg', 'are']) {
  const picture = gauge(DATA[key], DATA.tradeoff.limits[key]);
  if (picture) document.querySelector(`[data-gauge="${key}"]`).append(picture);
}
const sections = {
  rates: startRates,
  tradeoff: startTradeoff,
  components: startComponents,
  training: startTraining,
  data: startData,
};
for (const [id, start] of Object.entries(sections)) whenNear($(id), start);

// In idle moments all but the components, which are heavy: a jump to a section then does not move under the reader.
function drawIdly(ids) {
  if (!ids.length) return;
  requestIdleCallback(() => {
    drawNow($(ids[0]));
    drawIdly(ids.slice(1));
  });
}
drawIdly(['rates', 'threshold', 'tradeoff', 'training', 'data']);

// Marks in the navigation where the reader is.
const links = new Map(
  [...document.querySelectorAll('nav a')].map((link) => [link.getAttribute('href').slice(1), link]),
);
const inView = new Set();
const reader = new IntersectionObserver(
  (entries) => {
    entries.forEach(({ target, isIntersecting }) =>
      isIntersecting ? inView.add(target.id) : inView.delete(target.id),
    );
    const first = [...links.keys()].find((id) => inView.has(id));
    links.forEach((link, id) =>
      id === first ? link.setAttribute('aria-current', 'true') : link.removeAttribute('aria-current'),
    );
  },
  { rootMargin: '-10% 0px -60% 0px' },
);
links.forEach((_, id) => reader.observe($(id)));
