// Per task the worst group and the worst cell of label and group, of both models.
const WORST = {
  worst_group_error: { name: 'Error, worst group', format: percent },
  worst_cell_error: { name: 'Error, worst cell', format: percent },
  worst_group_auc: { name: 'AUC, worst group', format: decimal },
  worst_cell_auc: { name: 'AUC, worst cells', format: decimal },
};
const SIDES = { subgroup: 'within the group', bpsn: 'BPSN', bnsp: 'BNSP' };
const sideText = (side) => (side ? `, ${SIDES[side] ?? side}` : '');

function worstTable() {
  const tasks = DATA.tasks.filter((task) => !rateState.task || task === rateState.task);
  const cell = (found, metric, who) =>
    el(
      'td',
      { class: 'num', 'data-label': who === 'model' ? 'Model' : 'Single-task', title: found.reason || null },
      estimate(found.value, found.lower, found.upper, metric.format),
      found.group === null
        ? null
        : el('div', { class: 'ends' }, el('span', { class: 'group' }, found.group), sideText(found.side)),
    );
  const leftOut = new Map();
  const rows = tasks.flatMap((task) =>
    Object.entries(WORST).map(([key, metric], number) => {
      const found = DATA.rates[rateState.key].worst[task][key];
      found.model.left_out.forEach(([group, side]) => {
        const what = `${metric.name}: ${group}${sideText(side)}`;
        leftOut.set(what, [...(leftOut.get(what) ?? []), task]);
      });
      return el(
        'tr',
        { 'data-task': task, 'data-metric': key },
        el('td', {}, el('span', { class: 'task' }, number === 0 || rateState.task ? task : '')),
        el('th', { scope: 'row' }, metric.name),
        cell(found.baseline, metric, 'baseline'),
        cell(found.model, metric, 'model'),
        el('td', { class: 'num', 'data-label': 'Rows' }, found.model.of ? count(found.model.of) : ''),
      );
    }),
  );
  const from = DATA.evaluatedFrom;
  const entries = [...leftOut].map(([what, tasksOf]) => el('li', {}, `${what} (${tasksOf.join(', ')})`));
  return [
    scroll(
      'Worst groups and cells by task',
      el(
        'table',
        { id: 'worst-table', class: 'cards' },
        head(['Task'], ['Worst off'], ['Single-task', true], ['Model', true], ['Rows behind the model’s', true]),
        el('tbody', {}, rows),
      ),
    ),
    el(
      'p',
      { class: 'note' },
      'BPSN: the group’s negatives against the other groups’ positives; BNSP: its positives against their negatives.',
    ),
    entries.length
      ? el(
          'details',
          { id: 'worst-left-out' },
          el('summary', {}, `${count(entries.length)} left out: ${from > 1 ? `fewer than ${count(from)}` : 'no'} rows`),
          el('ul', { class: 'plain-list' }, entries),
        )
      : null,
  ];
}
