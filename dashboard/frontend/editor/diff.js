// Which elements two sequences have in common, in order: the greedy algorithm of Myers (1986).

// Beyond so many differences the two are called different throughout: time and memory grow with their square.
const MOST_DIFFERENCES = 4000;

/** Return for each element of *after* the index of its partner in *before*, or -1; partners never cross. */
export function partnersOf(before, after) {
  const partners = new Int32Array(after.length).fill(-1);
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) partners[head] = head++;
  let tail = 0;
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) {
    tail++;
    partners[after.length - tail] = before.length - tail;
  }
  const middle = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  for (const [one, other] of common(...middle)) partners[head + other] = head + one;
  return partners;
}

/** Return the pairs of indexes of what is common to both, last first. */
function common(before, after) {
  if (!before.length || !after.length) return [];
  if (Math.abs(before.length - after.length) > MOST_DIFFERENCES) return []; // so many differences at least
  const furthest = new Int32Array(2 * (before.length + after.length) + 3);
  const centre = before.length + after.length + 1;
  const steps = [];
  for (let edits = 0; edits <= Math.min(before.length + after.length, MOST_DIFFERENCES); edits++) {
    steps.push(furthest.slice(centre - edits, centre + edits + 1));
    if (reach(before, after, furthest, centre, edits)) return walkBack(before, after, steps);
  }
  return [];
}

/** Go as far as possible with so many edits, on every diagonal; return whether both ends are reached. */
function reach(before, after, furthest, centre, edits) {
  for (let diagonal = -edits; diagonal <= edits; diagonal += 2) {
    const at = centre + diagonal;
    const down = diagonal === -edits || (diagonal !== edits && furthest[at - 1] < furthest[at + 1]);
    let x = down ? furthest[at + 1] : furthest[at - 1] + 1;
    while (x < before.length && x - diagonal < after.length && before[x] === after[x - diagonal]) x++;
    furthest[at] = x;
    if (x >= before.length && x - diagonal >= after.length) return true;
  }
  return false;
}

function walkBack(before, after, steps) {
  const pairs = [];
  let [x, y] = [before.length, after.length];
  for (let edits = steps.length - 1; edits > 0; edits--) {
    const reached = steps[edits]; // as it was before this step: diagonals -edits … edits
    const diagonal = x - y;
    const at = edits + diagonal;
    const down = diagonal === -edits || (diagonal !== edits && reached[at - 1] < reached[at + 1]);
    const fromX = down ? reached[at + 1] : reached[at - 1];
    const fromY = fromX - (down ? diagonal + 1 : diagonal - 1);
    while (x > fromX && y > fromY && x > 0 && y > 0 && before[x - 1] === after[y - 1]) pairs.push([--x, --y]);
    [x, y] = [fromX, fromY];
  }
  while (x > 0 && y > 0) pairs.push([--x, --y]);
  return pairs;
}
