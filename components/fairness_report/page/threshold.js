// The threshold slider: FPR, TPR and error per group, recomputed from the score histograms.
const thresholdState = { task: DATA.tasks[0], key: DATA.group, who: 'model', bin: 0, own: true };

// More groups would make the slider slow.
const MOST_GROUPS = 200;
const behind = (row, rows) => (rows === 'rows' ? row.negatives + row.positives : row[rows]);

// Rows at and above a bin of a histogram [bins, counts].
const above = (bins, counts, from) => bins.reduce((sum, bin, i) => sum + (bin >= from ? counts[i] : 0), 0);
const total = (counts) => counts.reduce((sum, value) => sum + value, 0);

// Rates of each group with scores from bin `from` on taken as positives.
function ratesAt(key, task, who, from) {
  const found = histograms()[key];
  return found.tasks[task][who].map(([negativeBins, negativeCounts, positiveBins, positiveCounts]) => {
    const [negatives, positives] = [total(negativeCounts), total(positiveCounts)];
    const [fp, tp] = [above(negativeBins, negativeCounts, from), above(positiveBins, positiveCounts, from)];
    const rows = negatives + positives;
    return {
      negatives,
      positives,
      fpr: negatives ? fp / negatives : null,
      tpr: positives ? tp / positives : null,
      error: rows ? (fp + positives - tp) / rows : null,
    };
  });
}

// At the model's own threshold the counts of the evaluation are exact, where a bin's edge is near.
function ownRates(key, task, who) {
  const cells = DATA.rates[key].cells[task][who];
  return DATA.rates[key].groups.map((_, g) => ({
    negatives: cells.fpr.of[g],
    positives: cells.tpr.of[g],
    fpr: cells.fpr.v[g],
    tpr: cells.tpr.v[g],
    error: cells.error.v[g],
  }));
}

function gapOf(rates, rate, rows) {
  const known = rates.filter((r) => r[rate] !== null && r[rows] >= DATA.minCount).map((r) => r[rate]);
  return known.length < 2 ? null : Math.max(...known) - Math.min(...known);
}

function drawThreshold() {
  const { task, key, who, bin, own } = thresholdState;
  const bins = histograms()[key].bins;
  const threshold = own ? DATA.thresholds[task][who] : bin / bins;
  const groups = DATA.rates[key].groups;
  const rates = own ? ownRates(key, task, who) : ratesAt(key, task, who, bin);
  const reference = ownRates(key, task, who);
  $('threshold-output').textContent = threshold.toFixed(own ? 4 : String(bins).length - 1);
  $('threshold-slider').setAttribute('aria-valuetext', `threshold ${threshold.toFixed(3)}`);
  const shift = (now, before) =>
    own || now === null || before === null ? null : el('span', { class: 'ends' }, ` (${signedPoints(now - before)})`);
  const cell = (row, before, rate, rows) =>
    el(
      'td',
      {
        class: `num ${rate}${behind(row, rows) < DATA.minCount ? ' few' : ''}`,
        'data-label': rate === 'error' ? 'Error' : rate.toUpperCase(),
        'data-value': row[rate] === null ? '' : row[rate],
      },
      percent(row[rate]),
      shift(row[rate], before[rate]),
      behind(row, rows) < DATA.minCount ? el('span', { class: 'few-mark' }, 'few') : null,
    );
  const gaps = [
    ['fpr', 'negatives'],
    ['tpr', 'positives'],
  ].map(([rate, rows]) => [rate, gapOf(rates, rate, rows), gapOf(reference, rate, rows)]);
  $('threshold-body').replaceChildren(
    el(
      'p',
      { class: 'print-only' },
      `Task ${task}, groups of ${key}, ${WHO[who]} at threshold ${threshold.toFixed(4)}.`,
    ),
    scroll(
      'Rates at this threshold',
      el(
        'table',
        { id: 'threshold-table', class: 'cards' },
        head(['Group'], ['Negatives', true], ['FPR', true], ['Positives', true], ['TPR', true], ['Error', true]),
        el(
          'tbody',
          {},
          rates
            .slice(0, MOST_GROUPS)
            .map((row, g) =>
              el(
                'tr',
                { 'data-group': groups[g] },
                el('th', { scope: 'row' }, groups[g]),
                el('td', { class: 'num', 'data-label': 'Negatives' }, count(row.negatives)),
                cell(row, reference[g], 'fpr', 'negatives'),
                el('td', { class: 'num', 'data-label': 'Positives' }, count(row.positives)),
                cell(row, reference[g], 'tpr', 'positives'),
                cell(row, reference[g], 'error', 'rows'),
              ),
            ),
        ),
      ),
    ),
    el(
      'p',
      { class: 'note', 'aria-live': 'polite' },
      ...gaps.flatMap(([rate, now, before], i) => [
        i ? ' · ' : '',
        `${rate.toUpperCase()} gap between groups with ${DATA.minCount} rows or more: `,
        el('strong', { id: `threshold-${rate}-gap` }, now === null ? 'undefined' : `${points(now)} points`),
        own || now === null || before === null ? '' : ` (${signedPoints(now - before)})`,
      ]),
      groups.length > MOST_GROUPS
        ? ` · The first ${MOST_GROUPS} of ${groups.length} groups; the gaps are over all.`
        : '',
    ),
    rateCurves(key, task, who, threshold),
  );
}

// FPR over thresholds of the largest groups.
function rateCurves(key, task, who, threshold) {
  const found = histograms()[key];
  const { groups, rows } = DATA.rates[key];
  const largest = groups
    .map((_, g) => g)
    .sort((a, b) => rows[b] - rows[a])
    .slice(0, 6)
    .sort((a, b) => a - b);
  const curve = (g, part) => {
    const [bins, counts] = found.tasks[task][who][g].slice(part, part + 2);
    const all = total(counts);
    if (!all) return [];
    const tail = new Float64Array(found.bins + 1);
    bins.forEach((bin, i) => {
      tail[bin] += counts[i];
    });
    for (let bin = found.bins - 1; bin >= 0; bin -= 1) tail[bin] += tail[bin + 1];
    const steps = Math.min(100, found.bins);
    return Array.from({ length: steps + 1 }, (_, i) => [i / steps, tail[Math.round((i * found.bins) / steps)] / all]);
  };
  const chart = (title, part) =>
    lineChart({
      title,
      series: largest.map((g) => ({ name: groups[g], points: curve(g, part) })),
      upright: threshold,
      x: { low: 0, high: 1, format: (v) => String(v), label: 'threshold' },
      y: { low: 0, high: 1, format: (v) => percent(v, 0) },
    });
  return el(
    'div',
    { class: 'charts' },
    chart('False positive rate by threshold', 0),
    chart('True positive rate by threshold', 2),
  );
}

function startThreshold() {
  const set = (changes) => {
    Object.assign(thresholdState, changes, { own: true });
    settle();
  };
  const settle = () => {
    const bins = histograms()[thresholdState.key].bins;
    thresholdState.bin = Math.round(DATA.thresholds[thresholdState.task][thresholdState.who] * bins);
    Object.assign($('threshold-slider'), { max: bins, value: thresholdState.bin });
    drawThreshold();
  };
  const radio = (who) =>
    el(
      'label',
      {},
      el('input', {
        type: 'radio',
        name: 'threshold-who',
        value: who,
        checked: who === thresholdState.who,
        on: { change: () => set({ who }) },
      }),
      WHO[who],
    );
  const slide = (event) => {
    Object.assign(thresholdState, { bin: Number(event.target.value), own: false });
    drawThreshold();
  };
  $('threshold').append(
    el(
      'div',
      { class: 'panel' },
      el(
        'div',
        { class: 'controls' },
        select(
          'Task',
          DATA.tasks.map((task) => [task, task]),
          thresholdState.task,
          (task) => set({ task }),
          'threshold-task',
        ),
        select(
          'Groups of',
          DATA.groups.map((key) => [key, key]),
          thresholdState.key,
          (key) => set({ key }),
          'threshold-key',
        ),
        el(
          'fieldset',
          {},
          el('legend', {}, 'Scores of the'),
          el('div', { class: 'radios' }, radio('model'), radio('baseline')),
        ),
        el(
          'button',
          { type: 'button', class: 'plain', id: 'threshold-reset', on: { click: () => set({}) } },
          'Back to its own threshold',
        ),
      ),
      el(
        'div',
        { class: 'slider' },
        el('input', {
          type: 'range',
          id: 'threshold-slider',
          min: 0,
          max: 1,
          step: 1,
          'aria-label': 'Decision threshold',
          on: { input: slide },
        }),
        el('output', { id: 'threshold-output', for: 'threshold-slider' }),
      ),
      el('div', { id: 'threshold-body' }),
      el(
        'p',
        { class: 'note' },
        `At the model's own threshold the figures are those of the evaluation; elsewhere they come from histograms of the test scores, in steps of ${1 / histograms()[thresholdState.key].bins}. In brackets: change against the model's own threshold, in points.`,
      ),
    ),
  );
  $('threshold-slider').max = histograms()[thresholdState.key].bins;
  settle();
}
