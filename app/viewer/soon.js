// Work that is worth doing once for many reasons.

const MOMENT_MS = 40; // answers of several feeds arrive together; nobody sees this wait

/** A function that does the work once for all calls within a moment; each resolves after it. */
export function soon(work) {
  let waiting = null;
  return () => {
    waiting ??= new Promise((resolve) => { setTimeout(resolve, MOMENT_MS); }).then(() => {
      waiting = null;
      work();
    });
    return waiting;
  };
}
