// Tasks × groups: rates of both models with intervals and counts; sorted and filtered.
const METRICS = {
  fpr: { name: 'False positive rate', rows: 'negatives', format: percent, gap: true },
  tpr: { name: 'True positive rate', rows: 'positives', format: percent, gap: true },
  error: { name: 'Error', rows: 'rows', format: percent, total: 'error' },
  auc: { name: 'AUC', rows: 'rows', format: decimal, total: 'auc' },
};
const PAGE_ROWS = 60;
const rateState = { task: '', key: DATA.group, metric: 'fpr', find: '', sort: 'task', down: false, shown: PAGE_ROWS };

function rateRows() {
  const found = DATA.rates[rateState.key];
  const wanted = rateState.find.trim().toLowerCase();
  const rows = [];
  DATA.tasks.forEach((task, order) => {
    if (rateState.task && task !== rateState.task) return;
    const cells = found.cells[task];
    found.groups.forEach((group, g) => {
      if (wanted && !group.toLowerCase().includes(wanted)) return;
      const [model, baseline] = ['model', 'baseline'].map((who) => {
        const column = cells[who][rateState.metric];
        return [column.v[g], column.lo[g], column.hi[g], column.n ? column.n[g] : null];
      });
      const of = cells.model[rateState.metric].of[g];
      const difference = model[0] === null || baseline[0] === null ? null : model[0] - baseline[0];
      rows.push({ task, order, group, of, model, baseline, difference, few: of < DATA.minCount });
    });
  });
  return rows;
}

const SORTED_BY = {
  task: (row) => row.order,
  group: (row) => row.group,
  of: (row) => row.of,
  baseline: (row) => row.baseline[0],
  model: (row) => row.model[0],
  difference: (row) => row.difference,
};

function sortRows(rows) {
  const value = SORTED_BY[rateState.sort];
  const direction = rateState.down ? -1 : 1;
  // What is undefined comes last, whichever way.
  const compare = (a, b) =>
    a === null ? 1 : b === null ? -1 : typeof a === 'string' ? direction * a.localeCompare(b) : direction * (a - b);
  const undefinedLast = (a, b) => (a === null && b === null ? 0 : compare(a, b));
  return rows.sort((a, b) => undefinedLast(value(a), value(b)) || a.order - b.order || a.group.localeCompare(b.group));
}

function rateTable() {
  const metric = METRICS[rateState.metric];
  const rows = sortRows(rateRows());
  const numbers = rows
    .flatMap((row) => [...row.model.slice(0, 3), ...row.baseline.slice(0, 3)])
    .filter((value) => value !== null);
  const low = rateState.metric === 'auc' ? Math.min(...numbers) : 0;
  const high = Math.max(...numbers);
  const header = (key, text, numeric) =>
    el(
      'th',
      {
        scope: 'col',
        class: numeric ? 'num' : null,
        'aria-sort': rateState.sort === key ? (rateState.down ? 'descending' : 'ascending') : null,
        'data-sort': key,
      },
      el('button', { type: 'button', on: { click: () => resort(key) } }, text),
    );
  const format = metric.format;
  const unit =
    rateState.metric === 'auc'
      ? (value) => (value === null ? 'undefined' : (value > 0 ? '+' : '') + decimal(value))
      : (value) => (value === null ? 'undefined' : `${signedPoints(value)} points`);
  const table = el(
    'table',
    { id: 'rate-table', class: 'cards' },
    el('caption', { class: 'skip' }, `${metric.name} by task and group`),
    el(
      'thead',
      { class: 'kept' },
      el(
        'tr',
        {},
        header('task', 'Task'),
        header('group', 'Group'),
        header('of', `Known ${metric.rows}`, true),
        header('baseline', 'Single-task', true),
        header('model', 'Model', true),
        header('difference', 'Model − single-task', true),
        el('th', { scope: 'col' }, numbers.length ? `${format(low)} to ${format(high)}` : ''),
      ),
    ),
    el(
      'tbody',
      {},
      rows
        .slice(0, rateState.shown)
        .map((row) =>
          el(
            'tr',
            { class: row.few ? 'few' : null, 'data-task': row.task, 'data-group': row.group },
            el('td', {}, el('span', { class: 'task' }, row.task)),
            el(
              'th',
              { scope: 'row' },
              row.group,
              row.few
                ? el('span', { class: 'few-mark', title: `fewer than ${DATA.minCount} ${metric.rows}` }, 'few')
                : null,
            ),
            el('td', { class: 'num of', 'data-label': `Known ${metric.rows}` }, count(row.of)),
            el(
              'td',
              { class: 'num baseline', 'data-label': 'Single-task' },
              estimate(...row.baseline.slice(0, 3), format),
            ),
            el('td', { class: 'num model', 'data-label': 'Model' }, estimate(...row.model.slice(0, 3), format)),
            el('td', { class: 'num difference', 'data-label': 'Difference' }, unit(row.difference)),
            el('td', { class: 'strip' }, numbers.length ? strip(row, low, high) : null),
          ),
        ),
    ),
  );
  const more = rows.length - rateState.shown;
  return [
    scroll('Rates by task and group', table),
    el(
      'p',
      { class: 'note', id: 'rate-count', 'aria-live': 'polite' },
      `${count(Math.min(rateState.shown, rows.length))} of ${count(rows.length)} rows. `,
      more > 0
        ? el(
            'button',
            {
              class: 'plain',
              type: 'button',
              id: 'rate-more',
              on: {
                click: () => {
                  rateState.shown = Infinity;
                  drawRates();
                },
              },
            },
            `Show the other ${count(more)}`,
          )
        : null,
    ),
  ];
}

function resort(key) {
  rateState.down = rateState.sort === key ? !rateState.down : !['task', 'group'].includes(key);
  rateState.sort = key;
  drawRates();
  $('rate-table').querySelector(`th[data-sort="${key}"] button`).focus();
}

function drawRates() {
  const unknown = DATA.rates[rateState.key].unknown;
  $('rate-body').replaceChildren(
    el(
      'p',
      { class: 'print-only' },
      `${METRICS[rateState.metric].name}, groups of ${rateState.key}, ${rateState.task ? `task ${rateState.task}` : 'all tasks'}.`,
    ),
    totalsTable(),
    el(
      'ul',
      { class: 'legend' },
      ['baseline', 'model'].map((who) =>
        el(
          'li',
          {},
          swatch(
            { colour: COLOUR[who], dash: '', shape: who === 'model' ? 'circle' : 'square', hollow: who === 'baseline' },
            0,
          ),
          WHO[who],
        ),
      ),
    ),
    ...rateTable(),
    el(
      'p',
      { class: 'note' },
      `Small print: ${Math.round(1000 * DATA.confidence) / 10} % intervals. Grey, hatched and marked “few”: fewer than ${DATA.minCount} rows behind the rate.` +
        (unknown ? ` ${count(unknown)} rows without a value of ${rateState.key} are in no group.` : ''),
    ),
    el('h3', {}, 'Worst groups, and worst cells of label and group'),
    ...worstTable().filter((part) => part !== null),
  );
}

function startRates() {
  const change = (key) => (value) => {
    rateState[key] = value;
    rateState.shown = PAGE_ROWS;
    drawRates();
  };
  body('rates').append(
    el(
      'div',
      { class: 'controls' },
      select(
        'Task',
        [['', `all ${DATA.tasks.length}`], ...DATA.tasks.map((task) => [task, task])],
        '',
        change('task'),
        'rate-task',
      ),
      select(
        'Groups of',
        DATA.groups.map((key) => [key, `${key} (${DATA.rates[key].groups.length})`]),
        DATA.group,
        change('key'),
        'rate-key',
      ),
      select(
        'Metric',
        Object.entries(METRICS).map(([key, metric]) => [key, metric.name]),
        'fpr',
        change('metric'),
        'rate-metric',
      ),
      el(
        'label',
        {},
        'Find a group',
        el('input', { type: 'search', id: 'rate-find', on: { input: (event) => change('find')(event.target.value) } }),
      ),
    ),
    el('div', { id: 'rate-body' }),
    el('h3', {}, 'What another threshold would do'),
    el('div', { id: 'threshold' }),
  );
  drawRates();
  whenNear($('threshold'), startThreshold);
}
