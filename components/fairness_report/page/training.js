// Curves of both trainings, task weights and what else was recorded.
const epochs = (values) => values.map((value, i) => [i + 1, value]);
const overEpochs = (title, series, y = {}, kept) =>
  lineChart({
    title,
    series,
    upright: kept,
    x: { whole: true, format: String, label: 'epoch' },
    y: { format: plainNumber, ...y },
  });

function startTraining() {
  const { model, baseline } = DATA.training;
  const facts = (who, found) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, WHO[who]),
      el('td', {}, found.network),
      el('td', { class: 'num' }, count(found.parameters)),
      el('td', { class: 'num' }, `${found.kept_epoch} of ${found.epochs}`),
      el('td', { class: 'num' }, count(Math.round(found.rows_per_second))),
      el('td', { class: 'num' }, `${found.seconds.toFixed(0)} s`),
      el('td', {}, found.fairness),
    );
  body('training').append(
    scroll(
      'Both trainings',
      el(
        'table',
        {},
        head(
          ['Model'],
          ['Network'],
          ['Parameters', true],
          ['Epoch kept', true],
          ['Rows a second', true],
          ['Time', true],
          ['Fairness loss'],
        ),
        el('tbody', {}, facts('baseline', baseline), facts('model', model)),
      ),
    ),
    el(
      'div',
      { class: 'charts', id: 'loss-chart' },
      overEpochs(
        'Loss, tasks weighted',
        ['baseline', 'model'].flatMap((who) => [
          {
            name: `${WHO[who]}, train`,
            points: epochs(DATA.training[who].loss.train),
            colour: COLOUR[who],
            dash: '5 3',
            hollow: true,
            shape: who === 'model' ? 'circle' : 'square',
          },
          {
            name: `${WHO[who]}, validation`,
            points: epochs(DATA.training[who].loss.validation),
            colour: COLOUR[who],
            dash: '',
            shape: who === 'model' ? 'circle' : 'square',
          },
        ]),
        {},
        model.kept_epoch,
      ),
      weightPaths(model) || taskWeights(model),
    ),
    el(
      'div',
      { class: 'controls' },
      select(
        'Task',
        DATA.tasks.map((task) => [task, task]),
        DATA.tasks[0],
        drawTraining,
        'training-task',
      ),
    ),
    el('div', { class: 'charts', id: 'training-charts' }),
    el(
      'p',
      { class: 'note' },
      'The upright line is the epoch whose weights were kept. Gap and AUC are measured on the validation split at each epoch’s own threshold.',
    ),
    ...model.notes.map((text) => el('p', { class: 'note' }, text)),
    settingsTable(),
  );
  drawTraining(DATA.tasks[0]);
}

// Weights that a training moved, of all tasks together; nothing where they stood still.
function weightPaths(model) {
  const moved = Object.entries(model.tasks).filter(([, found]) => found.weight);
  if (!moved.length) return null;
  const series = moved.map(([task, found]) => ({ name: task, points: epochs(found.weight) }));
  const figure = overEpochs('Task weights by epoch', series, { low: 0 }, model.kept_epoch);
  figure.id = 'weight-paths';
  return figure;
}

const taskWeights = (model) =>
  el(
    'figure',
    {},
    el('figcaption', {}, 'Task weights in the loss'),
    el(
      'table',
      { id: 'task-weights' },
      el(
        'tbody',
        {},
        Object.entries(model.weights).map(([task, weight]) =>
          el(
            'tr',
            {},
            el('th', { scope: 'row' }, el('span', { class: 'task' }, task)),
            el('td', { class: 'num' }, decimal(weight)),
            el(
              'td',
              {},
              svg(
                'svg',
                { width: 120, height: 12, 'aria-hidden': 'true' },
                svg('rect', { width: Math.max(1, 120 * weight), height: 12, fill: COLOUR.model, rx: 2 }),
              ),
            ),
          ),
        ),
      ),
    ),
  );

function drawTraining(task) {
  const { model, baseline } = DATA.training;
  const found = model.tasks[task];
  const both = (title, key, y) =>
    overEpochs(
      title,
      ['baseline', 'model'].map((who) => ({
        name: WHO[who],
        points: epochs(DATA.training[who].tasks[task][key]),
        colour: COLOUR[who],
        dash: who === 'model' ? '' : '5 3',
        shape: who === 'model' ? 'circle' : 'square',
      })),
      y,
      model.kept_epoch,
    );
  const known = (values) => values.some((value) => value !== null);
  const charts = [both('Validation loss', 'validation_loss'), both('Validation AUC', 'auc')];
  if (known(found.fpr_gap))
    charts.push(both('Validation FPR gap', 'fpr_gap', { format: (v) => `${points(v)} pt`, low: 0 }));
  const parts = Object.entries(found.fairness);
  if (parts.length)
    charts.push(
      overEpochs(
        'Fairness loss by part',
        parts.map(([part, values]) => ({
          name: { head: 'head: task-specific negatives', shared: 'shared layers: shared negatives' }[part] ?? part,
          points: epochs(values),
        })),
        { low: 0 },
        model.kept_epoch,
      ),
    );
  else
    charts.push(
      el(
        'figure',
        {},
        el('figcaption', {}, 'Fairness loss by part'),
        el('p', { class: 'muted' }, 'This training had none.'),
      ),
    );
  if (found.strength)
    charts.push(overEpochs('λ of this task', [{ name: task, points: epochs(found.strength) }], {}, model.kept_epoch));
  if (found.gates) {
    const experts = found.gates.find((gates) => gates !== null).length;
    charts.push(
      overEpochs(
        found.gate_names ? 'What this task’s gate mixes' : 'Experts that this task’s gate uses',
        Array.from({ length: experts }, (_, e) => ({
          name: found.gate_names?.[e] ?? `expert ${e + 1}`,
          points: epochs(found.gates.map((gates) => (gates ? gates[e] : null))),
        })),
        { low: 0, high: 1 },
        model.kept_epoch,
      ),
    );
  }
  $('training-charts').replaceChildren(el('p', { class: 'print-only' }, `Task ${task}.`), ...charts);
}

function settingsTable() {
  const flat = (value, prefix) =>
    value !== null && typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length
      ? Object.entries(value).flatMap(([key, inner]) => flat(inner, prefix ? `${prefix}.${key}` : key))
      : [[prefix, value]];
  return el(
    'details',
    { id: 'settings' },
    el('summary', {}, 'All settings of this run'),
    scroll(
      'Settings',
      el(
        'table',
        {},
        head(['Setting'], ['Value']),
        el(
          'tbody',
          {},
          flat(DATA.settings, '').map(([key, value]) =>
            el('tr', {}, el('th', { scope: 'row' }, el('code', {}, key)), el('td', {}, el('code', {}, shown(value)))),
          ),
        ),
      ),
    ),
  );
}
