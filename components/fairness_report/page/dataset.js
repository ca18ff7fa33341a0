// Rows, labels, kinds of negatives, anomalies and the inputs.
const dataState = { key: DATA.group, split: 'train', task: DATA.tasks[0] };
const share = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)} %` : '–');

function labelTable() {
  const splits = Object.keys(DATA.data.rows);
  const rows = DATA.tasks.flatMap((task) =>
    splits.map((split, i) => {
      const cell = DATA.data.tasks[task][split];
      return el(
        'tr',
        {},
        i === 0 ? el('th', { scope: 'row', rowspan: splits.length }, el('span', { class: 'task' }, task)) : null,
        el('td', {}, split),
        el('td', { class: 'num' }, count(cell.rows)),
        el('td', { class: 'num' }, share(cell.rows - cell.known, cell.rows)),
        el('td', { class: 'num' }, share(cell.positives, cell.known)),
        ...['shared', 'specific', 'undetermined'].map((kind) => el('td', { class: 'num' }, count(cell[kind]))),
      );
    }),
  );
  return scroll(
    'Labels by task and split',
    el(
      'table',
      { id: 'label-table' },
      head(
        ['Task'],
        ['Split'],
        ['Rows', true],
        ['Label missing', true],
        ['Positives', true],
        ['Shared negatives', true],
        ['Task-specific', true],
        ['Undetermined', true],
      ),
      el('tbody', {}, rows),
    ),
  );
}

function groupTable() {
  const cells = DATA.data.groups[dataState.key][dataState.split]?.[dataState.task] ?? {};
  const rows = Object.entries(cells).map(([group, cell]) => {
    const negatives = cell.known - cell.positives;
    const few = negatives < DATA.minCount;
    return el(
      'tr',
      { class: few ? 'few' : null },
      el('th', { scope: 'row' }, group, few ? el('span', { class: 'few-mark' }, 'few') : null),
      el('td', { class: 'num' }, count(cell.rows)),
      el('td', { class: 'num' }, share(cell.positives, cell.known)),
      el('td', { class: 'num' }, count(negatives)),
      ...['shared', 'specific', 'undetermined'].map((kind) =>
        el(
          'td',
          { class: 'num' },
          `${count(cell[kind])}`,
          el('span', { class: 'ends' }, ` ${share(cell[kind], negatives)}`),
        ),
      ),
    );
  });
  $('data-groups').replaceChildren(
    el('p', { class: 'print-only' }, `Task ${dataState.task}, groups of ${dataState.key}, ${dataState.split} split.`),
    scroll(
      'Labels by group',
      el(
        'table',
        {},
        head(
          ['Group'],
          ['Rows', true],
          ['Positives', true],
          ['Negatives', true],
          ['shared', true],
          ['task-specific', true],
          ['undetermined', true],
        ),
        el('tbody', {}, rows),
      ),
    ),
  );
}

function featureTable() {
  const splits = Object.keys(DATA.data.rows).filter((split) => split !== 'validation');
  const bars = (values) =>
    values && values.length
      ? svg(
          'svg',
          { width: 8 * values.length, height: 24, 'aria-hidden': 'true' },
          values.map((v, i) =>
            svg('rect', {
              x: 8 * i,
              y: 24 - Math.max(1, (24 * v) / Math.max(...values)),
              width: 7,
              height: Math.max(1, (24 * v) / Math.max(...values)),
              fill: '#8c959f',
            }),
          ),
        )
      : '';
  const rows = DATA.data.features.flatMap((feature) =>
    splits
      .filter((split) => feature.splits[split])
      .map((split, i, all) => {
        const found = feature.splits[split];
        const text = found.top
          ? `${count(found.unique)} values: ${found.top.map(([value, part]) => `${value} ${percent(part, 0)}`).join(', ')}`
          : `${plainNumber(found.mean)} ± ${plainNumber(found.std)}, ${plainNumber(found.min)} to ${plainNumber(found.max)}`;
        return el(
          'tr',
          {},
          i === 0 ? el('th', { scope: 'row', rowspan: all.length }, feature.name) : null,
          el('td', {}, split),
          el('td', { class: 'num' }, percent(found.missing)),
          el('td', {}, text),
          el('td', {}, bars(found.histogram)),
        );
      }),
  );
  return el(
    'details',
    { id: 'features' },
    el('summary', {}, `The model’s ${DATA.data.features.length} inputs, train and test`),
    scroll(
      'Inputs',
      el(
        'table',
        {},
        head(['Input'], ['Split'], ['Missing', true], ['Values'], ['Distribution']),
        el('tbody', {}, rows),
      ),
    ),
    el(
      'p',
      { class: 'note' },
      'From TensorFlow Data Validation: mean ± standard deviation and range of numbers, commonest values of categories. Its own view (Facets) loads its code from the network, so it is not here.',
    ),
  );
}

function startData() {
  const { warnings, leftOut, anomalies } = DATA.data;
  const lines = Object.values(anomalies).flat();
  const list = (texts) =>
    el(
      'ul',
      { class: 'warnings' },
      texts.map((text) => el('li', {}, text)),
    );
  const change = (key) => (value) => {
    dataState[key] = value;
    groupTable();
  };
  const groupSplits = Object.keys(DATA.data.groups[DATA.group]);
  dataState.split = groupSplits[0];
  body('data').append(
    labelTable(),
    el(
      'p',
      { class: 'note' },
      'A task-specific negative is a negative of this task that is a positive of every other task whose label is known (or of any other, by the rule of the run). Where no other label is known it is undetermined.',
    ),
    el('h3', {}, 'By group'),
    el(
      'div',
      { class: 'controls' },
      select(
        'Task',
        DATA.tasks.map((task) => [task, task]),
        dataState.task,
        change('task'),
        'data-task',
      ),
      select(
        'Groups of',
        DATA.groups.map((key) => [key, key]),
        dataState.key,
        change('key'),
        'data-key',
      ),
      select(
        'Split',
        groupSplits.map((split) => [split, split]),
        dataState.split,
        change('split'),
        'data-split',
      ),
    ),
    el('div', { id: 'data-groups' }),
    el('h3', {}, 'Warnings'),
    warnings.length ? list(warnings) : el('p', { class: 'muted' }, 'None.'),
    el('h3', {}, 'Left out'),
    leftOut.length
      ? list(leftOut)
      : el(
          'p',
          { class: 'muted' },
          'Every row of the log is in a split, and every row found its match in the side tables.',
        ),
    el('h3', {}, 'Anomalies against the schema'),
    lines.length ? list(lines) : el('p', { class: 'muted' }, `None in ${Object.keys(anomalies).join(', ')}.`),
    featureTable(),
  );
  groupTable();
}
