// Small charts in SVG.
const line = (x1, y1, x2, y2, attributes = {}) => svg('line', { x1, y1, x2, y2, stroke: '#d5d9de', ...attributes });
const words = (x, y, text, attributes = {}) => svg('text', { x, y, ...attributes }, text);

function marker(shape, x, y, size, attributes) {
  if (shape === 'circle') return svg('circle', { cx: x, cy: y, r: size, ...attributes });
  if (shape === 'square')
    return svg('rect', { x: x - size, y: y - size, width: 2 * size, height: 2 * size, ...attributes });
  const corners =
    shape === 'diamond'
      ? [
          [0, -1.3],
          [1.3, 0],
          [0, 1.3],
          [-1.3, 0],
        ]
      : [
          [0, -1.2],
          [1.15, 0.9],
          [-1.15, 0.9],
        ];
  return svg('polygon', {
    points: corners.map(([dx, dy]) => `${x + size * dx},${y + size * dy}`).join(' '),
    ...attributes,
  });
}
const SHAPES = ['circle', 'square', 'triangle', 'diamond'];

// Round numbers between two others.
function ticks(low, high, wanted = 4) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-6; value += step)
    found.push(Number(value.toPrecision(12)));
  return found;
}

// A value, its interval and its limit on a line with 1 marked.
function gauge(found, limit) {
  if (found.value === null) return null;
  const ends = found.interval ?? [found.value, found.value];
  const top = Math.max(1.2, ends[1], limit ?? 0) * 1.05;
  const x = (value) => 6 + (288 * value) / top;
  return svg(
    'svg',
    {
      viewBox: '0 0 300 40',
      width: 300,
      height: 40,
      role: 'img',
      'aria-label': `${decimal(found.value)} between 0 and ${decimal(top, 1)}`,
    },
    line(6, 14, 294, 14, { 'stroke-width': 3 }),
    line(x(1), 7, x(1), 21, { stroke: '#57606a' }),
    words(x(1), 34, '1', { 'text-anchor': 'middle' }),
    limit === undefined
      ? null
      : line(x(limit), 4, x(limit), 24, { stroke: '#a33a00', 'stroke-width': 2, 'stroke-dasharray': '3 2' }),
    limit === undefined
      ? null
      : words(x(limit), 37, Math.abs(x(limit) - x(1)) < 24 ? '' : `limit`, { 'text-anchor': 'middle' }),
    line(x(ends[0]), 14, x(ends[1]), 14, { stroke: COLOUR.model, 'stroke-width': 5, 'stroke-opacity': 0.4 }),
    svg('circle', { cx: x(found.value), cy: 14, r: 6, fill: COLOUR.model }),
  );
}

// Model (filled circle) under baseline (open square), with intervals, on a scale that the table shares.
function strip(cells, low, high) {
  const x = (value) => 6 + (148 * (value - low)) / (high - low || 1);
  const picture = svg(
    'svg',
    { viewBox: '0 0 160 26', width: 160, height: 26, 'aria-hidden': 'true' },
    line(6, 13, 154, 13, { stroke: '#eef0f2' }),
  );
  for (const [who, y] of [
    ['baseline', 7],
    ['model', 19],
  ]) {
    const [value, lower, upper] = cells[who];
    if (value === null) continue;
    const clip = (end) => Math.min(high, Math.max(low, end));
    if (lower !== null)
      picture.append(line(x(clip(lower)), y, x(clip(upper)), y, { stroke: COLOUR[who], 'stroke-width': 2 }));
    picture.append(
      marker(who === 'model' ? 'circle' : 'square', x(clip(value)), y, 4, {
        fill: who === 'model' ? COLOUR.model : '#fff',
        stroke: COLOUR[who],
        'stroke-width': 2,
      }),
    );
  }
  return picture;
}

function swatch(series, index) {
  const style = seriesStyle(series, index);
  return svg(
    'svg',
    { width: 30, height: 12, 'aria-hidden': 'true' },
    line(0, 6, 30, 6, { stroke: style.colour, 'stroke-width': 2, 'stroke-dasharray': style.dash }),
    marker(style.shape, 15, 6, 3.2, {
      fill: style.hollow ? '#fff' : style.colour,
      stroke: style.colour,
      'stroke-width': 1.5,
    }),
  );
}
const seriesStyle = (series, index) => ({
  colour: series.colour ?? PALETTE[index % PALETTE.length],
  dash: series.dash ?? DASHES[index % DASHES.length],
  shape: series.shape ?? SHAPES[index % SHAPES.length],
  hollow: series.hollow ?? false,
});
const legend = (series) =>
  el(
    'ul',
    { class: 'legend' },
    series.map((s, i) => el('li', {}, swatch(s, i), el('span', {}, s.name))),
  );

// Lines over x. Options: title, series [{name, points [[x, y]], markers}], x and y {low, high, format, label}, upright (a value of x), diagonal.
function lineChart({ title, series, x, y, upright, diagonal, showLegend = true, width = 380, height = 240 }) {
  const all = series.flatMap((s) => s.points).filter(([, v]) => v !== null);
  const yLow = y.low ?? Math.min(...all.map(([, v]) => v));
  const yHigh = y.high ?? Math.max(...all.map(([, v]) => v));
  const xLow = x.low ?? Math.min(...all.map(([v]) => v));
  const xHigh = x.high ?? Math.max(...all.map(([v]) => v));
  const left = 52;
  const px = (value) => left + ((width - left - 12) * (value - xLow)) / (xHigh - xLow || 1);
  const py = (value) => height - 42 - ((height - 54) * (value - yLow)) / (yHigh - yLow || 1);
  const picture = svg('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': title });
  for (const tick of ticks(yLow, yHigh))
    picture.append(
      line(left, py(tick), width - 12, py(tick), { stroke: '#eef0f2' }),
      words(left - 6, py(tick) + 4, y.format(tick), { 'text-anchor': 'end' }),
    );
  for (const tick of ticks(xLow, xHigh, 5))
    if (!x.whole || Number.isInteger(tick))
      picture.append(words(px(tick), height - 26, x.format(tick), { 'text-anchor': 'middle' }));
  picture.append(
    line(left, height - 42, width - 12, height - 42, { stroke: '#8c959f' }),
    words((left + width - 12) / 2, height - 6, x.label, { 'text-anchor': 'middle' }),
  );
  if (y.label) picture.append(words(left - 44, 10, y.label));
  if (diagonal)
    picture.append(line(px(xLow), py(yLow), px(xHigh), py(yHigh), { stroke: '#b6bcc2', 'stroke-dasharray': '3 3' }));
  if (upright !== undefined && upright !== null)
    picture.append(
      line(px(upright), 12, px(upright), height - 42, {
        stroke: '#57606a',
        'stroke-dasharray': '4 3',
        class: 'upright',
      }),
    );
  series.forEach((s, index) => {
    const style = seriesStyle(s, index);
    const found = s.points.filter(([, value]) => value !== null);
    const path = found.map(([a, b], i) => `${i ? 'L' : 'M'}${px(a).toFixed(1)} ${py(b).toFixed(1)}`).join('');
    picture.append(
      svg('path', {
        d: path,
        fill: 'none',
        stroke: style.colour,
        'stroke-width': 2,
        'stroke-dasharray': style.dash,
        'stroke-linejoin': 'round',
      }),
    );
    const every = Math.max(1, Math.ceil(found.length / 12));
    found.forEach(([a, b], i) => {
      if ((i + index * 2) % every === 0)
        picture.append(
          marker(style.shape, px(a), py(b), 3.2, {
            fill: style.hollow ? '#fff' : style.colour,
            stroke: style.colour,
            'stroke-width': 1.5,
          }),
        );
    });
  });
  return el('figure', {}, el('figcaption', {}, title), picture, showLegend ? legend(series) : null);
}
