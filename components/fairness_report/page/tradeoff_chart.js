// The trade-off's chart: its marks and its points, which a click or Enter chooses.
const cross = (x, y, size, colour) =>
  svg('path', {
    d: `M${x - size} ${y - size}L${x + size} ${y + size}M${x + size} ${y - size}L${x - size} ${y + size}`,
    stroke: colour,
    'stroke-width': 2.5,
    fill: 'none',
  });

// This run: a disc, crossed out where it was refused.
const currentMark = (x, y, blessed) => [
  svg('circle', { cx: x, cy: y, r: 8, fill: COLOUR.model }),
  ...(blessed ? [] : [cross(x, y, 3, '#fff')]),
];

function tradeoffChart(found, limits, aside) {
  const width = Math.min(640, Math.max(340, body('tradeoff').clientWidth));
  const [height, left, bottom] = [Math.max(320, 0.66 * width), 58, 52];
  const range = (axis, limit) => {
    const values = found
      .flatMap((p) => [p[axis], ...(p.kind === 'current' ? (p[`${axis}Ends`] ?? []) : [])])
      .concat([1, limit ?? 1])
      .filter((v) => v !== null && v !== undefined);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const space = 0.08 * (high - low || 1);
    return [low - space, high + space];
  };
  const [xLow, xHigh] = range('x', limits.are);
  const [yLow, yHigh] = range('y', limits.arfg);
  const px = (value) => left + ((width - left - 16) * (value - xLow)) / (xHigh - xLow);
  const py = (value) => height - bottom - ((height - bottom - 14) * (value - yLow)) / (yHigh - yLow);
  const chart = svg('svg', {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    id: 'tradeoff-chart',
    role: 'group',
    'aria-label': 'ARFG against ARE',
  });
  const [right, top] = [width - 16, 14];
  if ('arfg' in limits || 'are' in limits) {
    const [x, y] = [Math.min(right, px(limits.are ?? xHigh)), Math.max(top, py(limits.arfg ?? yHigh))];
    chart.append(
      svg('rect', {
        x: left,
        y,
        width: Math.max(0, x - left),
        height: Math.max(0, height - bottom - y),
        fill: '#e6f4ef',
      }),
      x - left > 110 ? words(left + 8, height - bottom - 8, 'within the limits') : '',
    );
  }
  for (const tick of ticks(xLow, xHigh, width / 100))
    chart.append(
      line(px(tick), top, px(tick), height - bottom, { stroke: '#eef0f2' }),
      words(px(tick), height - bottom + 18, plainNumber(tick), { 'text-anchor': 'middle' }),
    );
  for (const tick of ticks(yLow, yHigh, 6))
    chart.append(
      line(left, py(tick), right, py(tick), { stroke: '#eef0f2' }),
      words(left - 8, py(tick) + 4, plainNumber(tick), { 'text-anchor': 'end' }),
    );
  chart.append(
    line(px(1), top, px(1), height - bottom, { stroke: '#8c959f' }),
    line(left, py(1), right, py(1), { stroke: '#8c959f' }),
  );
  if ('are' in limits)
    chart.append(
      line(px(limits.are), top, px(limits.are), height - bottom, {
        stroke: '#a33a00',
        'stroke-dasharray': '5 4',
        'stroke-width': 1.5,
      }),
    );
  if ('arfg' in limits)
    chart.append(
      line(left, py(limits.arfg), right, py(limits.arfg), {
        stroke: '#a33a00',
        'stroke-dasharray': '5 4',
        'stroke-width': 1.5,
      }),
    );
  chart.append(
    words((left + right) / 2, height - 10, 'ARE: errors relative to single-task models', {
      'text-anchor': 'middle',
      class: 'strong',
    }),
    words(14, (top + height - bottom) / 2, 'ARFG: gaps relative to single-task models', {
      'text-anchor': 'middle',
      class: 'strong',
      transform: `rotate(-90 14 ${(top + height - bottom) / 2})`,
    }),
  );
  const frontier = found.filter((p) => p.kind === 'frontier').sort((a, b) => a.x - b.x);
  if (frontier.length > 1)
    chart.append(
      svg('polyline', {
        points: frontier.map((p) => `${px(p.x)},${py(p.y)}`).join(' '),
        fill: 'none',
        stroke: '#008a63',
        'stroke-width': 1.5,
      }),
    );
  found.forEach((point) => chart.append(tradeoffPoint(point, px, py, chart, aside)));
  return chart;
}

function tradeoffPoint(point, px, py, chart, aside) {
  const [x, y] = [px(point.x), py(point.y)];
  const choose = () => {
    chart.querySelectorAll('.point').forEach((other) => other.setAttribute('aria-pressed', 'false'));
    node.setAttribute('aria-pressed', 'true');
    describePoint(point, aside);
  };
  const keys = (event) => {
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      choose();
    }
  };
  const node = svg('g', {
    class: `point ${point.kind}`,
    tabindex: '0',
    role: 'button',
    'aria-pressed': point.kind === 'current' ? 'true' : 'false',
    'aria-label': `${point.name}: ARE ${decimal(point.x)}, ARFG ${decimal(point.y)}`,
    on: { click: choose, keydown: keys },
  });
  if (point.kind === 'current') {
    const bar = { stroke: COLOUR.model, 'stroke-width': 2 };
    if (point.xEnds[0] !== null) node.append(line(px(point.xEnds[0]), y, px(point.xEnds[1]), y, bar));
    if (point.yEnds[0] !== null) node.append(line(x, py(point.yEnds[0]), x, py(point.yEnds[1]), bar));
  }
  node.append(svg('circle', { class: 'ring', cx: x, cy: y, r: 12, fill: 'transparent', stroke: 'none' }));
  if (point.kind === 'frontier')
    node.append(marker('diamond', x, y, 4, { fill: '#fff', stroke: '#008a63', 'stroke-width': 2 }));
  else if (point.kind === 'current') node.append(...currentMark(x, y, point.blessed));
  else
    node.append(point.blessed ? svg('circle', { cx: x, cy: y, r: 5, fill: '#8c959f' }) : cross(x, y, 4.5, '#57606a'));
  node.append(svg('title', {}, `${point.name}: ARE ${decimal(point.x)}, ARFG ${decimal(point.y)}`));
  return node;
}
