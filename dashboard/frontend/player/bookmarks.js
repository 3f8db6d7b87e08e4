// Where a listener was in each recording, and how fast they listen: a reload goes on there.

import { store, stored } from "../shared/storage.js";

const PLACES = "batchscribe.places";
const SPEED = "batchscribe.speed";
const MOST_PLACES = 100;

/** The time in the recording of a job, in seconds; 0 if it was never played. */
export const placeIn = (jobId) => placesKept().find(([known]) => known === jobId)?.[1] ?? 0;

/**
 * Keep the time in the recording of a job; those that were left longest ago are forgotten.
 *
 * It is rounded up: a little earlier, another word is said.
 */
export function keepPlace(jobId, seconds) {
  const others = placesKept().filter(([known]) => known !== jobId);
  store(PLACES, [[jobId, Math.ceil(seconds * 1000) / 1000], ...others].slice(0, MOST_PLACES));
}

export const speedKept = () => stored(SPEED) ?? 1;
export const keepSpeed = (speed) => store(SPEED, speed);

function placesKept() {
  const kept = stored(PLACES);
  return Array.isArray(kept) ? kept : [];
}
