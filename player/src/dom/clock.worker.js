// Ticks in a worker, because a hidden tab's own timers are slowed down to one a second, later one a minute.
setInterval(() => postMessage(0), 250);
