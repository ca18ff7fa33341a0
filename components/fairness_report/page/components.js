// TFMA's and Fairness Indicators' own web components, which the page carries.
const componentState = { task: 0, key: '', host: null };
const tfmaTables = new Map();
const tfmaTable = (number) => {
  if (!tfmaTables.has(number)) tfmaTables.set(number, readJson(`tfma-data-${number}`));
  return tfmaTables.get(number);
};

function loadComponents() {
  if (customElements.get('fairness-nb-container')) return;
  // The library would otherwise ask the network for a font and for a charting library.
  window.polymerSkipLoadingFontRoboto = true;
  window.google = charting;
  const script = document.createElement('script');
  script.textContent = $('tfma-library').textContent;
  document.head.append(script);
}

// Rows of a table in the form that the components take: {metric: {doubleValue}}.
const metricsOf = (names, values) =>
  Object.fromEntries(
    names
      .map((name, i) => [name, values[i]])
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, { doubleValue: value }]),
  );
const chosenSlices = (table, key) =>
  table.slices.map((slice, i) => [slice, i]).filter(([slice]) => slice[0] === '' || slice[0] === key);

function fairnessIndicators(table, key) {
  const rows = (who) =>
    chosenSlices(table, key).map(([[, value, slice], i]) => ({
      slice,
      sliceValue: value,
      metrics: metricsOf(table.names, table[who][i]),
    }));
  const container = document.createElement('fairness-nb-container');
  // The component's percentages are how far the second differs from the first.
  Object.assign(container, {
    evalName: 'single-task',
    evalNameCompare: 'model',
    weightColumn: 'weighted_example_count',
  });
  container.slicingMetrics = rows('baseline');
  container.slicingMetricsCompare = rows('model');
  return container;
}

// Chooses the false positive rate and every slice: by default the component shows accuracy of three slices.
function preselect(container) {
  const selector = container.shadowRoot.querySelector('fairness-metric-and-slice-selector');
  const board = container.shadowRoot.querySelector('fairness-metrics-board');
  const wanted = selector.metricsListCandidates_.filter((candidate) => candidate.fc.endsWith('/false_positive_rate'));
  if (wanted.length) selector.selectedMetricsListCandidates_ = wanted;
  const every = () =>
    board.shadowRoot.querySelectorAll('fairness-metric-summary').forEach((summary) => {
      const candidates = (summary.slicesDropDownMenuCandidates_ ?? []).filter(
        (candidate) => !candidate.lb || candidate.text === 'Overall',
      );
      if (summary.chosenByPage || candidates.length === 0) return;
      summary.chosenByPage = true;
      summary.set('selectedSlicesDropDownMenuCandidates_', candidates.slice(0, summary.MAX_NUM_SLICES));
    });
  // On a narrow screen the chart lies beside the list of metrics.
  const host = $('fairness-indicators');
  if (host.scrollWidth > 1.5 * host.clientWidth) host.scrollLeft = selector.getBoundingClientRect().width;
  new MutationObserver(every).observe(board.shadowRoot, { childList: true, subtree: true });
  every();
}

// Both models as one output, since the component starts empty where it has to be told which.
function slicingMetrics(table, key, task) {
  const element = document.createElement('tfma-nb-slicing-metrics');
  const named = (who, i) =>
    Object.fromEntries(
      Object.entries(metricsOf(table.names, table[who][i])).map(([name, value]) => [`${name} (${WHO[who]})`, value]),
    );
  element.config = { weightedExamplesColumn: 'weighted_example_count (model)' };
  element.data = chosenSlices(table, key).map(([[, , slice], i]) => ({
    slice,
    metrics: { [task]: { '': { ...named('model', i), ...named('baseline', i) } } },
  }));
  return element;
}

function drawComponents() {
  const table = tfmaTable(componentState.task);
  loadComponents();
  const container = fairnessIndicators(table, componentState.key);
  $('fairness-indicators').replaceChildren(container);
  // The component fills its own list of metrics in a later turn.
  setTimeout(() => setTimeout(() => preselect(container), 0), 0);
  const task = DATA.tasks[componentState.task];
  $('slicing-metrics').replaceChildren();
  if ($('slicing-details').open) $('slicing-metrics').replaceChildren(slicingMetrics(table, componentState.key, task));
  const group = DATA.groups.find((key) => `group/${key}` === componentState.key);
  $('score-plots').replaceChildren(
    el('p', { class: 'print-only' }, `Task ${task}, slices of ${componentState.key}.`),
    ...(group ? scorePlots(task, group) : [el('p', { class: 'muted' }, 'Curves are drawn for groups.')]),
  );
}

function startComponents() {
  const keys = [...new Set(tfmaTable(0).slices.map(([key]) => key))].filter((key) => key !== '');
  const primary = `group/${DATA.group}`;
  const order = [...keys.filter((key) => key.startsWith('group/')), ...keys.filter((key) => !key.startsWith('group/'))];
  componentState.key = order.includes(primary) ? primary : (order[0] ?? '');
  const change = (key) => (value) => {
    componentState[key] = key === 'task' ? Number(value) : value;
    drawComponents();
  };
  const openSlicing = () => {
    if ($('slicing-details').open && !$('slicing-metrics').firstChild)
      $('slicing-metrics').append(
        slicingMetrics(tfmaTable(componentState.task), componentState.key, DATA.tasks[componentState.task]),
      );
  };
  body('components').append(
    el(
      'p',
      { class: 'print-only' },
      'Fairness Indicators and the table of all metrics are interactive and not printed; open this page in a browser.',
    ),
    el(
      'div',
      { class: 'controls' },
      select(
        'Task',
        DATA.tasks.map((task, number) => [String(number), task]),
        '0',
        change('task'),
        'component-task',
      ),
      select(
        'Slices of',
        order.map((key) => [key, key]),
        componentState.key,
        change('key'),
        'component-key',
      ),
    ),
    el(
      'div',
      { class: 'screen-only' },
      el('div', { class: 'components-host', id: 'fairness-indicators' }),
      el(
        'p',
        { class: 'note' },
        'Fairness Indicators’ own component: rates at fixed thresholds, model beside single-task; the percentages are how far the model lies above (↑) or below (↓) the single-task model. It shows 15 slices at most. The gate judges at the model’s own thresholds, which the table above has.',
      ),
      el(
        'details',
        { id: 'slicing-details', on: { toggle: openSlicing } },
        el('summary', {}, 'All metrics by slice (TensorFlow Model Analysis)'),
        el('div', { class: 'components-host', id: 'slicing-metrics' }),
      ),
    ),
    el('h3', {}, 'Scores by group'),
    el('div', { id: 'score-plots' }),
  );
  drawComponents();
}
