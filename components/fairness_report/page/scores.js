// How scores separate and how well they are calibrated, by group, from the histograms: TFMA's own plots load a library from
// the network, so these are drawn here.
// Rows that a point of a calibration curve needs.
const LEAST = 30;

function rocCurve([negativeBins, negativeCounts, positiveBins, positiveCounts]) {
  const [negatives, positives] = [total(negativeCounts), total(positiveCounts)];
  if (!negatives || !positives) return [];
  const cells = new Map();
  negativeBins.forEach((bin, i) => cells.set(bin, [negativeCounts[i], 0]));
  positiveBins.forEach((bin, i) => cells.set(bin, [cells.get(bin)?.[0] ?? 0, positiveCounts[i]]));
  const found = [[0, 0]];
  let [fp, tp] = [0, 0];
  for (const bin of [...cells.keys()].sort((a, b) => b - a)) {
    fp += cells.get(bin)[0];
    tp += cells.get(bin)[1];
    found.push([fp / negatives, tp / positives]);
  }
  const every = Math.ceil(found.length / 150);
  return found.filter((_, i) => i % every === 0 || i === found.length - 1);
}

// Ten points of about equally many rows each, from the lowest scores to the highest: tenths of the scale would hold all rows
// of a rare task in the first.
function calibration([negativeCells, negativeCounts, positiveCells, positiveCounts], thresholds) {
  const rows = new Map();
  const add = (cells, counts, positive) =>
    cells.forEach((cell, i) => {
      const [all, positives] = rows.get(cell) ?? [0, 0];
      rows.set(cell, [all + counts[i], positives + positive * counts[i]]);
    });
  add(negativeCells, negativeCounts, 0);
  add(positiveCells, positiveCounts, 1);
  const wanted = Math.max(LEAST, (total(negativeCounts) + total(positiveCounts)) / 10);
  const found = [];
  let [all, positives, scores] = [0, 0, 0];
  for (const cell of [...rows.keys()].sort((a, b) => a - b)) {
    const [more, ofPositives] = rows.get(cell);
    const middle = cell ? (thresholds[cell - 1] + thresholds[cell]) / 2 : 0;
    [all, positives, scores] = [all + more, positives + ofPositives, scores + more * middle];
    if (all >= wanted) {
      found.push([scores / all, positives / all]);
      [all, positives, scores] = [0, 0, 0];
    }
  }
  if (all >= LEAST) found.push([scores / all, positives / all]);
  return found;
}

function scorePlots(task, key) {
  const found = histograms()[key][task];
  const { groups, rows } = DATA.rates[key];
  const largest = groups
    .map((_, g) => g)
    .sort((a, b) => rows[b] - rows[a])
    .slice(0, 6)
    .sort((a, b) => a - b);
  const chart = (title, who, curve, x, high) => {
    const series = largest.map((g) => ({
      name: groups[g],
      points: curve(found[who].groups[g], found[who].thresholds),
    }));
    // Both axes end alike, so that the diagonal is where they agree.
    const end = high ?? Math.max(1e-9, ...series.flatMap((s) => s.points.flat()));
    const unit = { low: 0, high: end, format: (v) => `${plainNumber(100 * v)} %` };
    return lineChart({ title: `${title}, ${WHO[who]}`, diagonal: true, x: { ...unit, label: x }, y: unit, series });
  };
  return [
    el(
      'div',
      { class: 'charts wide' },
      ['baseline', 'model'].map((who) => chart('ROC curve (positives found)', who, rocCurve, 'false positive rate', 1)),
    ),
    el(
      'div',
      { class: 'charts wide' },
      ['baseline', 'model'].map((who) =>
        chart('Calibration (share of positives)', who, calibration, 'mean score of a tenth of the rows'),
      ),
    ),
    el(
      'p',
      { class: 'note' },
      `${groups.length > 6 ? `The six largest of ${groups.length} groups. ` : ''}Calibration leaves out what is left of the rows after its last point where that is fewer than ${LEAST}.`,
    ),
  ];
}
