// What TFMA's components use of a charting library that they would load from the network: tables, and bars in SVG.
class ChartTable {
  constructor(rows) {
    this.head = rows[0].map((cell) => (typeof cell === 'object' && cell !== null ? (cell.label ?? '') : cell));
    this.rows = rows.slice(1);
    this.columns = this.head.map((_, i) => i);
  }
  getNumberOfRows() {
    return this.rows.length;
  }
  // A view names its columns; those that are computed (annotations) are drawn from the values anyway.
  setColumns(columns) {
    this.columns = columns.filter((column) => typeof column === 'number');
  }
  sort([{ column }]) {
    const key = (row) => cellValue(row[column]);
    this.rows.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0));
  }
}
const isCell = (cell) => typeof cell === 'object' && cell !== null;
const cellValue = (cell) => (isCell(cell) ? cell.v : cell);

// A cell's text. TFMA writes some values as elements of its own; no other markup is taken.
function cellContent(cell) {
  const text = isCell(cell) && cell.f !== undefined ? String(cell.f) : String(cellValue(cell) ?? '');
  const parsed = /^<tfma-[a-z0-9-]+[ >]/.test(text)
    ? new DOMParser().parseFromString(text, 'text/html').body.firstElementChild
    : null;
  if (!parsed?.localName.startsWith('tfma-')) return text;
  return el(
    parsed.localName,
    Object.fromEntries(
      [...parsed.attributes].filter(({ name }) => !name.startsWith('on')).map(({ name, value }) => [name, value]),
    ),
  );
}

const chartListeners = new WeakMap();
const chartEvents = {
  addListener(target, name, handler) {
    const found = chartListeners.get(target) ?? [];
    chartListeners.set(target, [...found, [name, handler, false]]);
  },
  addOneTimeListener(target, name, handler) {
    chartListeners.set(target, [...(chartListeners.get(target) ?? []), [name, handler, true]]);
  },
  trigger(target, name, detail) {
    const found = chartListeners.get(target) ?? [];
    chartListeners.set(
      target,
      found.filter(([other, , once]) => other !== name || !once),
    );
    found.filter(([other]) => other === name).forEach(([, handler]) => handler(detail));
  },
};

class Chart {
  constructor(container) {
    this.container = container;
    this.selection = [];
  }
  getSelection() {
    return this.selection;
  }
  setSelection(selection) {
    this.selection = selection ?? [];
    this.mark();
  }
  choose(row) {
    this.setSelection([{ row }]);
    chartEvents.trigger(this, 'select');
  }
  mark() {
    const chosen = new Set(this.selection.map(({ row }) => String(row)));
    this.container
      .querySelectorAll('[data-row]')
      .forEach((node) => node.classList.toggle('chosen', chosen.has(node.getAttribute('data-row'))));
  }
}

class TableChart extends Chart {
  draw(table) {
    let order = table.rows.map((_, i) => i);
    const bodyRows = () =>
      order.map((i) =>
        el(
          'tr',
          { 'data-row': i, tabindex: '0', on: { click: () => this.choose(i) } },
          table.rows[i].map((cell) => el('td', {}, cellContent(cell))),
        ),
      );
    const content = el('tbody', {}, bodyRows());
    const sortBy = (column, header) => {
      const down = header.getAttribute('aria-sort') === 'ascending';
      header.parentNode.querySelectorAll('th').forEach((other) => other.removeAttribute('aria-sort'));
      header.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      const key = (i) => cellValue(table.rows[i][column]);
      order = order.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (down ? -1 : 1));
      content.replaceChildren(...bodyRows());
      chartEvents.trigger(this, 'sort', { column, ascending: !down, sortedIndexes: order });
    };
    const headers = table.head.map((text, column) =>
      el(
        'th',
        { scope: 'col' },
        el('button', { type: 'button', on: { click: (event) => sortBy(column, event.target.parentNode) } }, text),
      ),
    );
    this.container.replaceChildren(
      el('style', {}, TABLE_STYLE),
      el('div', { class: 'sheet' }, el('table', {}, el('thead', {}, el('tr', {}, headers)), content)),
    );
    this.mark();
  }
}
const TABLE_STYLE = `.sheet{overflow:auto;max-height:520px}table{border-collapse:collapse;font:14px system-ui,sans-serif}th,td{padding:6px 10px;border-bottom:1px solid #e6e9ec;text-align:left;white-space:nowrap}
th{position:sticky;top:0;background:#f6f7f7}th button{font:inherit;border:0;background:none;cursor:pointer}.chosen{background:#dcecf7}`;

class BarChart extends Chart {
  draw(table, { width = 680, height = 200 } = {}) {
    const series = table.columns.slice(1);
    const values = table.rows.map((row) => series.map((column) => Number(cellValue(row[column])) || 0));
    const top = Math.max(...values.flat(), 0) || 1;
    const step = (width - 20) / Math.max(1, values.length);
    const bars = svg('g');
    const texts = svg('g');
    series.forEach((_, s) =>
      values.forEach((row, i) => {
        const tall = (Math.max(0, row[s]) / top) * (height - 68);
        const x = 10 + i * step + (s * step * 0.8) / series.length + step * 0.1;
        const name = String(cellValue(table.rows[i][table.columns[0]]));
        const title = svg('title', {}, `${name}: ${plainNumber(row[s])}`);
        bars.append(
          svg(
            'rect',
            {
              x,
              y: height - 30 - tall,
              width: Math.max(1, (step * 0.8) / series.length - 1),
              height: Math.max(tall, 0.5),
              fill: PALETTE[s],
              'data-row': i,
              on: { click: () => this.choose(i) },
            },
            title,
          ),
        );
        texts.append(
          svg(
            'text',
            { x: x + (step * 0.4) / series.length, y: height - 34 - tall, 'text-anchor': 'middle', 'font-size': 11 },
            step > 34 ? plainNumber(row[s]) : '',
          ),
        );
      }),
    );
    const names = table.rows.map((row, i) =>
      svg(
        'text',
        { x: 10 + (i + 0.5) * step, y: height - 12, 'text-anchor': 'middle', 'font-size': 11 },
        step > 70 ? shorten(String(cellValue(row[table.columns[0]])), step / 7) : '',
      ),
    );
    const heading = svg(
      'text',
      { x: 10, y: 12, 'font-size': 12 },
      table.columns
        .slice(1)
        .map((column) => table.head[column])
        .join(', '),
    );
    // TFMA looks for its bars in the second child of the group that is clipped, and for their texts three siblings on.
    const clipped = svg('g', { 'clip-path': 'none' }, svg('g'), bars);
    this.container.replaceChildren(
      svg(
        'svg',
        { viewBox: `0 0 ${width} ${height}`, width, height },
        heading,
        clipped,
        svg('g'),
        svg('g'),
        texts,
        names,
      ),
    );
    this.mark();
  }
}
const shorten = (text, letters) => (text.length > letters ? `${text.slice(0, Math.max(1, letters - 1))}…` : text);

// TFMA's other charts are drawn on this page from the histograms.
class ElsewhereChart extends Chart {
  draw() {
    this.container.replaceChildren(el('p', {}, 'Drawn under “Scores by group”.'));
  }
}
const CHARTS = { Table: TableChart, ColumnChart: BarChart };

class ChartWrapper {
  constructor({ container }) {
    this.container = container;
    this.chart = null;
  }
  setChartType(type) {
    this.type = type;
    this.chart = new (CHARTS[type] ?? ElsewhereChart)(this.container);
  }
  getChart() {
    return this.chart;
  }
  setDataTable(table) {
    this.table = table;
  }
  setOptions(options) {
    this.options = options;
  }
  draw() {
    // A selection in the chart is one of its wrapper.
    if (this.heard !== this.chart)
      chartEvents.addListener(this.chart, 'select', () => chartEvents.trigger(this, 'select'));
    this.heard = this.chart;
    this.chart.draw(this.table, this.options);
    chartEvents.trigger(this, 'ready');
  }
}

const charting = {
  charts: { load: () => Promise.resolve() },
  visualization: {
    DataTable: class extends ChartTable {
      constructor() {
        super([[]]);
      }
    },
    DataView: class extends ChartTable {
      constructor(table) {
        super([table.head, ...table.rows]);
      }
    },
    arrayToDataTable: (rows) => new ChartTable(rows),
    ChartWrapper,
    ColumnChart: BarChart,
    events: chartEvents,
  },
};
