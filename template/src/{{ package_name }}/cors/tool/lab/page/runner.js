// Runs at each origin, in a frame of the table: makes the real requests and reports what it sees.
"use strict";

const PATIENCE = 10_000;

async function attempt({ url, method, headers, credentials, isSocket }) {
  try {
    return await (isSocket ? openSocket(url) : callService(url, { method, headers, credentials }));
  } catch (error) {
    return { allowed: false, status: null, names: [], error: `${error.name}: ${error.message}` };
  }
}

async function callService(url, options) {
  const stop = new AbortController();
  const clock = setTimeout(() => stop.abort(), PATIENCE);
  const response = await fetch(url, { ...options, signal: stop.signal });
  clearTimeout(clock);
  const { status, headers } = response;
  // The body of a stream would never end.
  await response.body?.cancel();
  return { allowed: true, status, names: [...headers.keys()], error: "" };
}

function openSocket(url) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    setTimeout(() => reject(new Error("no answer in time")), PATIENCE);
    socket.onerror = () => reject(new Error("the WebSocket did not open"));
    socket.onopen = () => {
      socket.close();
      resolve({ allowed: true, status: 101, names: [], error: "" });
    };
  });
}

// Only the table can be the parent: the policy of this page lets nobody else frame it.
addEventListener("message", async ({ source, origin, data }) => {
  if (source !== parent) return;
  for (const job of data.jobs) {
    source.postMessage({ id: job.id, run: data.run, found: await attempt(job) }, origin);
  }
});
