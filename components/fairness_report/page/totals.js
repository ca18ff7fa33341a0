// Per task what the rates add up to: the gap between groups, or the figure over all rows.
function totalsTable() {
  const metric = METRICS[rateState.metric];
  const tasks = DATA.tasks.filter((task) => !rateState.task || task === rateState.task);
  const inPoints = (value) => points(value);
  const cells = (found, format) => estimate(found.value, found.lower, found.upper, format);
  const fromSummary = (found) => ({
    value: found.value,
    lower: found.interval?.[0] ?? null,
    upper: found.interval?.[1] ?? null,
  });
  const rows = tasks.map((task) => {
    if (metric.gap) {
      const gap = DATA.rates[rateState.key].gaps[task][rateState.metric];
      const ends =
        gap.model.highest === null
          ? [gap.model.reason]
          : rateState.metric === 'fpr'
            ? [
                el('span', { class: 'group' }, gap.model.highest),
                ' over ',
                el('span', { class: 'group' }, gap.model.lowest),
              ]
            : [
                el('span', { class: 'group' }, gap.model.lowest),
                ' under ',
                el('span', { class: 'group' }, gap.model.highest),
              ];
      return [
        task,
        cells(gap.baseline, inPoints),
        cells(gap.model, inPoints),
        cells(gap.ratio, decimal),
        ends,
        gap.ratio.reason,
      ];
    }
    const total = DATA.totals[task][metric.total];
    const ratio = total.ratio
      ? fromSummary(total.ratio)
      : {
          value:
            total.model.value === null || total.baseline.value === null
              ? null
              : total.model.value / total.baseline.value,
          lower: null,
          upper: null,
        };
    return [
      task,
      cells(fromSummary(total.baseline), metric.format),
      cells(fromSummary(total.model), metric.format),
      total.ratio ? cells(ratio, decimal) : [decimal(ratio.value)],
      metric.total === 'error' ? cells(fromSummary(DATA.totals[task].difference), signedPoints) : [''],
      '',
    ];
  });
  const what = metric.gap ? `${rateState.metric.toUpperCase()} gap, points` : `${metric.name}, all rows`;
  const columns = [
    ['Task'],
    [`${what}: single-task`, true],
    ['model', true],
    ['ratio', true],
    ...(metric.gap ? [['Worst off']] : []),
    ...(metric.total === 'error' ? [['difference, points', true]] : []),
  ];
  return scroll(
    'Totals by task',
    el(
      'table',
      { id: 'gap-table', class: 'cards' },
      head(...columns),
      el(
        'tbody',
        {},
        rows.map(([task, baseline, model, ratio, ends, reason]) =>
          el(
            'tr',
            { 'data-task': task },
            el('th', { scope: 'row' }, el('span', { class: 'task' }, task)),
            el('td', { class: 'num', 'data-label': 'Single-task' }, baseline),
            el('td', { class: 'num', 'data-label': 'Model' }, model),
            el('td', { class: 'num', 'data-label': 'Ratio', title: reason || null }, ratio),
            metric.gap ? el('td', { 'data-label': 'Worst off' }, ends) : null,
            metric.total === 'error' ? el('td', { class: 'num', 'data-label': 'Difference, points' }, ends) : null,
          ),
        ),
      ),
    ),
  );
}
