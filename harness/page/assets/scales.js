/* Numbers along an axis. */
function niceTicks(low, high, count) {
  const raw = (high - low || Math.abs(high) || 1) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((by) => by * power).find((by) => by >= raw * 0.999);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(+(i * step).toPrecision(12));
  return ticks;
}
function logTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++)
    for (const by of [1, 2, 5]) if (by * 10 ** power >= low * 0.999 && by * 10 ** power <= high * 1.001) ticks.push(+(by * 10 ** power).toPrecision(3));
  return ticks;
}
/* A scale of pixels from `start` to `end`; with some room beyond the values, but not below 0 where none is negative. */
function scale(values, start, end, log, fromZero) {
  let low = Math.min(...values), high = Math.max(...values);
  if (log) {
    low = Math.log10(low); high = Math.log10(high);
    const room = (high - low) * 0.06 || 0.3;
    low -= room; high += room;
    const at = (value) => start + (Math.log10(value) - low) / (high - low) * (end - start);
    const ticks = logTicks(10 ** low, 10 ** high);
    return { at, ticks: ticks.length > 1 ? ticks : [10 ** low, 10 ** high].map((one) => +one.toPrecision(2)) };
  }
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 0.5;
  low = fromZero && low >= 0 ? 0 : low >= 0 ? Math.max(0, low - room) : low - room;
  high += room;
  return { at: (value) => start + (value - low) / (high - low) * (end - start), ticks: niceTicks(low, high, 5) };
}
const digits = (value) => value === null ? "" : +value.toPrecision(4) === value ? String(value) : Math.abs(value) >= 1e5 || (value && Math.abs(value) < 1e-4)
  ? value.toExponential(2) : String(+value.toPrecision(4));
