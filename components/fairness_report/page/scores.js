// How scores separate and how well they are calibrated, by group, from the histograms: TFMA's own plots load a library from
// the network, so these are drawn here.
// Rows that a point of a calibration curve needs.
const LEAST = 30;

function rocCurve([negativeBins, negativeCounts, positiveBins, positiveCounts], bins) {
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

function calibration([negativeBins, negativeCounts, positiveBins, positiveCounts], bins) {
  const tenths = Array.from({ length: 10 }, () => [0, 0, 0]);
  const add = (cells, counts, positive) =>
    cells.forEach((bin, i) => {
      const tenth = tenths[Math.min(9, Math.floor((10 * bin) / bins))];
      tenth[0] += counts[i];
      tenth[1] += positive * counts[i];
      tenth[2] += (counts[i] * (bin + 0.5)) / bins;
    });
  add(negativeBins, negativeCounts, 0);
  add(positiveBins, positiveCounts, 1);
  return tenths.filter(([rows]) => rows >= LEAST).map(([rows, positives, scores]) => [scores / rows, positives / rows]);
}

function scorePlots(task, key) {
  const found = histograms()[key];
  const { groups, rows } = DATA.rates[key];
  const largest = groups
    .map((_, g) => g)
    .sort((a, b) => rows[b] - rows[a])
    .slice(0, 6)
    .sort((a, b) => a - b);
  const unit = { low: 0, high: 1, format: (v) => percent(v, 0) };
  const chart = (title, who, curve, x, y) =>
    lineChart({
      title: `${title}, ${WHO[who]}`,
      diagonal: true,
      x: { ...unit, label: x },
      y: unit,
      series: largest.map((g) => ({ name: groups[g], points: curve(found.tasks[task][who][g], found.bins) })),
    });
  return [
    el(
      'div',
      { class: 'charts wide' },
      ['baseline', 'model'].map((who) => chart('ROC curve (positives found)', who, rocCurve, 'false positive rate')),
    ),
    el(
      'div',
      { class: 'charts wide' },
      ['baseline', 'model'].map((who) =>
        chart('Calibration (share of positives)', who, calibration, 'mean score of a tenth of the scale'),
      ),
    ),
    el(
      'p',
      { class: 'note' },
      `${groups.length > 6 ? `The six largest of ${groups.length} groups. ` : ''}Calibration leaves out tenths with fewer than ${LEAST} rows.`,
    ),
  ];
}
