// ARFG against ARE: this run, earlier runs and a frontier; a chosen point shows its settings.
const shown = (value) =>
  value === null || value === undefined ? 'not set' : typeof value === 'object' ? JSON.stringify(value) : String(value);
const when = (run) => (run ? run.replace('T', ' ').slice(0, 19) : 'a run without a name');

function tradeoffPoints() {
  const { points: runs, frontier } = DATA.tradeoff;
  const all = [
    ...frontier.map((p, i) => ({
      x: p.are,
      y: p.arfg,
      kind: 'frontier',
      name: `Frontier point ${i + 1}`,
      settings: p.settings,
    })),
    ...runs.map((p) => ({
      x: p.are[0],
      y: p.arfg[0],
      xEnds: p.are.slice(1),
      yEnds: p.arfg.slice(1),
      kind: p.current ? 'current' : 'earlier',
      name: p.current ? 'This run' : `Run of ${when(p.run)}`,
      blessed: p.blessed,
      changes: p.changes,
    })),
  ];
  return all.filter((p) => p.x !== null && p.y !== null);
}

function startTradeoff() {
  const found = tradeoffPoints();
  const { limits, known, gone, points: runs } = DATA.tradeoff;
  const undrawn = runs.length - found.filter((p) => p.kind !== 'frontier').length;
  const aside = el('div', { class: 'panel', id: 'tradeoff-details', 'aria-live': 'polite' });
  const note = [
    known
      ? runs.length > 1
        ? `${runs.length - 1} earlier run${runs.length > 2 ? 's' : ''} of this pipeline with the same tasks and group key, as known when this report was written.`
        : 'No earlier run of this pipeline has a report.'
      : 'Where this run was made, earlier runs are not known.',
    gone ? ` Of ${gone} more the report is gone.` : '',
    undrawn ? ` ${undrawn} ${undrawn > 1 ? 'have' : 'has'} an undefined ARFG or ARE and cannot be drawn.` : '',
  ].join('');
  body('tradeoff').append(
    el(
      'p',
      {},
      'Further down is fairer, further left makes fewer errors. At 1, the model is as the single-task models are. Choose a point to see its settings.',
    ),
    el(
      'div',
      { class: 'split' },
      el(
        'div',
        {},
        found.length
          ? tradeoffChart(found, limits, aside)
          : el('p', { class: 'muted' }, 'ARFG or ARE is undefined in this run: there is nothing to draw.'),
        tradeoffLegend(found, limits),
      ),
      aside,
    ),
    el('p', { class: 'note' }, note),
  );
  const current = found.find((p) => p.kind === 'current');
  if (current) describePoint(current, aside);
}

function tradeoffLegend(found, limits) {
  const entry = (mark, text) => el('li', {}, svg('svg', { width: 18, height: 16, 'aria-hidden': 'true' }, mark), text);
  const has = (test) => found.some(test);
  return el(
    'ul',
    { class: 'legend' },
    has((p) => p.kind === 'current')
      ? el(
          'li',
          {},
          svg('svg', { width: 18, height: 18, 'aria-hidden': 'true' }, ...currentMark(9, 9, DATA.verdict.blessed)),
          `this run (${DATA.verdict.blessed ? 'passed' : 'refused'}), with intervals`,
        )
      : null,
    has((p) => p.kind === 'earlier' && p.blessed)
      ? entry(marker('circle', 9, 8, 4.5, { fill: '#8c959f' }), 'earlier run, passed')
      : null,
    has((p) => p.kind === 'earlier' && !p.blessed) ? entry(cross(9, 8, 4.5, '#57606a'), 'earlier run, refused') : null,
    has((p) => p.kind === 'frontier')
      ? entry(marker('diamond', 9, 8, 4, { fill: '#fff', stroke: '#008a63', 'stroke-width': 2 }), 'frontier')
      : null,
    Object.keys(limits).length
      ? entry(
          line(0, 8, 18, 8, { stroke: '#a33a00', 'stroke-dasharray': '4 3', 'stroke-width': 1.5 }),
          'limit of the gate',
        )
      : null,
  );
}

function describePoint(point, aside) {
  const list = el('dl', { class: 'changes' });
  const entries =
    point.kind === 'frontier'
      ? Object.entries(point.settings).map(([key, value]) => [key, shown(value)])
      : Object.entries(point.changes).map(([key, [there, here]]) => [
          key,
          `${shown(there)} (this run: ${shown(here)})`,
        ]);
  entries.forEach(([key, text]) => list.append(el('dt', {}, key), el('dd', {}, text)));
  aside.replaceChildren(
    el('h3', {}, point.name),
    el(
      'p',
      {},
      `ARE ${decimal(point.x)}, ARFG ${decimal(point.y)}`,
      point.kind === 'frontier' ? '' : point.blessed ? '; passed the gate' : '; refused by the gate',
    ),
    point.kind === 'current'
      ? el('p', { class: 'muted' }, 'Its settings stand under Training.')
      : el(
          'p',
          { class: 'muted' },
          entries.length
            ? point.kind === 'frontier'
              ? 'Its row in the table:'
              : 'Settings that differ from this run:'
            : 'The settings are those of this run.',
        ),
    list,
  );
}
