// Elements, numbers and lazy drawing. Data reaches the page as text only: nothing here takes markup.
const $ = (id) => document.getElementById(id);
const readJson = (id) => JSON.parse($(id).textContent);
const DATA = readJson('report-data');
let histogramCache = null;
const histograms = () => (histogramCache ??= readJson('report-histograms'));

const WHO = { baseline: 'single-task', model: 'model' };
const COLOUR = { model: '#0072b2', baseline: '#c14f00' };
// Okabe-Ito; lines of one chart differ in dashes and markers too.
const PALETTE = ['#0072b2', '#c14f00', '#008a63', '#b0578d', '#8a6d00', '#2a8fc7', '#1b1f24'];
const DASHES = ['', '7 3', '2 3', '9 3 2 3', '4 4', '12 4', '1 4'];
const SVG = 'http://www.w3.org/2000/svg';

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'on') for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? '' : value);
  }
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}
const el = (tag, attributes = {}, ...children) => build(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => build(document.createElementNS(SVG, tag), attributes, children);

// Parts of a sentence: [kind, text].
const sentence = (parts) => parts.map(([kind, text]) => (kind === 'text' ? text : el('span', { class: kind }, text)));

const minus = (text) => text.replace('-', '−');
const count = (value) => value.toLocaleString('en');
const percent = (value, digits = 1) => (value === null ? 'undefined' : `${(100 * value).toFixed(digits)} %`);
const points = (value) => (value === null ? 'undefined' : minus(`${(100 * value).toFixed(1)}`));
const signedPoints = (value) => (value === null ? 'undefined' : (value > 0 ? '+' : '') + points(value));
const decimal = (value, digits = 3) => (value === null ? 'undefined' : minus(value.toFixed(digits)));
const plainNumber = (value) =>
  value === null || value === undefined ? '–' : minus(String(Number(value.toPrecision(4))));

// An estimate with its interval in small print.
function estimate(value, lower, upper, format) {
  if (value === null) return ['undefined'];
  if (lower === null || upper === null) return [format(value), el('span', { class: 'ends' }, ' unbounded')];
  const ends = `${format(lower).replace(' %', '')} – ${format(upper).replace(' %', '')}`;
  return [format(value), ' ', el('span', { class: 'ends' }, ends)];
}

function select(label, options, value, change, id) {
  const box = el('select', { id, on: { change: (event) => change(event.target.value) } });
  for (const [key, text] of options) box.append(el('option', { value: key, selected: key === value }, text));
  return el('label', {}, label, box);
}

const scroll = (label, ...children) =>
  el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, ...children);
const head = (...titles) =>
  el(
    'thead',
    {},
    el(
      'tr',
      {},
      titles.map(([text, numeric]) => el('th', { scope: 'col', class: numeric ? 'num' : null }, text)),
    ),
  );

// Draws a section when it comes near the screen, and before printing.
const waiting = new Map();
const watcher = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => drawNow(entry.target)),
  { rootMargin: '400px' },
);
function drawNow(target) {
  const draw = waiting.get(target);
  if (!draw) return;
  waiting.delete(target);
  watcher.unobserve(target);
  draw();
}
function whenNear(target, draw, inPrint = true) {
  waiting.set(target, draw);
  watcher.observe(target);
  if (inPrint) window.addEventListener('beforeprint', () => drawNow(target));
}
const body = (id) => $(id).querySelector('.body');
