// The threshold slider: FPR, TPR and error per group, recomputed from the score histograms.
const thresholdState = { task: DATA.tasks[0], key: DATA.group, who: 'model', step: 0, own: true };

// More groups would make the slider slow.
const MOST_GROUPS = 200;
const behind = (row, rows) => (rows === 'rows' ? row.negatives + row.positives : row[rows]);

// Rows behind a cell of a histogram [cells, counts]: those with scores above the cell's threshold.
const above = (cells, counts, step) => cells.reduce((sum, cell, i) => sum + (cell > step ? counts[i] : 0), 0);
const total = (counts) => counts.reduce((sum, value) => sum + value, 0);

// The slider stops at the thresholds between which the scores of a task and model were counted.
const thresholdsOf = ({ task, key, who }) => histograms()[key][task][who].thresholds;

// Rates of each group with scores above a threshold taken as positives.
function ratesAt(key, task, who, step) {
  return histograms()[key][task][who].groups.map(([negativeCells, negativeCounts, positiveCells, positiveCounts]) => {
    const [negatives, positives] = [total(negativeCounts), total(positiveCounts)];
    const [fp, tp] = [above(negativeCells, negativeCounts, step), above(positiveCells, positiveCounts, step)];
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

// The model's own threshold may lie between two of the slider's; its figures are those of the evaluation.
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
  const { task, key, who, step, own } = thresholdState;
  const threshold = own ? DATA.thresholds[task][who] : thresholdsOf(thresholdState)[step];
  const groups = DATA.rates[key].groups;
  const rates = own ? ownRates(key, task, who) : ratesAt(key, task, who, step);
  const reference = ownRates(key, task, who);
  // A threshold of the slider is shown in full, for it divides the rows there and nowhere else.
  const shown = own ? plainNumber(threshold) : String(threshold);
  $('threshold-output').textContent = shown;
  $('threshold-slider').setAttribute('aria-valuetext', `threshold ${shown}`);
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
      `Task ${task}, groups of ${key}, ${WHO[who]} at threshold ${shown}.`,
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

// Place of a threshold on the slider, from 0 to 1, and the threshold at a place. Charts have the slider's scale: scores of
// rare positives all lie near 0.
function placeOf(thresholds, threshold) {
  const behind = thresholds.findIndex((value) => value >= threshold);
  return (behind < 0 ? thresholds.length - 1 : behind) / (thresholds.length - 1);
}
const thresholdAt = (thresholds, place) => thresholds[Math.round(place * (thresholds.length - 1))];

// FPR and TPR over thresholds, of the largest groups.
function rateCurves(key, task, who, threshold) {
  const found = histograms()[key][task][who];
  const last = found.thresholds.length - 1;
  const { groups, rows } = DATA.rates[key];
  const largest = groups
    .map((_, g) => g)
    .sort((a, b) => rows[b] - rows[a])
    .slice(0, 6)
    .sort((a, b) => a - b);
  const curve = (g, part) => {
    const [cells, counts] = found.groups[g].slice(part, part + 2);
    const all = total(counts);
    if (!all) return [];
    const tail = new Float64Array(last + 2);
    cells.forEach((cell, i) => {
      tail[cell] += counts[i];
    });
    for (let cell = last; cell >= 0; cell -= 1) tail[cell] += tail[cell + 1];
    const steps = Math.min(100, last);
    return Array.from({ length: steps + 1 }, (_, i) => {
      const step = Math.round((i * last) / steps);
      return [step / last, tail[step + 1] / all];
    });
  };
  const chart = (title, part) =>
    lineChart({
      title,
      series: largest.map((g) => ({ name: groups[g], points: curve(g, part) })),
      upright: placeOf(found.thresholds, threshold),
      x: {
        low: 0,
        high: 1,
        format: (v) => String(Number(thresholdAt(found.thresholds, v).toPrecision(2))),
        label: 'threshold, on the slider’s scale',
      },
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
    const thresholds = thresholdsOf(thresholdState);
    const last = thresholds.length - 1;
    const own = DATA.thresholds[thresholdState.task][thresholdState.who];
    thresholdState.step = Math.round(placeOf(thresholds, own) * last);
    Object.assign($('threshold-slider'), { max: last, value: thresholdState.step });
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
    Object.assign(thresholdState, { step: Number(event.target.value), own: false });
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
        "At the model's own threshold the figures are those of the evaluation. The slider's other stops lie where the test scores do: close together where there are many, however small, and each figure is that of its threshold as it is shown. In brackets: change against the model's own threshold, in points.",
      ),
    ),
  );
  settle();
}
